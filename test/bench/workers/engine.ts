// The engine beside the limit and the peers; plain Node, without a loader's help.
import type { Breaker } from '../../../src/breaker/breaker.ts';
import { createBreaker } from '../../../src/breaker/create-breaker.ts';
import type { BreakerOptions } from '../../../src/core/options.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
import { attachTelemetry } from '../../../src/telemetry/attach.ts';
import { type Call, cockatiel, inSpan, openCockatiel, openOpossum, opossum, registerSdk, wrapper } from '../support/contenders.ts';
import { inFlight, interleave } from '../support/interleave.ts';

const spanned = process.argv.includes('--span');
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice(7);
/** Without the peers. */
const alone = process.argv.includes('--ours');
const pace = {
  ...(process.argv.includes('--quick') ? { rounds: 9, sliceMs: 5 } : { rounds: 41, sliceMs: 10 }),
  omitted: alone ? /opossum|cockatiel/ : /^$/,
};

registerSdk();
const registry = createRegistry();
attachTelemetry(registry);

const target = { system: 'redis', address: '127.0.0.1', port: 6_379, operation: 'read', server: 'redis://127.0.0.1:6379' };
let made = 0;
/** As an instrumentation makes it: in a registry with telemetry, with the watch over calls that hang. */
function observed(options: BreakerOptions = {}): Breaker {
  made += 1;
  return registry.get(`redis://127.0.0.1:6379 read ${made}`, target, { defaults: { stall: {}, ...options } });
}

const boom = Object.assign(new Error('boom'), { code: 'ECONNREFUSED' });
const succeeds: Call = async () => undefined;
const fails: Call = async () => {
  throw boom;
};
const { signal } = new AbortController();
const swallowed =
  (call: Call): Call =>
  async () => {
    try {
      await call();
    } catch {
      // What is measured.
    }
  };
/** Failing all the time, and never opening. */
const patient: BreakerOptions = { failureRatio: undefined };

class FreshError extends Error {}
Object.defineProperty(FreshError.prototype, 'code', { value: 'EFRESH' });
const resolved = Promise.resolve();
function fresh(): Error {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = new FreshError('refused');
  Error.stackTraceLimit = before;
  return error;
}

const scenarios: Record<string, () => Promise<Record<string, number[]>>> = {};
for (const loops of [1, 10, 1_000]) {
  scenarios[`closed, ${loops} in flight`] = () => {
    const plain = createBreaker();
    const full = observed();
    return interleave(
      {
        bare: inFlight(loops, () => succeeds()),
        wrapper: inFlight(loops, () => wrapper(succeeds)),
        ours: inFlight(loops, () => plain.run(succeeds)),
        'ours, telemetry': inFlight(loops, () => full.run(succeeds)),
        opossum: inFlight(loops, opossum(succeeds, false)),
        'opossum, metrics': inFlight(loops, opossum(succeeds, true)),
        cockatiel: inFlight(loops, cockatiel(succeeds, false)),
        'cockatiel, metrics': inFlight(loops, cockatiel(succeeds, true)),
      },
      pace,
    );
  };
}
scenarios['closed, with a signal'] = () => {
  const full = observed();
  return interleave({ wrapper: inFlight(1, () => wrapper(succeeds)), 'ours, telemetry': inFlight(1, () => full.run(succeeds, { signal })) }, pace);
};
scenarios['closed, with a time-out'] = () => {
  const full = observed({ timeoutMs: 5_000 });
  return interleave({ wrapper: inFlight(1, () => wrapper(succeeds)), 'ours, telemetry': inFlight(1, () => full.run(succeeds)) }, pace);
};
scenarios['closed, tryAcquire and settle'] = () => {
  const full = observed();
  const call: Call = async () => {
    const permit = full.tryAcquire();
    await succeeds();
    permit?.succeed();
  };
  return interleave({ wrapper: inFlight(1, () => wrapper(succeeds)), 'ours, telemetry': inFlight(1, call) }, pace);
};
scenarios['failing'] = () => {
  const full = observed(patient);
  return interleave(
    {
      bare: inFlight(1, swallowed(fails)),
      wrapper: inFlight(
        1,
        swallowed(() => wrapper(fails)),
      ),
      'ours, telemetry': inFlight(
        1,
        swallowed(() => full.run(fails)),
      ),
      opossum: inFlight(1, swallowed(opossum(fails, false))),
      'opossum, metrics': inFlight(1, swallowed(opossum(fails, true))),
      cockatiel: inFlight(1, swallowed(cockatiel(fails, false))),
      'cockatiel, metrics': inFlight(1, swallowed(cockatiel(fails, true))),
    },
    pace,
  );
};
scenarios['failing, window of 10 or 100,000'] = () => {
  const few = observed({ ...patient, window: { type: 'count', size: 10 } });
  const many = observed({ ...patient, window: { type: 'count', size: 100_000 } });
  return interleave(
    {
      'window of 10': inFlight(
        1,
        swallowed(() => few.run(fails)),
      ),
      'window of 100,000': inFlight(
        1,
        swallowed(() => many.run(fails)),
      ),
    },
    pace,
  );
};
scenarios['rejection'] = () => {
  const full = observed({ open: { durationMs: 1_000_000, maxMs: 1_000_000 } });
  full.report(boom, { refused: true });
  return interleave(
    {
      'fresh error, rejected at once': inFlight(
        1,
        swallowed(() => Promise.reject(fresh())),
      ),
      'fresh error, rejected a turn later': inFlight(
        1,
        swallowed(() => {
          const error = fresh();
          return resolved.then(() => {
            throw error;
          });
        }),
      ),
      'ours, telemetry': inFlight(
        1,
        swallowed(() => full.run(succeeds)),
      ),
      opossum: inFlight(1, swallowed(openOpossum(succeeds))),
      cockatiel: inFlight(1, swallowed(openCockatiel(succeeds))),
    },
    pace,
  );
};

async function main(): Promise<void> {
  const results: Record<string, Record<string, number[]>> = {};
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (only !== undefined && !name.includes(only)) continue;
    results[name] = await scenario();
  }
  console.log(JSON.stringify(results));
  process.exit();
}

// A recording span around everything: the one difference to the other run.
await (spanned ? inSpan(main) : main());
