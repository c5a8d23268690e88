import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { descendants, startTime } from './process-tree.mjs';

const starter = fileURLToPath(new URL('./watchdog-starter.ts', import.meta.url));

/** Starts a process that starts servers, ends it by the signal, and tells what was running by then. */
async function startAndEnd(signal: NodeJS.Signals): Promise<{ pids: number[]; directories: string[] }> {
  const child = spawn(process.execPath, ['--import', 'tsx', starter], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    const { servers } = JSON.parse(line) as { servers: { pid: number; directory: string }[] };
    const pids = servers.flatMap(({ pid }) => [pid, ...descendants(pid)]);
    child.kill(signal);
    return { pids, directories: servers.map(({ directory }) => directory) };
  }
  throw new Error('the starter said nothing');
}

it.each(['SIGINT', 'SIGKILL'] as const)('servers and their directories are gone after their starter died of %s', async (signal) => {
  const { pids, directories } = await startAndEnd(signal);
  expect(pids.length).toBeGreaterThan(4);
  await vi.waitFor(
    () => {
      expect(pids.filter((pid) => startTime(pid) !== undefined)).toEqual([]);
      expect(directories.filter((directory) => existsSync(directory))).toEqual([]);
    },
    { timeout: 15_000, interval: 50 },
  );
});
