import { metrics as api } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attributes, metrics, values } from '../../src/telemetry/names.ts';
import { fail, PullReader, type Rig, setUp, succeed, TestSdk, target, trip, unregister } from './sdk.ts';

const on = {
  'breaker.name': 'redis read',
  'db.system.name': 'redis',
  'server.address': '10.0.0.5',
  'server.port': 6379,
  'breaker.operation': 'read',
};

describe.each(['auto', 'instruments'] as const)('metrics (%s)', (way) => {
  let sdk: TestSdk;
  let rig: Rig;
  beforeEach(() => {
    sdk = new TestSdk().register();
    rig = setUp({ metrics: way });
  });
  afterEach(() => {
    rig.telemetry.dispose();
    unregister();
  });

  it('tell every state from creation, one of them 1', async () => {
    const { points, value } = await sdk.collect();
    expect(points.get('breaker.status')?.map((point) => point.attributes['breaker.state'])).toEqual([...values.state]);
    expect(value('breaker.status', { ...on, 'breaker.state': 'closed' })).toBe(1);
    await trip(rig.breaker);
    const after = await sdk.collect();
    expect(after.value('breaker.status', { 'breaker.state': 'closed' })).toBe(0);
    expect(after.value('breaker.status', { 'breaker.state': 'open' })).toBe(1);
  });

  it('count calls by outcome, rejections by reason and transitions by trigger', async () => {
    await succeed(rig.breaker);
    await trip(rig.breaker);
    await succeed(rig.breaker).catch(() => {});
    const { value } = await sdk.collect();
    expect(value('breaker.calls', { ...on, 'breaker.outcome': 'success', 'breaker.slow': false })).toBe(1);
    expect(value('breaker.calls', { 'breaker.outcome': 'failure', 'breaker.slow': false })).toBe(2);
    expect(value('breaker.rejections', { ...on, 'breaker.rejection.reason': 'open' })).toBe(1);
    const opened = { ...on, 'breaker.state.from': 'closed', 'breaker.state.to': 'open' };
    expect(value('breaker.transitions', { ...opened, 'breaker.trigger': 'consecutive_failures' })).toBe(1);
  });

  it('have the usual transitions and rejections at 0 before the first one, so that a rate sees the first step', async () => {
    const { value } = await sdk.collect();
    expect(value('breaker.transitions', { 'breaker.trigger': 'failure_ratio' })).toBe(0);
    expect(value('breaker.transitions', { 'breaker.trigger': 'open_elapsed' })).toBe(0);
    expect(value('breaker.rejections', { 'breaker.rejection.reason': 'open' })).toBe(0);
  });

  it('tell the time in each state in seconds', async () => {
    rig.clock.advance(2_500);
    rig.breaker.forceOpen('test');
    rig.clock.advance(500);
    const { value } = await sdk.collect();
    expect(value('breaker.state.time', { ...on, 'breaker.state': 'closed' })).toBe(2.5);
    expect(value('breaker.state.time', { 'breaker.state': 'forced_open' })).toBe(0.5);
  });

  it('tell the window and the calls in flight', async () => {
    await succeed(rig.breaker);
    await fail(rig.breaker);
    const permit = rig.breaker.tryAcquire();
    const { value } = await sdk.collect();
    permit?.succeed();
    expect(value('breaker.window.calls', { ...on, 'breaker.outcome': 'success' })).toBe(1);
    expect(value('breaker.window.calls', { 'breaker.outcome': 'failure' })).toBe(1);
    expect(value('breaker.in_flight', on)).toBe(1);
  });

  it('leave the failure ratio out below the minimum, and again when results have left the window', async () => {
    await fail(rig.breaker);
    expect((await sdk.collect()).points.has('breaker.failure_ratio')).toBe(false);
    for (let n = 0; n < 3; n += 1) await succeed(rig.breaker);
    const enough = await sdk.collect();
    expect(enough.value('breaker.failure_ratio', on)).toBe(0.25);
    expect(enough.value('breaker.failure_ratio.limit', on)).toBe(0.5);
    rig.clock.advance(60_000);
    const later = await sdk.collect();
    // The SDK repeats what an instrument told last, so that says 0 instead.
    expect(later.value('breaker.failure_ratio')).toBe(way === 'instruments' ? 0 : undefined);
    expect(later.value('breaker.failure_ratio.limit', on)).toBe(0.5);
  });

  it('tell the slow ratio only of breakers that know what slow is', async () => {
    expect((await sdk.collect()).points.has('breaker.slow_ratio.limit')).toBe(false);
    const slow = rig.registry.get('slow', target, { defaults: { slowCallMs: 100, slowRatio: 0.9 } });
    for (let n = 0; n < 4; n += 1) slow.tryAcquire()?.succeed(n === 0 ? 200 : 50);
    const { value } = await sdk.collect();
    expect(value('breaker.slow_ratio', { 'breaker.name': 'slow' })).toBe(0.25);
    expect(value('breaker.slow_ratio.limit', { 'breaker.name': 'slow' })).toBe(0.9);
    expect(value('breaker.calls', { 'breaker.name': 'slow', 'breaker.slow': true, 'breaker.outcome': 'success' })).toBe(1);
  });

  it('count what a breaker in shadow mode would have refused apart from what was refused', async () => {
    rig.breaker.shadow();
    await trip(rig.breaker);
    await succeed(rig.breaker);
    const { value } = await sdk.collect();
    expect(value('breaker.status', { 'breaker.state': 'shadow' })).toBe(1);
    expect(value('breaker.shadow.rejections', { ...on, 'breaker.rejection.reason': 'open' })).toBe(1);
    expect(value('breaker.rejections', { 'breaker.rejection.reason': 'open' })).toBe(0);
  });

  it('follow breakers that are added later, and leave no removed one in a state', async () => {
    const later = rig.registry.get('later', { system: 'http', address: 'shop', port: 80 });
    later.forceOpen();
    expect((await sdk.collect()).value('breaker.status', { 'breaker.name': 'later', 'breaker.state': 'forced_open' })).toBe(1);
    rig.registry.remove('later');
    const { points, value } = await sdk.collect();
    const left = points.get('breaker.status')?.filter((point) => point.attributes['breaker.name'] === 'later');
    // The SDK repeats what an instrument told last, so the last must not name a state.
    expect(left?.map((point) => point.value)).toEqual(way === 'instruments' ? values.state.map(() => 0) : []);
    expect(value('breaker.status', { 'breaker.name': 'redis read', 'breaker.state': 'closed' })).toBe(1);
  });

  it('know a breaker that comes back under its name', async () => {
    await sdk.collect();
    rig.registry.remove('redis read');
    rig.registry.get('redis read', target).forceOpen();
    expect((await sdk.collect()).value('breaker.status', { 'breaker.state': 'forced_open' })).toBe(1);
  });

  it('say nothing of the database convention for an HTTP upstream', async () => {
    rig.registry.get('http://shop', { system: 'http', address: 'shop', port: 80 });
    const { points } = await sdk.collect();
    const point = points.get('breaker.in_flight')?.find((each) => each.attributes['breaker.name'] === 'http://shop');
    expect(point?.attributes).toEqual({ 'breaker.name': 'http://shop', 'server.address': 'shop', 'server.port': 80 });
  });

  it('carry no attribute that their definition does not name', async () => {
    await trip(rig.breaker);
    const { points } = await sdk.collect();
    const always: string[] = [attributes.name, attributes.dbSystem, attributes.serverAddress, attributes.serverPort, attributes.operation];
    for (const definition of Object.values(metrics)) {
      const allowed = new Set([...always, ...definition.attributes]);
      for (const point of points.get(definition.name) ?? []) {
        expect(
          Object.keys(point.attributes).filter((key) => !allowed.has(key)),
          definition.name,
        ).toEqual([]);
      }
    }
  });

  it('tell a delta reader what is new', async () => {
    rig.telemetry.dispose();
    unregister();
    sdk = new TestSdk({ delta: true }).register();
    rig = setUp({ metrics: way });
    const calls = async () => (await sdk.collect()).value('breaker.calls', { 'breaker.outcome': 'success', 'breaker.slow': false });
    await succeed(rig.breaker);
    expect(await calls()).toBe(1);
    await succeed(rig.breaker);
    await succeed(rig.breaker);
    expect(await calls()).toBe(2);
    expect(await calls()).toBe(0);
  });

  it('tell a second reader of the same SDK the same', async () => {
    rig.telemetry.dispose();
    unregister();
    const readers = [new PullReader(), new PullReader()];
    api.setGlobalMeterProvider(new MeterProvider({ readers }));
    rig = setUp({ metrics: way });
    await succeed(rig.breaker);
    for (const reader of readers) {
      const { resourceMetrics } = await reader.collect();
      const found = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics).filter((metric) => metric.descriptor.name === 'breaker.calls');
      expect(found).toHaveLength(1);
      expect(found[0]?.dataPoints[0]?.value).toBe(1);
    }
  });

  it('stop with the handle', async () => {
    rig.telemetry.dispose();
    expect((await sdk.collect()).points.size).toBe(0);
  });
});
