import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HealthReading } from '../../src/registry/health-board.ts';
import { type Rig, setUp, TestSdk, target, unregister } from './sdk.ts';

const on = { 'breaker.health.check.name': 'cache', 'db.system.name': 'redis', 'server.address': '10.0.0.5', 'server.port': 6379 };
const server = { system: target.system, address: target.address, port: target.port, server: target.server };

describe.each(['auto', 'instruments'] as const)('the health of the system (%s)', (way) => {
  let sdk: TestSdk;
  let rig: Rig;
  let reading: HealthReading;
  beforeEach(() => {
    sdk = new TestSdk().register();
    rig = setUp({ metrics: way });
    reading = {
      state: 'critical',
      checks: [
        { name: 'cache', target: server, status: 'down', durationMs: 2_000 },
        { name: 'report', target: {}, status: 'unknown', durationMs: undefined },
      ],
    };
  });
  afterEach(() => {
    rig.telemetry.dispose();
    unregister();
  });

  const told = async (name: string) => (await sdk.collect()).points.get(name)?.map((point) => [point.attributes, point.value]);

  it('is no metric where nobody watches over it', async () => {
    expect([await told('breaker.health.status'), await told('breaker.health.check.status')]).toEqual([undefined, undefined]);
  });

  it('is a 0/1 series per state, and one per status of each check', async () => {
    using _ = rig.registry.health.provide(() => reading);
    expect(await told('breaker.health.status')).toEqual(
      ['healthy', 'degraded', 'critical', 'emergency'].map((state) => [{ 'breaker.health.state': state }, state === 'critical' ? 1 : 0]),
    );
    expect(await told('breaker.health.check.status')).toEqual([
      ...['up', 'down', 'unknown'].map((status) => [{ ...on, 'breaker.health.check.status': status }, status === 'down' ? 1 : 0]),
      ...['up', 'down', 'unknown'].map((status) => [
        { 'breaker.health.check.name': 'report', 'breaker.health.check.status': status },
        status === 'unknown' ? 1 : 0,
      ]),
    ]);
    expect(await told('breaker.health.check.duration')).toEqual([[on, 2]]);
  });

  it('leaves nothing behind when a check is gone, or nobody watches any more', async () => {
    const watching = rig.registry.health.provide(() => reading);
    await sdk.collect();
    reading = { state: 'healthy', checks: [] };
    const values = (found: unknown[][] | undefined) => found?.map(([, value]) => value);
    expect(values(await told('breaker.health.check.status'))).toEqual(way === 'auto' ? undefined : Array(6).fill(0));
    watching[Symbol.dispose]();
    expect(values(await told('breaker.health.status'))).toEqual(way === 'auto' ? undefined : Array(4).fill(0));
  });

  it('is a log record when it changes, a warning when it gets worse', () => {
    const change = { dependencies: { total: 5, up: 4 }, reasons: ['cache (critical): refused'] };
    rig.registry.health.tell('changed', { ...change, from: 'healthy', to: 'critical' });
    rig.registry.health.tell('changed', { from: 'critical', to: 'healthy', dependencies: { total: 5, up: 5 }, reasons: [] });
    expect(sdk.logs().map(({ eventName, severityText, body }) => [eventName, severityText, body])).toEqual([
      ['breaker.health_change', 'WARN', 'the state of the system is critical, before healthy: 4 of 5 dependencies up; cache (critical): refused'],
      ['breaker.health_change', 'INFO', 'the state of the system is healthy, before critical: 5 of 5 dependencies up'],
    ]);
    expect(sdk.logs()[0]?.attributes).toEqual({
      'breaker.health.state': 'critical',
      'breaker.health.state.from': 'healthy',
      'breaker.health.reasons': ['cache (critical): refused'],
      'breaker.health.dependencies': 5,
      'breaker.health.dependencies.up': 4,
    });
  });

  it('is a log record when a check says otherwise than before', () => {
    const check = { name: 'cache', target: server, critical: true, error: undefined };
    rig.registry.health.tell('checked', { ...check, from: 'unknown', to: 'up' });
    rig.registry.health.tell('checked', { ...check, from: 'up', to: 'down', error: 'connect ECONNREFUSED' });
    rig.registry.health.tell('checked', { ...check, critical: false, from: 'down', to: 'up' });
    expect(sdk.logs().map(({ eventName, severityText, body }) => [eventName, severityText, body])).toEqual([
      ['breaker.health_check', 'INFO', 'cache (critical) is up'],
      ['breaker.health_check', 'WARN', 'cache (critical) is down: connect ECONNREFUSED'],
      ['breaker.health_check', 'INFO', 'cache is up again'],
    ]);
    expect(sdk.logs()[1]?.attributes).toEqual({ ...on, 'breaker.health.check.status': 'down', 'breaker.health.check.critical': true });
    rig.telemetry.dispose();
    rig.registry.health.tell('checked', { ...check, from: 'up', to: 'down' });
    expect(sdk.logs()).toHaveLength(3);
  });
});

describe('readers that want what has changed', () => {
  afterEach(unregister);

  it('are told the same states without their sum', async () => {
    const sdk = new TestSdk({ delta: true }).register();
    const rig = setUp();
    let state: HealthReading['state'] = 'healthy';
    using _ = rig.registry.health.provide(() => ({ state, checks: [] }));
    const values = async () => (await sdk.collect()).points.get('breaker.health.status')?.map((point) => point.value);
    const first = await values();
    state = 'critical';
    const second = await values();
    rig.telemetry.dispose();
    expect([first, second]).toEqual([
      [1, 0, 0, 0],
      [-1, 0, 1, 0],
    ]);
  });
});
