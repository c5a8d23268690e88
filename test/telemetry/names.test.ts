import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { rejectionReasons, stateNames } from '../../src/breaker/meters.ts';
import { countedOutcomes } from '../../src/core/outcome.ts';
import { version } from '../../src/core/version.ts';
import type { Attachment } from '../../src/telemetry/attachment.ts';
import {
  attributes,
  eventNames,
  metrics,
  plannedAttributes,
  plannedMetrics,
  scopeName,
  spanName,
  spanNames,
  values,
} from '../../src/telemetry/names.ts';
import { down } from '../policies/harness.ts';
import { guarded, pass, policies } from './guarded.ts';
import { inSpan, type Rig, setUp, succeed, TestSdk, target, trip, unregister } from './sdk.ts';

/** An outage with everything in it, beside a breaker with slow calls and one in shadow mode. */
async function everything(sdk: TestSdk) {
  const { breaker, registry, clock, telemetry } = setUp({ rejectionSpansPerParent: 1 });
  const slow = registry.get('slow', target, { defaults: { slowCallMs: 100 } });
  for (let n = 0; n < 4; n += 1) slow.tryAcquire()?.succeed(50);
  const shadow = registry.get('shadow', target, { defaults: { mode: 'shadow' } });
  await trip(shadow);
  await succeed(shadow);
  for (let n = 0; n < 4; n += 1) await succeed(breaker);
  const reading = { used: 10, idle: 0, limit: 10, waiting: 1 };
  const event = { seat: registry.pools.add('pool', { ...target, namespace: 'shop' }, () => reading), reading, timeouts: 1 };
  registry.pools.tell('exhausted', event);
  registry.pools.tell('relieved', { ...event, durationMs: 5_000 });
  using _ = registry.health.provide(() => ({ state: 'critical', checks: [{ name: 'cache', target, status: 'down', durationMs: 5 }] }));
  registry.health.tell('changed', { from: 'healthy', to: 'critical', reasons: ['cache: refused'], dependencies: { total: 1, up: 0 } });
  registry.health.tell('checked', { name: 'cache', target, from: 'up', to: 'down', critical: true, error: 'refused' });
  const before = await sdk.collect();
  await inSpan('request', async () => {
    await trip(breaker);
    for (let n = 0; n < 3; n += 1) await succeed(breaker).catch(() => {});
  });
  breaker.forceOpen('by hand');
  clock.advance(300_000);
  breaker.reset();
  (telemetry as Attachment).configured({ applied: false, source: 'a.yaml', changes: [], atNextStart: ['enabled'], error: new Error('no') });
  (telemetry as Attachment).acted({
    action: 'force-open',
    actor: 'ops',
    reason: 'test',
    details: ['how: probe'],
    changes: [{ breaker: breaker.name, before: { state: 'closed', mode: 'enforce' }, after: { state: 'forced_open', mode: 'enforce' } }],
  });
  const alert = {
    id: 'availability a',
    name: 'BreakerOpen',
    summary: 'a has been open',
    value: 1,
    limit: 0,
    breakers: ['a'],
    breaker: 'a',
    server: 'a',
  };
  (telemetry as Attachment).alerted({
    kind: 'resolved',
    alert: { ...alert, severity: 'critical', rules: ['BreakerOpen'], consequences: ['BreakerSlowCalls'] },
    lastedMs: 1_000,
  });
  registry.degrade('read-only', 'health', 'the system is critical');
  registry.degrade(undefined, 'health');
  const injected = registry.get('injected', target);
  using _health = injected.inject({ kind: 'error', reason: 'game day' });
  injected.inject({ kind: 'latency', latencyMs: 10 }).end();
  await inSpan('request', () => succeed(injected).catch(() => {}));
  await trip(breaker);
  clock.advance(1_000);
  await inSpan('request', () => succeed(breaker));
  await inSpan('request', () => succeed(breaker));
  await servedStale({ registry, clock });
  const after = await sdk.collect();
  telemetry.dispose();
  return new Map([...before.points, ...after.points]);
}

/** A call that is repeated in vain and served stale, and one that runs out of its time. */
async function servedStale(rig: Pick<Rig, 'registry' | 'clock'>): Promise<void> {
  const stale = { keep: () => undefined, find: () => ({ value: 1, ageMs: 1_000 }) };
  const queue = { gauge: { depth: 1, ageMs: 1 }, behind: () => true, passed: () => undefined, append: async () => 'queued' };
  const { run } = guarded(rig, { ...policies, totalTimeoutMs: 1_000, fallback: { stale: {}, queue: { path: 'q' } } });
  await run<unknown>(async () => 'OK', { queue, operation: 'write' });
  const calls = [
    inSpan('request', () => run<unknown>(() => Promise.reject(down), { stale })),
    inSpan('request', () => run<unknown>(() => new Promise(() => undefined))).catch(() => undefined),
  ];
  await pass(rig, 1_000);
  await Promise.all(calls);
}

describe('names', () => {
  afterEach(unregister);

  it('are all emitted, with unit, kind and description', async () => {
    const sdk = new TestSdk().register();
    const points = await everything(sdk);
    expect([...points.keys()].sort()).toEqual(
      Object.values(metrics)
        .map(({ name }) => name)
        .sort(),
    );
    const spans = sdk.spans().filter((span) => span.instrumentationScope.name === scopeName);
    const kinds = new Set(spans.map((span) => span.name));
    for (const kind of Object.keys(spanNames) as (keyof typeof spanNames)[]) expect(kinds).toContain(spanName(kind, 'redis read'));
    expect(new Set(sdk.logs().map((each) => each.eventName))).toEqual(new Set(Object.values(eventNames)));
    const used = new Set([
      ...[...points.values()].flat().flatMap((point) => Object.keys(point.attributes)),
      ...sdk.spans().flatMap((span) => [...Object.keys(span.attributes), ...span.events.flatMap((event) => Object.keys(event.attributes ?? {}))]),
      ...sdk.logs().flatMap((each) => Object.keys(each.attributes)),
    ]);
    expect([...used].sort()).toEqual(Object.values(attributes).sort());
  });

  it('stand in the SDK as they are defined', async () => {
    const sdk = new TestSdk().register();
    const { telemetry, breaker } = setUp();
    for (let n = 0; n < 4; n += 1) await succeed(breaker);
    const { resourceMetrics } = await sdk.reader.collect();
    telemetry.dispose();
    for (const { scope, metrics: found } of resourceMetrics.scopeMetrics) {
      expect(scope).toMatchObject({ name: scopeName, version });
      for (const { descriptor } of found) {
        const definition = Object.values(metrics).find(({ name }) => name === descriptor.name);
        expect(descriptor).toMatchObject({ unit: definition?.unit, description: definition?.description });
      }
    }
  });

  it('follow the conventions: snake_case in dot namespaces, no total', () => {
    const all = [...Object.values(metrics), ...Object.values(plannedMetrics)].map(({ name }) => name);
    expect(new Set(all).size).toBe(all.length);
    for (const name of [...all, ...Object.values(plannedAttributes)]) {
      expect(name).toMatch(/^breaker(\.[a-z]+(_[a-z]+)*)+$/);
      expect(name).not.toContain('total');
    }
  });

  it('have the values that the engine knows', () => {
    expect(values.state).toEqual(stateNames);
    expect(values.rejectionReason).toEqual(rejectionReasons);
    expect(values.outcome).toEqual(countedOutcomes);
  });

  it('come under the package’s version', () => {
    const { version: packaged } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(version).toBe(packaged);
  });
});
