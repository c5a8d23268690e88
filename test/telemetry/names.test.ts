import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { rejectionReasons, stateNames } from '../../src/breaker/meters.ts';
import { countedOutcomes } from '../../src/core/outcome.ts';
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
import { version } from '../../src/telemetry/version.ts';
import { inSpan, setUp, succeed, TestSdk, target, trip, unregister } from './sdk.ts';

/** An outage with everything in it, beside a breaker with slow calls and one in shadow mode. */
async function everything(sdk: TestSdk) {
  const { breaker, registry, clock, telemetry } = setUp({ rejectionSpansPerParent: 1 });
  const slow = registry.get('slow', target, { defaults: { slowCallMs: 100 } });
  for (let n = 0; n < 4; n += 1) slow.tryAcquire()?.succeed(50);
  const shadow = registry.get('shadow', target, { defaults: { mode: 'shadow' } });
  await trip(shadow);
  await succeed(shadow);
  for (let n = 0; n < 4; n += 1) await succeed(breaker);
  const before = await sdk.collect();
  await inSpan('request', async () => {
    await trip(breaker);
    for (let n = 0; n < 3; n += 1) await succeed(breaker).catch(() => {});
  });
  breaker.forceOpen('by hand');
  clock.advance(300_000);
  breaker.reset();
  await trip(breaker);
  clock.advance(1_000);
  await inSpan('request', () => succeed(breaker));
  await inSpan('request', () => succeed(breaker));
  const after = await sdk.collect();
  telemetry.dispose();
  return new Map([...before.points, ...after.points]);
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
