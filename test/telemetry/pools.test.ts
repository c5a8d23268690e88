import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PoolReading } from '../../src/registry/pools.ts';
import { inSpan, type Rig, setUp, TestSdk, unregister } from './sdk.ts';

const target = { system: 'postgresql', address: '10.0.0.6', port: 5432, namespace: 'shop', server: 'postgresql://10.0.0.6:5432' };
const name = 'postgresql://10.0.0.6:5432/shop';
const on = {
  'breaker.pool.name': name,
  'db.system.name': 'postgresql',
  'db.namespace': 'shop',
  'server.address': '10.0.0.6',
  'server.port': 5432,
};

describe.each(['auto', 'instruments'] as const)('pools (%s)', (way) => {
  let sdk: TestSdk;
  let rig: Rig;
  let reading: PoolReading | undefined;
  beforeEach(() => {
    sdk = new TestSdk().register();
    rig = setUp({ metrics: way });
    reading = { used: 9, idle: 1, limit: 10, waiting: 4 };
  });
  afterEach(() => {
    rig.telemetry.dispose();
    unregister();
  });

  const add = () => rig.registry.pools.add(name, target, () => reading);

  it('are metrics read when they are collected', async () => {
    const seat = add();
    rig.registry.pools.timedOut(seat, { used: 9, idle: 1, limit: 10, waiting: 4 });
    const { points, value } = await sdk.collect();
    expect(points.get('breaker.pool.connections')?.map((point) => [point.attributes, point.value])).toEqual([
      [{ ...on, 'breaker.pool.connection.state': 'used' }, 9],
      [{ ...on, 'breaker.pool.connection.state': 'idle' }, 1],
    ]);
    expect(['limit', 'waiting', 'timeouts'].map((each) => value(`breaker.pool.${each}`, on))).toEqual([10, 4, 1]);
    reading = { used: 0, idle: 10, limit: 10, waiting: 0 };
    const after = await sdk.collect();
    expect(after.value('breaker.pool.waiting', on)).toBe(0);
  });

  it('leave no connections behind when they end', async () => {
    add();
    await sdk.collect();
    reading = undefined;
    const { points } = await sdk.collect();
    const left = ['connections', 'limit', 'waiting'].flatMap((each) => points.get(`breaker.pool.${each}`) ?? []);
    expect(left.map((point) => point.value).filter((value) => value !== 0)).toEqual([]);
    expect(left.length).toBe(way === 'auto' ? 0 : 4);
  });

  it('that are exhausted are a warning, and the end of it is told with how long it took', () => {
    const seat = add();
    const event = { seat, reading: { used: 10, idle: 0, limit: 10, waiting: 4 }, timeouts: 3 };
    rig.registry.pools.tell('exhausted', event);
    rig.registry.pools.tell('relieved', { ...event, durationMs: 7_500 });
    expect(sdk.logs().map(({ eventName, severityText, body }) => [eventName, severityText, body])).toEqual([
      ['breaker.pool_exhausted', 'WARN', `${name}: the pool is exhausted: 10 of 10 connections in use, 4 calls wait, and the server is fine`],
      ['breaker.pool_relieved', 'INFO', `${name}: the pool has connections again after 8 s`],
    ]);
    const numbers = { ...on, 'breaker.pool.used': 10, 'breaker.pool.limit': 10, 'breaker.pool.waiting': 4, 'breaker.pool.timeouts': 3 };
    expect(sdk.logs().map(({ attributes }) => attributes)).toEqual([numbers, { ...numbers, 'breaker.pool.duration': 7.5 }]);
  });

  it('whose callers give up say so on their spans, and nowhere after disposal', async () => {
    const seat = add();
    const timeOut = () => inSpan('request', async () => rig.registry.pools.timedOut(seat, { used: 10, idle: 0, limit: 10, waiting: 1 }));
    await timeOut();
    rig.registry.pools.timedOut(seat, { used: 10, idle: 0, limit: 10, waiting: 1 });
    rig.telemetry.dispose();
    await timeOut();
    rig.registry.pools.tell('exhausted', { seat, reading: { used: 10, idle: 0, limit: 10, waiting: 1 }, timeouts: 3 });
    expect(sdk.spans('request').map((span) => span.events.map((event) => event.name))).toEqual([['breaker.pool_exhausted'], []]);
    expect(sdk.logs()).toEqual([]);
  });
});
