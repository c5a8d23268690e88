import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { atMost, told } from '../support/rows.ts';
import { figure } from '../support/statistics.ts';
import { bundle, cleanEnvironment, publishedRegisterFile, workerFile } from '../support/workers.ts';
import type { Part } from './part.ts';

const run = promisify(execFile);
const MB = 1_000_000;

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
  readonly rss: number;
}

const contenders = {
  bare: { preload: [], env: {} },
  register: { preload: ['--import', publishedRegisterFile], env: { OTEL_BREAKER_SDK: 'off' } },
  batteries: {
    preload: ['--import', publishedRegisterFile],
    env: { OTEL_BREAKER_SDK: 'on', OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none', OTEL_BREAKER_PROMETHEUS_PORT: '0' },
  },
} as const;

export const startup: Part = async ({ quick }) => {
  await bundle();
  const starts: Record<keyof typeof contenders, Start[]> = { bare: [], register: [], batteries: [] };
  const names = Object.keys(contenders) as (keyof typeof contenders)[];
  for (let round = 0; round < (quick ? 5 : 21); round += 1) {
    for (const name of names) starts[name].push(await start(name));
  }
  const added = (name: keyof typeof contenders, pick: (start: Start) => number) =>
    figure(starts[name].map((each, round) => pick(each) - pick(starts.bare[round] ?? each)));
  const rows = [
    told('start-up', 'bare node', figure(starts.bare.map(({ ms }) => ms)), ' ms'),
    atMost(
      'start-up',
      'register alone adds',
      added('register', ({ ms }) => ms),
      40,
      ' ms',
    ),
    told(
      'start-up',
      'register alone adds, of processor time',
      added('register', ({ cpuMs }) => cpuMs),
      ' ms',
    ),
    atMost(
      'start-up',
      'register alone adds',
      added('register', ({ rss }) => rss / MB),
      15,
      ' MB',
    ),
    told(
      'start-up',
      'with the SDK included it adds',
      added('batteries', ({ ms }) => ms),
      ' ms',
    ),
    told(
      'start-up',
      'with the SDK included it adds',
      added('batteries', ({ rss }) => rss / MB),
      ' MB',
    ),
  ];
  return { rows, comparisons: [] };
};

/** A process that does nothing, to its end: a preload that kept it alive would be seen as well. */
async function start(name: keyof typeof contenders): Promise<Start> {
  const { preload, env } = contenders[name];
  const { stdout } = await run(process.execPath, [...preload, workerFile('startup')], { env: cleanEnvironment(env), timeout: 30_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Start;
}
