// An application under open load: calls come at a rate, whatever becomes of them. Its parent ends and restarts the server.
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { circuitBreaker, handleAll, SamplingBreaker, TimeoutStrategy, timeout, wrap } from 'cockatiel';
import CircuitBreaker from 'opossum';
import { defaultRegistry } from '../../../instrumentations/shared/default-registry.ts';
import { countedOutcomes } from '../../../src/core/outcome.ts';
import type { OutageOrder, OutageResult } from '../support/outage-messages.ts';
import { quantile } from '../support/statistics.ts';

const load = createRequire(import.meta.url);
const [kind = '', contender = '', port = '', batchPort = ''] = process.argv.slice(2);

type Call = () => Promise<unknown>;

const clients: Record<string, (port: number) => Call> = {
  redis(at) {
    const { Redis } = load('ioredis') as typeof import('ioredis');
    const client = new Redis({ port: at, host: '127.0.0.1' });
    client.on('error', () => {});
    return () => client.get('key');
  },
  postgres(at) {
    const { Pool } = load('pg') as typeof import('pg');
    const pool = new Pool({ host: '127.0.0.1', port: at, user: 'postgres', database: 'shop', max: 60 });
    pool.on('error', () => {});
    const sql = at === Number(batchPort) ? 'SELECT pg_sleep(1.5)' : 'SELECT 1';
    return () => pool.query(sql);
  },
  http: (at) => () => fetch(`http://127.0.0.1:${at}/`).then((response) => response.text()),
};

/** Calls that went on to the client, and so to the server if it were there. */
let passed = 0;
const counted =
  (call: Call): Call =>
  () => {
    passed += 1;
    return call();
  };

const guards: Record<string, (call: Call) => Call> = {
  none: (call) => counted(call),
  ours: (call) => call,
  opossum(call) {
    const breaker = new CircuitBreaker(counted(call), { timeout: 500 });
    return () => breaker.fire();
  },
  cockatiel(call) {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000 }) });
    const policy = wrap(breaker, timeout(500, TimeoutStrategy.Aggressive));
    return () => policy.execute(counted(call));
  },
};

const clientOf = clients[kind] as (port: number) => Call;
const call = (guards[contender] as (call: Call) => Call)(clientOf(Number(port)));

function reached(): number {
  if (contender !== 'ours') return passed;
  let calls = 0;
  for (const { target, meters, inFlight } of defaultRegistry().list() ?? []) {
    if (target.port !== Number(port)) continue;
    calls += inFlight;
    for (const outcome of countedOutcomes) calls += meters.calls(outcome, false) + meters.calls(outcome, true);
  }
  return calls;
}

const isRefusal = (error: unknown): boolean => {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return (
    code === 'EBREAKEROPEN' ||
    code === 'EOPENBREAKER' ||
    (error as object)?.constructor?.name === 'BrokenCircuitError' ||
    name === 'BrokenCircuitError'
  );
};

const PENDING = 0;
const OK = 1;
const FAILED = 2;
const REFUSED = 3;
const MAX_CALLS = 200_000;
const began = new Float64Array(MAX_CALLS);
const took = new Float64Array(MAX_CALLS);
const ended = new Uint8Array(MAX_CALLS);
let made = 0;

function make(): void {
  const index = made;
  made += 1;
  began[index] = performance.now();
  const settle = (how: number): void => {
    took[index] = performance.now() - (began[index] as number);
    ended[index] = how;
  };
  call().then(
    () => settle(OK),
    (error: unknown) => settle(isRefusal(error) ? REFUSED : FAILED),
  );
}

let batchRefused = 0;
let batchDone = 0;
async function batch(slow: Call): Promise<void> {
  for (;;) {
    try {
      await slow();
      batchDone += 1;
    } catch (error) {
      if (isRefusal(error)) batchRefused += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

let timer: NodeJS.Timeout | undefined;
function pour(rate: number): void {
  const started = performance.now();
  let poured = 0;
  timer = setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1_000) * rate);
    for (; poured < due && made < MAX_CALLS; poured += 1) make();
  }, 2);
}

const delays = monitorEventLoopDelay({ resolution: 5 });
const marks = { down: 0, up: 0, reachedBefore: 0, reachedAfter: 0, heapBefore: 0, heapAfter: 0, stallMs: 0 };

function result(): OutageResult {
  const refused: number[] = [];
  let firstFast = Number.POSITIVE_INFINITY;
  let lastBad = marks.up;
  const counts = [0, 0, 0, 0];
  for (let index = 0; index < made; index += 1) {
    const how = ended[index] as number;
    const at = began[index] as number;
    const ms = took[index] as number;
    counts[how] = (counts[how] ?? 0) + 1;
    if (how === REFUSED && at >= marks.down && at < firstFast && ms < 5) firstFast = at;
    if (how === REFUSED && at >= firstFast) refused.push(ms);
    if (how !== OK && at > lastBad) lastBad = at;
  }
  refused.sort((a, b) => a - b);
  return {
    made,
    reached: marks.reachedAfter - marks.reachedBefore,
    failFastAfterMs: firstFast - marks.down,
    refusedP99Ms: refused.length === 0 ? Number.NaN : quantile(refused, 0.99),
    refused: counts[REFUSED] ?? 0,
    pending: counts[PENDING] ?? 0,
    recoveredAfterMs: lastBad - marks.up,
    heapGrowthMb: (marks.heapAfter - marks.heapBefore) / 1e6,
    stallMs: marks.stallMs,
    batchDone,
    batchRefused,
  };
}

const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});
const orders: Record<OutageOrder['order'], (order: OutageOrder) => unknown> = {
  start({ rate = 0 }) {
    pour(rate);
    if (batchPort !== '') {
      const slow = (clients[kind === 'postgres' ? 'postgres' : 'http'] as (port: number) => Call)(Number(batchPort));
      for (let loop = 0; loop < 12; loop += 1) batch(slow);
    }
  },
  down() {
    gc();
    Object.assign(marks, { down: performance.now(), reachedBefore: reached(), heapBefore: process.memoryUsage().heapUsed });
    delays.enable();
  },
  up() {
    delays.disable();
    Object.assign(marks, { reachedAfter: reached(), stallMs: delays.max / 1e6 });
    gc();
    Object.assign(marks, { heapAfter: process.memoryUsage().heapUsed, up: performance.now() });
  },
  stop: () => clearInterval(timer),
  result,
};

process.on('message', (order: OutageOrder) => process.send?.(orders[order.order](order) ?? 'done'));
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
