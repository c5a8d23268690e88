import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCodec } from '../../src/policies/stale-cache/codec.ts';
import { readDeadLetters } from '../../src/storage/dead-letters.ts';

const child = fileURLToPath(new URL('queue-crash-child.ts', import.meta.url));

/** What one process said before it ended. */
export interface Life {
  readonly run: number;
  readonly lines: readonly string[];
  /** When each line was said, in ns. */
  readonly times?: readonly number[];
  readonly stderr: string;
  readonly killed: boolean;
}

export interface CrashReport {
  readonly kills: number;
  readonly acknowledged: number;
  readonly arrived: number;
  /** Arrived again in a later life. */
  readonly duplicates: number;
  readonly deadLetters: number;
  /** Never acknowledged, and yet carried out: allowed. */
  readonly unacknowledged: number;
  /** Killed with entries waiting or on their way. */
  readonly midReplay: number;
  /** What must not be; empty if all is well. */
  readonly faults: readonly string[];
}

/** Runs a process and kills it after so many ms, counted from its being ready or from its start. Never kills one that drains. */
function live(folder: string, run: number, kill: { readonly afterMs: number; readonly from: 'start' | 'ready' } | undefined): Promise<Life> {
  return new Promise((resolve, reject) => {
    const args = ['--import', 'tsx', child, folder, String(run), kill ? 'work' : 'drain'];
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let stderr = '';
    let timer: NodeJS.Timeout | undefined;
    const killLater = (ms: number): void => {
      timer ??= setTimeout(() => started.kill('SIGKILL'), ms);
    };
    if (kill?.from === 'start') killLater(kill.afterMs);
    if (!kill) killLater(60_000);
    started.stdout.on('data', (bytes: Buffer) => {
      text += bytes;
      if (kill && text.startsWith('R\t')) killLater(kill.afterMs);
    });
    started.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes;
    });
    started.on('error', reject);
    started.on('close', (_, signal) => {
      clearTimeout(timer);
      // A line cut short was not said.
      const said = text
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split('\t') as [line: string, time: string]);
      resolve({ run, lines: said.map(([line]) => line), times: said.map(([, time]) => Number(time)), stderr, killed: signal === 'SIGKILL' });
    });
  });
}

/**
 * Lets processes queue and replay writes, kills each at a random moment, and looks at what came of it all.
 * @param processes at a time on one folder
 */
export async function crashRun({
  kills,
  processes = 1,
  progress,
}: {
  kills: number;
  processes?: number;
  progress?: (done: number) => void;
}): Promise<CrashReport> {
  const folder = mkdtempSync(join(tmpdir(), 'otel-breaker-crash-'));
  try {
    const lives: Life[] = [];
    for (let run = 1; run <= kills; run += processes) {
      const together = Array.from({ length: processes }, (_, n) => {
        const from = Math.random() < 0.2 ? 'start' : 'ready';
        // From the start: until about when it has read its log. Some die young, with much still to be replayed.
        return live(folder, run + n, { from, afterMs: from === 'start' ? 200 + Math.random() * 500 : Math.random() ** 2 * 600 });
      });
      lives.push(...(await Promise.all(together)));
      progress?.(lives.length);
    }
    lives.push(await live(folder, kills + processes, undefined));
    return judge(lives, await buried(folder), processes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function buried(folder: string): Promise<Set<string>> {
  const codec = createCodec();
  const letters = await readDeadLetters(folder);
  return new Set(letters.map(({ payload }) => (codec.decode(Buffer.from(payload, 'base64')) as [string, { name: string }])[1].name));
}

/** In the order of time: of processes that lived together, the one that was started later may have been first. */
function arrivalsOf(lives: readonly Life[]): string[] {
  return lives
    .flatMap(({ lines, times }) => lines.map((line, index) => ({ line, time: times?.[index] ?? 0 })))
    .filter(({ line }) => line.startsWith('D '))
    .sort((a, b) => a.time - b.time)
    .map(({ line }) => line.slice(2));
}

/** Names begin with the order in which they were written, and end with their keys. */
export function judge(lives: readonly Life[], deadLetters: ReadonlySet<string>, processes: number): CrashReport {
  const faults: string[] = [];
  const said = (life: Life, kind: string): string[] => life.lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(2));
  const all = (kind: string): string[] => lives.flatMap((life) => said(life, kind));
  const acknowledged = new Set(all('A'));
  const arrivals = arrivalsOf(lives);
  const arrived = new Set(arrivals);
  for (const name of acknowledged) if (!arrived.has(name) && !deadLetters.has(name)) faults.push(`lost: ${name}`);
  for (const name of all('C')) faults.push(`corrupt: ${name}`);
  for (const life of lives) {
    const names = said(life, 'D');
    if (new Set(names).size < names.length) faults.push(`arrived twice in one life: run ${life.run}`);
    if (life.stderr !== '') faults.push(`run ${life.run} complained: ${life.stderr.slice(0, 300)}`);
  }
  if (lives.at(-1)?.lines.at(-1) !== 'E') faults.push('the last one did not drain the queue');
  // Of several processes each keeps its own order only.
  const groups = new Map<string, string[]>();
  for (const name of arrivals) {
    for (const key of (name.split(' ')[1] as string).split(',')) {
      const group = processes === 1 ? key : `${key} of run ${name.slice(0, 6)}`;
      groups.set(group, [...(groups.get(group) ?? []), name]);
    }
  }
  for (const [group, names] of groups) {
    let newest = '';
    let before = '';
    for (const name of names) {
      // What arrives again is the tail of the order: up to the newest, before anything new.
      if (name > newest && before !== newest) faults.push(`an older one was left standing in ${group}: ${before} instead of ${newest}`);
      if (name < newest && names.indexOf(name) === names.lastIndexOf(name)) faults.push(`out of order in ${group}: ${name} after ${newest}`);
      newest = name > newest ? name : newest;
      before = name;
    }
    if (before !== newest) faults.push(`not the last one at last in ${group}: ${before} instead of ${newest}`);
  }
  return {
    kills: lives.filter(({ killed }) => killed).length,
    acknowledged: acknowledged.size,
    arrived: arrived.size,
    duplicates: arrivals.length - arrived.size,
    deadLetters: deadLetters.size,
    unacknowledged: [...arrived].filter((name) => !acknowledged.has(name)).length,
    midReplay: lives.filter((life) => life.killed && said(life, 'D').some((name) => Number(name.slice(0, 6)) < life.run)).length,
    faults,
  };
}
