// A service that knows nothing of us: commands on its clients, as it is told.
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';

const { serve } = createRequire(import.meta.url)('../../../support/serve.cjs');
const port = Number(process.env.REDIS_PORT);
const clients = new Map();

function client(name = 'main', options = {}) {
  let found = clients.get(name);
  if (found === undefined) {
    found = new Redis(port, '127.0.0.1', { retryStrategy: () => 100, ...options });
    found.on('error', () => {});
    clients.set(name, found);
  }
  return found;
}

const shown = (value) => (Buffer.isBuffer(value) ? { buffer: value.toString('latin1') } : value);

async function ended(call) {
  const began = performance.now();
  const took = () => Math.round(performance.now() - began);
  try {
    return { value: shown(await call()), ms: took() };
  } catch (error) {
    return { code: error.code ?? error.message, cause: error.cause?.code, ms: took() };
  }
}

client();
serve({
  connect: async (name, options) => void (await client(name, options).ping()),
  call: (command, ...args) => ended(() => client()[command](...args)),
  on: (name, command, ...args) => ended(() => client(name)[command](...args)),
  many: (calls) => Promise.all(calls.map(([command, ...args]) => ended(() => client()[command](...args)))),
  /** Within a span, as of a request. */
  traced: async (calls) => {
    const { trace } = await import('@opentelemetry/api');
    return trace.getTracer('app').startActiveSpan('request', async (span) => {
      for (const [command, ...args] of calls) await ended(() => client()[command](...args));
      span.end();
    });
  },
  pipeline: (calls) => ended(() => client().pipeline(calls).exec()),
  multi: (calls) => ended(() => client().multi(calls).exec()),
  /** Writes one after the other until it is killed, and says on stdout what was acknowledged. */
  write: async (from, to) => {
    for (let n = from; n < to; n += 1) {
      const answer = await client()
        .set(`k${n % 50}`, `${n}`)
        .catch((error) => error.code);
      if (answer === 'OK') process.stdout.write(`${JSON.stringify([n])}\n`);
    }
  },
  breakers: () => {
    const { registry } = globalThis[Symbol.for('otel-breaker.registered')].handle;
    return registry.list().map((breaker) => ({ name: breaker.name, ...breaker.snapshot() }));
  },
  metrics: async () => {
    const { handle } = globalThis[Symbol.for('otel-breaker.registered')];
    // They are served soon after the start, which on a busy machine is after the first calls.
    while (handle.metricsUrl === undefined) await setTimeout(10);
    return (await fetch(handle.metricsUrl)).text();
  },
  stop: () => globalThis[Symbol.for('otel-breaker.registered')].handle.shutdown(),
});
