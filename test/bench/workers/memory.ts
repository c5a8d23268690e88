// What is allocated per call, and what a breaker holds. Needs --expose-gc and a young generation that one sample does not fill.
import type { Breaker } from '../../../src/breaker/breaker.ts';
import { createBreaker } from '../../../src/breaker/create-breaker.ts';
import type { BreakerOptions } from '../../../src/core/options.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
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

/** Bytes that each of many breakers holds, once garbage is gone. */
async function perBreaker(make: (index: number) => unknown): Promise<number> {
  const held: unknown[] = [];
  for (let index = 0; index < 500; index += 1) make(index);
  collect();
  const before = inUse();
  for (let index = 0; index < BREAKERS; index += 1) held.push(await make(1_000 + index));
  collect();
  const bytes = (inUse() - before) / held.length;
  return bytes;
}

const target = (index: number) => ({ system: 'redis', address: '10.0.0.5', port: index, operation: 'read', server: `redis://10.0.0.5:${index}` });

async function used(breaker: Breaker): Promise<Breaker> {
  for (let call = 0; call < 3; call += 1) await breaker.run(succeeds);
  return breaker;
}

const plainRegistry = createRegistry({ maxBreakers: 1_000_000 });
const observedRegistry = createRegistry({ maxBreakers: 1_000_000 });
attachTelemetry(observedRegistry);
function observed(index: number, options: BreakerOptions = {}): Breaker {
  return observedRegistry.get(`redis://10.0.0.5:${index} read`, target(index), { defaults: { stall: {}, ...options } });
}

const plain = createBreaker();
const full = observed(0);
const failing = observed(1, { failureRatio: undefined });
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
  'made, not used': await perBreaker((index) => createBreaker({ name: `b${index}` })),
  'used, no registry': await perBreaker((index) => used(createBreaker({ name: `u${index}` }))),
  'in a registry, used': await perBreaker((index) => used(plainRegistry.get(`r${index}`, target(index), { defaults: { stall: {} } }))),
  'in a registry with telemetry, used': await perBreaker((index) => used(observed(index))),
};

await new Promise((resolve) => setTimeout(resolve, 20));
const timers = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
console.log(JSON.stringify({ calls, breakers, timers }));
process.exit();
