import { freePort } from '../../support/servers/free-port.ts';
import { startPostgres } from '../../support/servers/postgres.ts';
import { startRedis } from '../../support/servers/redis.ts';
import { type Child, type ChildOptions, startChild } from '../support/child.ts';
import { amount, atLeast, atMost, type Row, told } from '../support/rows.ts';
import { type Figure, figure, ratio } from '../support/statistics.ts';
import { bundle, publishedRegisterFile, workerFile } from '../support/workers.ts';
import type { Part } from './part.ts';

const sdk = workerFile('sdk');
const spans = { BENCH_SPANS: '1' };
/** Of ours alone: no SDK but one that exports to nobody. */
const off = { OTEL_BREAKER_SDK: 'off' };

/**
 * As in a service, whose start fills the young generation until it has its full size. In so small a program it goes on growing while there are
 * calls, unless a preload has filled it; and it is with the first collections at full size that V8 decides, by what survives those, whether it
 * makes the parts of OpenTelemetry's spans in the old generation from then on. That costs 3 µs a call, and whoever had that luck would be compared
 * with who had not.
 */
const nodeArgs = ['--min-semi-space-size=16'];

const contenders = {
  bare: { nodeArgs },
  /** The limit: around each call of the application's, a pipeline being one, try / await, two integers and two reads of the clock. */
  wrapper: { nodeArgs, preload: [sdk, workerFile('wrapped-clients')] },
  ours: { nodeArgs, preload: [sdk, publishedRegisterFile], env: off },
  otel: { nodeArgs, preload: [sdk], env: spans },
  both: { nodeArgs, preload: [sdk, publishedRegisterFile], env: { ...spans, ...off } },
} satisfies Record<string, ChildOptions>;
type Contender = keyof typeof contenders;
const names = Object.keys(contenders) as Contender[];

const columns = ['bare', 'minimal wrapper', 'ours, all telemetry', "OpenTelemetry's own", 'both'];

interface Slice {
  readonly calls: number;
  readonly ms: number;
  readonly cpuUs: number;
}

interface Scenario {
  readonly worker: string;
  readonly what: string;
  readonly server: 'redis' | 'postgres' | 'http';
  /** The least share of the throughput without ours. */
  readonly throughput: number;
  /** The most processor time that a call may take more, in microseconds. */
  readonly cpuUs?: number;
}

const scenarios: readonly Scenario[] = [
  { worker: 'redis-get', what: 'Redis GET, 50 in flight', server: 'redis', throughput: 0.97, cpuUs: 0.4 },
  { worker: 'redis-pipeline', what: 'Redis pipelines of 50', server: 'redis', throughput: 0.97, cpuUs: 0.4 },
  { worker: 'redis-auto', what: 'Redis autopipelining', server: 'redis', throughput: 0.97, cpuUs: 0.4 },
  { worker: 'postgres', what: 'PostgreSQL SELECT 1, pool of 10', server: 'postgres', throughput: 0.97 },
  { worker: 'fetch', what: 'fetch, 50 in flight', server: 'http', throughput: 0.96 },
];

/**
 * V8 decides anew in each process what to inline and where to put what it makes: of two processes that run the same, one has
 * taken 20 % more per query of PostgreSQL for as long as it lived. So nobody is measured in one process alone.
 */
const casts = 5;
/** Until then V8 has compiled what there is to compile, as far as 10,000 calls a second give it reason to. */
const warmUpMs = 2_500;

/** Real clients against real servers, all contenders of a cast alive and working by turns. */
export const clients: Part = async ({ quick }) => {
  await bundle();
  const rows: Row[] = [];
  const lines: string[][] = [];
  const servers = { redis: await startRedis(), postgres: await startPostgres(), http: await startHttp() };
  try {
    for (const scenario of scenarios) {
      const slices = noSlices();
      const { port } = servers[scenario.server];
      for (let cast = 0; cast < (quick ? 1 : casts); cast += 1) await measure(scenario, port, quick ? 4 : 8, slices);
      rows.push(...rowsOf(scenario, slices));
      lines.push([scenario.what, ...names.map((name) => amount(figure(slices[name].map(perSecond)).median))]);
      lines.push([`— CPU µs per call`, ...names.map((name) => amount(figure(slices[name].map(cpu)).median))]);
    }
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
  return { rows, comparisons: [{ title: 'calls per second', columns, lines }] };
};

async function startHttp(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const port = await freePort();
  const server = await startChild('http-server', [`${port}`]);
  return { port, stop: server.stop };
}

const noSlices = (): Record<Contender, Slice[]> => ({ bare: [], wrapper: [], ours: [], otel: [], both: [] });

/** One cast: fresh processes, which add their slices. */
async function measure({ worker }: Scenario, port: number, rounds: number, slices: Record<Contender, Slice[]>): Promise<void> {
  const children = {} as Record<Contender, Child>;
  try {
    for (const name of names) children[name] = await startChild('client', [worker, `${port}`], contenders[name]);
    for (const name of names) await children[name].ask({ ms: warmUpMs });
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < names.length; turn += 1) {
        const name = names[(turn + round) % names.length] as Contender;
        slices[name].push(await children[name].ask<Slice>({ ms: 300 }));
      }
    }
  } finally {
    for (const child of Object.values(children)) await child.stop();
  }
}

const perSecond = ({ calls, ms }: Slice): number => (calls / ms) * 1_000;
const cpu = ({ calls, cpuUs }: Slice): number => cpuUs / calls;

function rowsOf({ what, throughput, cpuUs }: Scenario, slices: Record<Contender, Slice[]>): Row[] {
  const rate = (name: Contender, base: Contender): Figure => ratio(slices[name].map(perSecond), slices[base].map(perSecond));
  const more = (name: Contender, base: Contender): Figure =>
    figure(slices[name].map((slice, round) => cpu(slice) - cpu(slices[base][round] ?? slice)));
  const added = (text: string, name: Contender, base: Contender): Row => {
    const row = `${what}: CPU per call that ${text}`;
    return cpuUs === undefined ? told('clients', row, more(name, base), ' µs') : atMost('clients', row, more(name, base), cpuUs, ' µs');
  };
  return [
    told('clients', `${what}: throughput, minimal wrapper / bare`, rate('wrapper', 'bare')),
    told('clients', `${what}: CPU per call that a minimal wrapper adds`, more('wrapper', 'bare'), ' µs'),
    atLeast('clients', `${what}: throughput, ours with all telemetry / bare`, rate('ours', 'bare'), throughput),
    added('ours adds', 'ours', 'bare'),
    told('clients', `${what}: throughput, OpenTelemetry's own instrumentation / bare`, rate('otel', 'bare')),
    told('clients', `${what}: CPU per call that OpenTelemetry's own adds`, more('otel', 'bare'), ' µs'),
    atLeast('clients', `${what}: throughput, ours beside it / it alone`, rate('both', 'otel'), throughput),
    added('ours adds beside it', 'both', 'otel'),
  ];
}
