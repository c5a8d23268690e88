// What telemetry costs apart from calls: a transition, a collection.
import { createRegistry } from '../../../src/registry/create-registry.ts';
import { attachTelemetry } from '../../../src/telemetry/attach.ts';
import { ManualClock } from '../../../src/testing.ts';
import { registerSdk } from '../support/contenders.ts';

const quick = process.argv.includes('--quick');
const reader = registerSdk();
const boom = Object.assign(new Error('boom'), { code: 'ECONNREFUSED' });

/** Of processor time: what else runs on the machine takes none of it. */
function microseconds(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** A full round of a circuit, opened by a failing call: three transitions and two calls. @returns microseconds per transition */
async function transitions(observed: boolean): Promise<number[]> {
  const clock = new ManualClock();
  const defaults = { consecutiveFailures: 1, open: { durationMs: 1_000, factor: 1, jitter: 0 }, halfOpen: { permits: 1 } } as const;
  const registry = createRegistry({ clock, defaults });
  const telemetry = observed ? attachTelemetry(registry) : undefined;
  const breaker = registry.get('redis read', { system: 'redis', address: '127.0.0.1', port: 6_379, operation: 'read' });
  const samples: number[] = [];
  for (let sample = 0; sample < (quick ? 15 : 60); sample += 1) {
    const before = process.cpuUsage();
    for (let round = 0; round < 200; round += 1) {
      breaker.tryAcquire()?.fail(boom);
      clock.advance(1_000);
      breaker.tryAcquire()?.succeed();
    }
    samples.push(microseconds(before) / 600);
    if (breaker.state !== 'closed') throw new Error(`the round did not close the circuit: ${breaker.state}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  telemetry?.dispose();
  return samples.slice(5);
}

/** One collection by a reader of the SDK of that many breakers in use. @returns ms */
async function collections(breakers: number): Promise<number[]> {
  const registry = createRegistry();
  attachTelemetry(registry);
  for (let index = 0; index < breakers; index += 1) {
    const target = { system: 'redis', address: '10.0.0.5', port: index, operation: 'read' };
    const breaker = registry.get(`redis://10.0.0.5:${index} read`, target, { defaults: { stall: {} } });
    for (let call = 0; call < 30; call += 1) await breaker.run(async () => call);
    await breaker.run(() => Promise.reject(boom)).catch(() => {});
  }
  const samples: number[] = [];
  for (let sample = 0; sample < (quick ? 15 : 60); sample += 1) {
    const before = process.cpuUsage();
    const { resourceMetrics } = await reader.collect();
    samples.push(microseconds(before) / 1_000);
    let points = 0;
    for (const { metrics } of resourceMetrics.scopeMetrics) for (const { dataPoints } of metrics) points += dataPoints.length;
    if (points < breakers * 10) throw new Error(`only ${points} points of ${breakers} breakers`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return samples.slice(5);
}

const results = {
  'transition, no telemetry': await transitions(false),
  'transition, telemetry': await transitions(true),
  'collection of 1,000 breakers': await collections(1_000),
};
console.log(JSON.stringify(results));
process.exit();
