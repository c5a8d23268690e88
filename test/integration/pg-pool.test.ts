import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PoolEvent, PoolReading } from '../../src/registry/pools.ts';
import { attachTelemetry, type TelemetryHandle } from '../../src/telemetry/index.ts';
import { pgRig } from '../support/pg-rig.ts';
import { inSpan, TestSdk, unregister } from '../telemetry/sdk.ts';

const rig = pgRig();
const { default: pg } = await import('pg');
type Pool = InstanceType<typeof pg.Pool>;

let sdk: TestSdk;
let telemetry: TelemetryHandle;
const pools: Pool[] = [];
beforeEach(() => {
  sdk = new TestSdk().register();
  telemetry = attachTelemetry(rig.registry);
});
afterEach(async () => {
  rig.server.thaw();
  for (const pool of pools.splice(0)) if (!pool.ending) await pool.end();
  telemetry.dispose();
  unregister();
});

function newPool(max = 2): Pool {
  const pool = new pg.Pool({ connectionString: rig.server.url, max });
  pool.on('error', () => {});
  pools.push(pool);
  return pool;
}

/** A pool with all its connections made: on a busy machine that may take longer than the time-out under test. */
async function connectedPool(max: number, connectionTimeoutMillis: number): Promise<Pool> {
  const pool = newPool(max);
  await Promise.all(Array.from({ length: max }, () => pool.query('SELECT 1')));
  Object.assign(pool.options, { connectionTimeoutMillis });
  return pool;
}

const numbers = (): Record<string, PoolReading> => Object.fromEntries([...rig.registry.pools.read()].map(([{ name }, reading]) => [name, reading]));
const name = () => `postgresql://127.0.0.1:${rig.server.port}/shop`;
const events = () => sdk.logs().filter(({ eventName }) => eventName?.startsWith('breaker.pool_'));
const failures = () => rig.registry.list().reduce((sum, each) => sum + each.snapshot().calls.failure, 0);
const errorsOf = (work: readonly Promise<unknown>[]) =>
  Promise.all(
    work.map((each) =>
      each.then(
        () => 'no error',
        (error: Error) => error.message,
      ),
    ),
  );

describe('a pool whose connections are all in use by queries of a server that is fine', () => {
  it('fails its callers by its own error, opens no circuit, and says so: by metrics, one log record and on the callers’ spans', async () => {
    const pool = await connectedPool(2, 200);
    const slow = [pool.query('SELECT pg_sleep(1.5)'), pool.query('SELECT pg_sleep(1.5)')];
    const waiting = inSpan('request', () =>
      errorsOf([...Array.from({ length: 4 }, () => pool.query('SELECT 1')), pool.connect().then((client) => client.release())]),
    );
    await sleep(100);
    const during = await sdk.collect();
    const of = { 'breaker.pool.name': name(), 'db.namespace': 'shop', 'db.system.name': 'postgresql', 'server.port': rig.server.port };
    expect(during.value('breaker.pool.connections', { ...of, 'breaker.pool.connection.state': 'used' })).toBe(2);
    expect(during.value('breaker.pool.connections', { ...of, 'breaker.pool.connection.state': 'idle' })).toBe(0);
    expect(during.value('breaker.pool.limit', of)).toBe(2);
    expect(during.value('breaker.pool.waiting', of)).toBe(5);
    expect(during.value('breaker.pool.timeouts', of)).toBe(0);

    expect(await waiting).toEqual(new Array(5).fill('timeout exceeded when trying to connect'));
    expect(rig.breaker('read').snapshot()).toMatchObject({ state: 'closed', calls: { failure: 0, success: 2, ignored: 4 } });
    expect((await sdk.collect()).value('breaker.pool.timeouts', of)).toBe(5);
    const [request] = sdk.spans('request');
    const noted = request?.events.filter((event) => event.name === 'breaker.pool_exhausted') ?? [];
    expect(noted).toHaveLength(5);
    expect(noted[0]?.attributes).toMatchObject({ ...of, 'breaker.pool.limit': 2, 'breaker.pool.used': 2, 'breaker.pool.waiting': 5 });

    await vi.waitFor(() => expect(events()).toHaveLength(1), { timeout: 2_000 });
    expect(events()[0]).toMatchObject({ eventName: 'breaker.pool_exhausted', severityText: 'WARN', attributes: { ...of, 'breaker.pool.limit': 2 } });
    for (const { rows } of await Promise.all(slow)) expect(rows).toHaveLength(1);
    expect(rig.breaker('read').state).toBe('closed');
    expect(failures()).toBe(0);
    expect(events()).toHaveLength(1);
  });

  it('is exhausted also where nobody ever gives up, and the end of it is told once it has been calm', { timeout: 20_000 }, async () => {
    const told: [string, PoolEvent][] = [];
    for (const each of ['exhausted', 'relieved'] as const) rig.registry.pools.on(each, (event) => told.push([each, event]));
    const pool = newPool(1);
    const client = await pool.connect();
    const waiting = pool.query('SELECT 1');
    await vi.waitFor(() => expect(told.map(([each]) => each)).toEqual(['exhausted']), { timeout: 4_000 });
    expect(told[0]?.[1]).toMatchObject({ reading: { used: 1, idle: 0, limit: 1, waiting: 1 }, timeouts: 0 });
    client.release();
    await waiting;
    await vi.waitFor(() => expect(told.map(([each]) => each)).toEqual(['exhausted', 'relieved']), { timeout: 9_000 });
    expect(events().map(({ severityText }) => severityText)).toEqual(['WARN', 'INFO']);
    expect(rig.breaker('read').state).toBe('closed');
  });

  it('keeps the time in its queue out of the durations of calls', async () => {
    rig.registry.configure(() => ({ options: { slowCallMs: 200, countInFlight: false } }));
    const pool = newPool(1);
    const client = await pool.connect();
    const waiting = pool.query('SELECT 1');
    await sleep(300);
    client.release();
    await waiting;
    await pool.query('SELECT pg_sleep(0.3)');
    expect([rig.breaker('read').meters.calls('success', false), rig.breaker('read').meters.calls('success', true)]).toEqual([1, 1]);
  });
});

it('a pool that is full because its server has frozen is not called exhausted: the circuit tells of it', { timeout: 20_000 }, async () => {
  const pool = await connectedPool(2, 300);
  rig.server.freeze();
  const stuck = errorsOf([pool.query('SELECT 1'), pool.query('SELECT 1')]);
  await errorsOf([pool.query('SELECT 1'), pool.query('SELECT 1')]);
  await vi.waitFor(() => expect(rig.breaker('read').state).toBe('open'), { timeout: 4_000 });
  await stuck;
  await sleep(600);
  expect(events()).toEqual([]);
  rig.server.thaw();
});

it('calls that wait in a pool’s queue are not counted as slow while they do: an exhausted pool opens no circuit', async () => {
  rig.registry.configure(() => ({ options: { slowCallMs: 200, slowRatio: 0.5, minimumCalls: 5 } }));
  const pool = newPool(1);
  const client = await pool.connect();
  const waiting = Array.from({ length: 10 }, () => pool.query('SELECT 1'));
  await sleep(500);
  expect(rig.breaker('read').state).toBe('closed');
  client.release();
  await Promise.all(waiting);
  expect(rig.breaker('read').snapshot()).toMatchObject({ state: 'closed', window: { recorded: 10, slow: 0 } });
  const slow = Array.from({ length: 5 }, () => new pg.Pool({ connectionString: rig.server.url, max: 1 }));
  await Promise.all(slow.map((each) => each.query('SELECT pg_sleep(0.3)').finally(() => each.end())));
  expect(rig.breaker('read').snapshot().window.slow).toBe(5);
});

describe('the numbers of pools', () => {
  it('have a series for each pool of a database, by a number that the next pool gets when one has ended', async () => {
    const [first, second] = [newPool(), newPool(5)];
    await first.query('SELECT 1');
    await second.query('SELECT 1');
    expect(numbers()).toEqual({
      [name()]: { used: 0, idle: 1, limit: 2, waiting: 0 },
      [`${name()} 2`]: { used: 0, idle: 1, limit: 5, waiting: 0 },
    });
    await first.end();
    expect(Object.keys(numbers())).toEqual([`${name()} 2`]);
    await newPool().query('SELECT 1');
    expect(Object.keys(numbers()).sort()).toEqual([name(), `${name()} 2`]);
  });

  it('are bounded: pools that are too many share one series', async () => {
    const many = Array.from({ length: 20 }, () => newPool(1));
    for (const pool of many) await pool.query('SELECT 1');
    expect(Object.keys(numbers())).toHaveLength(17);
    expect(numbers()[`${name()} _other`]).toEqual({ used: 0, idle: 4, limit: 4, waiting: 0 });
    await Promise.all(many.map((pool) => pool.end()));
    expect(numbers()).toEqual({});
    expect((await sdk.collect()).points.has('breaker.pool.limit')).toBe(false);
  });
});

it('a burst finds some idle connections: those who come too late for one are guarded like others who wait', async () => {
  const pool = await connectedPool(1, 100);
  const clients = [pool.connect(), pool.connect(), pool.connect()];
  const [first, ...rest] = clients;
  expect(await errorsOf(rest)).toEqual(new Array(2).fill('timeout exceeded when trying to connect'));
  (await first)?.release();
  expect((await sdk.collect()).value('breaker.pool.timeouts', { 'breaker.pool.name': name() })).toBe(2);
  expect(failures()).toBe(0);
});
