// What is allocated per call, and what a breaker holds. Needs --expose-gc and a young generation that one sample does not fill.
import type { Breaker } from '../../../src/breaker/breaker.ts';
import { createBreaker } from '../../../src/breaker/create-breaker.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { BreakerOptions } from '../../../src/core/options.ts';
import type { Target } from '../../../src/core/target.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
import type { BreakerHooks } from '../../../src/registry/registry.ts';
import { attachTelemetry } from '../../../src/telemetry/attach.ts';
import { type Call, cockatiel, opossum, registerSdk, wrapper } from '../support/contenders.ts';
import { inFlight, type Load } from '../support/interleave.ts';

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});
registerSdk();

const boom = new Error('boom');
const succeeds: Call = async () => undefined;
const fails: Call = async () => {
  throw boom;
};
const swallowed =
  (call: Call): Call =>
  async () => {
    try {
      await call();
    } catch {
      // What is measured.
    }
  };

/** Bytes in use: the heap, and what typed arrays keep outside of it. */
function inUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Bytes allocated per call: what the heap has grown by while nothing was collected. The least of some samples: a collection would make it less than it is. */
async function perCall(load: Load): Promise<number> {
  const samples: number[] = [];
  await load(50_000);
  for (let sample = 0; sample < 9; sample += 1) {
    collect();
    const before = inUse();
    const made = await load(20_000);
    samples.push((inUse() - before) / made);
  }
  return samples.sort((a, b) => a - b)[4] as number;
}

const BREAKERS = 5_000;

/** Timers set and not yet run or cancelled: unref'd ones count too. */
let timers = 0;
const countingClock: Clock = {
  ...systemClock,
  setTimer(fn, ms, awaited) {
    let over = false;
    const end = (): void => {
      if (!over) timers -= 1;
      over = true;
    };
    timers += 1;
    const timer = systemClock.setTimer(
      () => {
        end();
        fn();
      },
      ms,
      awaited,
    );
    return {
      cancel() {
        end();
        timer.cancel();
      },
    };
  },
};

/** What a caller hands over and keeps anyway: its name and target. They are made before anything is counted. */
interface Inputs {
  readonly name: string;
  readonly target: Target;
  readonly hooks: BreakerHooks;
}

/** Bytes that each of many breakers holds, once garbage is gone and its timers have run. */
async function perBreaker(make: (inputs: Inputs) => unknown): Promise<number> {
  const inputs = Array.from({ length: BREAKERS + 500 }, (_, index) => inputsOf(index));
  const held: unknown[] = new Array(BREAKERS).fill(undefined);
  for (let index = 0; index < 500; index += 1) await make(inputs[BREAKERS + index] as Inputs);
  await idle();
  const before = inUse();
  for (let index = 0; index < BREAKERS; index += 1) held[index] = await make(inputs[index] as Inputs);
  await idle();
  return (inUse() - before) / held.length;
}

/** Until no breaker waits for anything, and nothing is left of what was. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 40 && timers > 0; turn += 1) await new Promise((resolve) => setTimeout(resolve, 100));
  for (let round = 0; round < 3; round += 1) collect();
}

let names = 0;
function inputsOf(index: number): Inputs {
  names += 1;
  // In one piece: a string just put together is a tree of its parts.
  const text = (made: string): string => Buffer.from(made).toString('latin1');
  const server = text(`redis://10.0.0.5:${names}`);
  const target = { system: 'redis', address: '10.0.0.5', port: index, operation: 'read', server };
  return { name: text(`${server} read`), target, hooks: { defaults: { stall: {} } } };
}

async function used(breaker: Breaker): Promise<Breaker> {
  for (let call = 0; call < 3; call += 1) await breaker.run(succeeds);
  return breaker;
}

/** As an instrumentation uses it. */
function permitted(breaker: Breaker): Breaker {
  for (let call = 0; call < 3; call += 1) breaker.tryAcquire()?.succeed();
  return breaker;
}

const plainRegistry = createRegistry({ maxBreakers: 1_000_000, clock: countingClock });
const observedRegistry = createRegistry({ maxBreakers: 1_000_000 });
attachTelemetry(observedRegistry);
function observed(options: BreakerOptions = {}): Breaker {
  const { name, target } = inputsOf(0);
  return observedRegistry.get(name, target, { defaults: { stall: {}, ...options } });
}

const plain = createBreaker();
const full = observed();
const failing = observed({ failureRatio: undefined });
const calls: Record<string, number> = {};
for (const loops of [1, 1_000]) {
  calls[`bare, ${loops} in flight`] = await perCall(inFlight(loops, () => succeeds()));
  calls[`wrapper, ${loops} in flight`] = await perCall(inFlight(loops, () => wrapper(succeeds)));
  calls[`ours, ${loops} in flight`] = await perCall(inFlight(loops, () => plain.run(succeeds)));
  calls[`ours, telemetry, ${loops} in flight`] = await perCall(inFlight(loops, () => full.run(succeeds)));
  calls[`opossum, ${loops} in flight`] = await perCall(inFlight(loops, opossum(succeeds, false)));
  calls[`cockatiel, ${loops} in flight`] = await perCall(inFlight(loops, cockatiel(succeeds, false)));
}
calls['wrapper, failing'] = await perCall(
  inFlight(
    1,
    swallowed(() => wrapper(fails)),
  ),
);
calls['ours, telemetry, failing'] = await perCall(
  inFlight(
    1,
    swallowed(() => failing.run(fails)),
  ),
);

const breakers = {
  'made, not used': await perBreaker(({ name }) => createBreaker({ name })),
  'used by run': await perBreaker(({ name }) => used(createBreaker({ name }, { clock: countingClock }))),
  'in a registry with its watch, used by run, then idle': await perBreaker(({ name, target, hooks }) => used(plainRegistry.get(name, target, hooks))),
  'in a registry with its watch, used by permits, then idle': await perBreaker(({ name, target, hooks }) =>
    permitted(plainRegistry.get(name, target, hooks)),
  ),
  'in a registry with telemetry, used by run, then idle': await perBreaker(({ name, target, hooks }) =>
    used(observedRegistry.get(name, target, hooks)),
  ),
};

console.log(JSON.stringify({ calls, breakers, timers }));
process.exit();
