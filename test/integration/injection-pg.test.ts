import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { PoolClient, Submittable } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BreakerOptions } from '../../src/core/options.ts';
import { pgRig } from '../support/pg-rig.ts';

// What injected faults do to PostgreSQL statements, on a real server that is well all the while.

const rig = pgRig({ sql: 'CREATE TABLE items (id int PRIMARY KEY, name text)' });
const { default: pg } = await import('pg');
interface CursorLike extends Submittable {
  read(rows: number, callback: (error: Error | undefined) => void): void;
}
const Cursor = createRequire(import.meta.url)('pg-cursor') as new (text: string) => CursorLike;
type Pool = InstanceType<typeof pg.Pool>;

const pools: Pool[] = [];
const clients = new Set<PoolClient>();
beforeEach(() => rig.server.query('TRUNCATE items'));
afterEach(async () => {
  for (const injection of rig.registry.injections) injection.end();
  for (const client of clients) release(client);
  for (const pool of pools.splice(0)) if (!pool.ending) await pool.end();
});

const configure = (options: BreakerOptions) => rig.registry.configure((_name, _target, lowest) => ({ options: { ...lowest, ...options } }));
function newPool(config: object = {}): Pool {
  const pool = new pg.Pool({ connectionString: rig.server.url, max: 2, ...config });
  pool.on('error', () => {});
  pools.push(pool);
  return pool;
}
async function connect(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect();
  clients.add(client);
  return client;
}
function release(client: PoolClient): void {
  if (clients.delete(client)) client.release();
}
const outcome = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => (value as { rowCount?: number | null } | undefined)?.rowCount,
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
async function timed(call: Promise<unknown>): Promise<readonly [unknown, boolean]> {
  const began = performance.now();
  return [await outcome(call), performance.now() - began > 190];
}
const insert = (id: number): string => `INSERT INTO items VALUES (${id}, 'x')`;
const stored = async (): Promise<number> => Number((await rig.server.query('SELECT count(*) AS n FROM items'))[0]?.['n']);
async function isWell(pool: Pool): Promise<void> {
  for (const [id, statement] of [insert(99), 'SELECT 1'].entries())
    await vi.waitFor(async () => expect(await outcome(pool.query(statement)), `${id}`).toBe(1), { timeout: 10_000, interval: 50 });
  for (const each of rig.registry.list()) expect([each.name, each.inFlight, each.injected]).toEqual([each.name, 0, false]);
  expect([pool.waitingCount, pool.totalCount - pool.idleCount]).toEqual([0, 0]);
}

describe('errors', () => {
  it('fail statements where they would be refused, and no connection is lost', async () => {
    const pool = newPool();
    const client = await connect(pool);
    const injection = rig.registry.inject({ kind: 'error', error: { code: '57P01' } });
    expect(await outcome(pool.query(insert(1)))).toBe('57P01');
    expect(await outcome(client.query(insert(2)))).toBe('57P01');
    await expect(new Promise((_, reject) => client.query(new Cursor('SELECT 1')).read(1, reject))).rejects.toMatchObject({ code: '57P01' });
    injection.end();
    expect(await outcome(client.query('SELECT 1'))).toBe(1);
    release(client);
    expect([pool.totalCount, await stored()]).toEqual([1, 0]);
    await isWell(pool);
  });
});

describe('latency', () => {
  it('lets callers wait for longer, in every form, while a pool’s client is in use', async () => {
    const pool = newPool({ max: 1 });
    const client = await connect(pool);
    const injection = rig.registry.inject({ kind: 'latency', latencyMs: 200 });
    expect(await timed(client.query('SELECT 1'))).toEqual([1, true]);
    expect(
      await timed(new Promise((resolve, reject) => client.query('SELECT 1', (error, result) => (error ? reject(error) : resolve(result))))),
    ).toEqual([1, true]);
    expect(await timed(client.query('SELEC 1'))).toEqual(['42601', true]);
    release(client);
    const first = timed(pool.query(insert(1)));
    await vi.waitFor(async () => expect(await stored()).toBe(1));
    expect([await timed(pool.query('SELECT 1')), await first]).toEqual([
      [1, true],
      [1, true],
    ]);
    injection.end();
    await isWell(pool);
  });

  it('runs into the time-outs that there are, and tells its caller once', async () => {
    configure({ timeoutMs: 100 });
    const pool = newPool();
    rig.registry.inject({ kind: 'latency', latencyMs: 300 });
    expect(await outcome(pool.query('SELECT 1'))).toBe('ECALLTIMEOUT');
    const client = await connect(pool);
    const told = vi.fn();
    client.query('SELECT 1', told);
    await vi.waitFor(() => expect(told).toHaveBeenCalled());
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(told.mock.calls).toEqual([[expect.objectContaining({ code: 'ECALLTIMEOUT' })]]);
    release(client);
    for (const injection of rig.registry.injections) injection.end();
    await isWell(pool);
  });
});

describe('a hang', () => {
  it('is not sent, opens its circuit by stall although the server answers, and no other, and its end heals it', async () => {
    const pool = newPool();
    await pool.query(insert(50));
    await pool.query('SELECT 1');
    const client = await connect(pool);
    const injection = rig.breaker('write').inject({ kind: 'hang' });
    const context = new AsyncLocalStorage<string>();
    const calledBack = context.run(
      'request 7',
      () => new Promise((resolve) => pool.query(insert(1), (error) => resolve([(error as { code?: string }).code, context.getStore()]))),
    );
    const hung = [outcome(pool.query(insert(2))), outcome(client.query(insert(3)))];
    // That others succeed meanwhile is no reason to take these for slow ones.
    const others = setInterval(() => void pool.query('SELECT 1').catch(() => {}), 50);
    await vi.waitFor(() => expect(rig.breaker('write').state).toBe('open'), { timeout: 10_000, interval: 20 });
    expect(rig.breaker('write').snapshot().lastTrip).toMatchObject({ trigger: 'stall' });
    expect(await Promise.all([calledBack, ...hung])).toEqual([['ECALLTIMEOUT', 'request 7'], 'ECALLTIMEOUT', 'ECALLTIMEOUT']);
    clearInterval(others);
    expect(await outcome(pool.query(insert(4)))).toBe('EBREAKEROPEN');
    expect([await outcome(pool.query('SELECT 1')), rig.breaker('read').state]).toEqual([1, 'closed']);
    injection.end();
    await vi.waitFor(() => expect(rig.breaker('write').state).not.toBe('open'), { timeout: 5_000, interval: 20 });
    release(client);
    await isWell(pool);
    expect([injection.waiting, await stored()]).toEqual([0, 2]);
  });

  it('ends with the injection, by query_timeout and by the time-out of its breaker', async () => {
    configure({ stall: undefined });
    const pool = newPool();
    const impatient = newPool({ query_timeout: 100 });
    const client = await connect(impatient);
    const injection = rig.registry.inject({ kind: 'hang', durationMs: 1_000 });
    expect(await outcome(impatient.query('SELECT 1'))).toBe('Query read timeout');
    expect(await outcome(client.query('SELECT 1'))).toBe('Query read timeout');
    expect(await outcome(pool.query(insert(1)))).toBe('EINJECTEDFAULT');
    expect([injection.over, injection.waiting]).toEqual([true, 0]);
    release(client);
    configure({ stall: undefined, timeoutMs: 100 });
    rig.registry.inject({ kind: 'hang' });
    expect(await outcome(pool.query(insert(1)))).toBe('ECALLTIMEOUT');
    for (const each of rig.registry.injections) each.end();
    await isWell(pool);
  });

  it('never touches a transaction, and what begins one is made as ever', async () => {
    const pool = newPool();
    const client = await connect(pool);
    const injection = rig.registry.inject({ kind: 'hang' });
    await client.query('SET application_name = $$shop$$');
    await client.query('BEGIN');
    await client.query(insert(1));
    await client.query('SAVEPOINT a');
    await client.query('COMMIT');
    await client.query('BEGIN');
    injection.end();
    const errors = rig.registry.inject({ kind: 'error' });
    await client.query(insert(2));
    await client.query('ROLLBACK');
    expect([injection.calls, errors.calls, await stored()]).toEqual([0, 0, 1]);
    errors.end();
    release(client);
    await isWell(pool);
  });

  it('is retried when it ends', async () => {
    configure({ stall: undefined, retry: { attempts: 2, backoffMs: 10, jitter: 'none' } });
    const pool = newPool();
    const client = await connect(pool);
    const injection = rig.registry.inject({ kind: 'hang' });
    const calls = [outcome(pool.query('SELECT 1')), outcome(client.query('SELECT 1'))];
    await vi.waitFor(() => expect(injection.waiting).toBe(2));
    injection.end();
    expect(await Promise.all(calls)).toEqual([1, 1]);
    const errors = rig.registry.inject({ kind: 'error' });
    expect([await outcome(pool.query('SELECT 1')), errors.calls]).toEqual(['EINJECTEDFAULT', 2]);
    errors.end();
    release(client);
    await isWell(pool);
  });
});
