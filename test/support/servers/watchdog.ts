import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

let input: Writable | undefined;

/** Puts a child under the watchdog: it is ended, with all below it, once this process is gone, were it by SIGKILL. */
export function watch(pid: number, signal: NodeJS.Signals, directory?: string): void {
  tell({ add: pid, signal, directory });
}

/** The child has been ended and its directory removed. */
export function unwatch(pid: number): void {
  tell({ remove: pid });
}

function tell(message: object): void {
  input ??= startWatchdog();
  input.write(`${JSON.stringify(message)}\n`);
}

function startWatchdog(): Writable {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./watchdog-process.mjs', import.meta.url))], {
    // A session of its own: Ctrl-C in the terminal does not reach it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.unref();
  child.stdin.on('error', () => {});
  // It must not keep the starter alive: its end is what the watchdog waits for.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child.stdin;
}
