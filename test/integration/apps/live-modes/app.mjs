// Calls real servers and says how each call ended and in which order; the same with and without a preload.
import { createRequire } from 'node:module';
import { Redis } from 'ioredis';
import pg from 'pg';

const { serve } = createRequire(import.meta.url)('../../../support/serve.cjs');
const { REDIS_PORT, PG_URL, HTTP_URL } = process.env;
/** Of this process: its twin writes beside it. */
const key = `key of ${process.pid}`;

const redis = new Redis(Number(REDIS_PORT), '127.0.0.1', { maxRetriesPerRequest: 1, retryStrategy: () => 150 });
redis.on('error', () => {});
const pool = new pg.Pool({ connectionString: PG_URL, max: 20 });
pool.on('error', () => {});

const kinds = {
  'redis read': () => redis.get(key),
  'redis write': () => redis.set(key, 'value'),
  'redis callback': () => new Promise((resolve, reject) => redis.get(key, (error, value) => (error ? reject(error) : resolve(value)))),
  'redis pipeline': () => redis.pipeline().get(key).incr(`${key} count`).del(`${key} count`).exec(),
  'pg read': async () => (await pool.query('SELECT 1 AS one')).rows,
  'pg callback': () =>
    new Promise((resolve, reject) => pool.query('SELECT 2 AS two', (error, result) => (error ? reject(error) : resolve(result.rows)))),
  'pg error': () => pool.query('SELECT nonsense'),
  http: async () => (await fetch(HTTP_URL)).status,
  'http impatient': async () => (await fetch(HTTP_URL, { signal: AbortSignal.timeout(1_500) })).status,
};

function identity(error) {
  if (!(error instanceof Error)) return String(error);
  const own = Object.fromEntries(Object.entries(error).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)));
  return {
    ...own,
    type: error.constructor.name,
    name: error.name,
    message: error.message,
    code: error.code,
    cause: error.cause && identity(error.cause),
  };
}

const states = new Map();

/** Starts calls of each kind at once, and says after some time how those stand that have ended. */
async function flood(names, count, withinMs) {
  for (const name of names) {
    const state = { results: Array.from({ length: count }, () => 'pending'), order: [] };
    states.set(name, state);
    for (let index = 0; index < count; index += 1) {
      const settle = (outcome) => {
        state.results[index] = outcome;
        state.order.push(index);
      };
      kinds[name]().then(
        (value) => settle({ value }),
        (error) => settle({ error: identity(error) }),
      );
    }
  }
  await until(withinMs);
  return report();
}

async function until(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end && [...states.values()].some(({ results }) => results.includes('pending'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const report = () => Object.fromEntries(states);

serve({
  flood,
  async late(withinMs) {
    await until(withinMs);
    return report();
  },
  /** What the preload thinks of it; empty without one. */
  breakers() {
    const handle = globalThis[Symbol.for('otel-breaker.registered')]?.handle;
    const list = handle?.registry.list() ?? [];
    return list.map((breaker) => {
      const { name, state, mode, circuit, lastTrip, rejections, shadowRejections } = breaker.snapshot();
      return {
        system: breaker.target.system,
        operation: breaker.target.operation,
        name,
        state,
        mode,
        circuit,
        tripped: lastTrip?.trigger,
        rejections,
        shadowRejections,
      };
    });
  },
  /** As a program that has a use of its own for the signal. */
  handle: (signal) => void process.on(signal, () => {}),
});
