import { createRequire } from 'node:module';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PgBreakerInstrumentation } from '../../instrumentations/pg/instrumentation.ts';
import { BreakerOpenError } from '../../src/core/errors.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';

type Pg = typeof import('pg');

let registry: Registry;
const instrumentation = new PgBreakerInstrumentation({ registry: createRegistry() });
const require = createRequire(import.meta.url);

let server: PostgresHandle;
beforeAll(async () => {
  server = await startPostgres({ sql: 'CREATE TABLE items (id int PRIMARY KEY)' });
});
afterAll(async () => {
  instrumentation.disable();
  await server.stop();
});
beforeEach(() => {
  registry = createRegistry();
  instrumentation.setConfig({ registry });
});

const breaker = (operation: string) => {
  const found = registry.find(`postgresql://127.0.0.1:${server.port}/shop ${operation}`);
  if (found === undefined) throw new Error(`no breaker ${operation}`);
  return found;
};

/** The package's folder is another's: a copy is known by its package.json. */
describe.each([
  ['pg 8.0.3', 'pg-oldest'],
  ['the newest pg', 'pg'],
])('%s', (_, folder) => {
  const pg = require(folder) as Pg;
  const withPool = async (work: (pool: InstanceType<Pg['Pool']>) => Promise<void>) => {
    const pool = new pg.Pool({ connectionString: server.url, max: 3 });
    pool.on('error', () => {});
    try {
      await work(pool);
    } finally {
      await pool.end();
    }
  };

  it('admits each call once, in every style', () =>
    withPool(async (pool) => {
      await pool.query('SELECT 1');
      await new Promise<void>((resolve, reject) => pool.query('SELECT $1::int', [1], (error) => (error ? reject(error) : resolve())));
      const client = await pool.connect();
      try {
        await client.query({ name: 'one', text: 'SELECT $1::int', values: [1] });
        await new Promise<void>((resolve, reject) => client.query('SELECT 1', (error) => (error ? reject(error) : resolve())));
        await expect(client.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
      } finally {
        client.release();
      }
      expect(registry.list().map(({ name, meters }) => [name.split(' ')[1], meters.calls('success', false)])).toEqual([['read', 5]]);
      expect(breaker('read').inFlight).toBe(0);
    }));

  it('refuses without losing a connection', () =>
    withPool(async (pool) => {
      await pool.query('SELECT 1');
      breaker('read').forceOpen('test');
      await expect(pool.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
      const client = await pool.connect();
      try {
        await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
        breaker('read').release();
        expect((await client.query('SELECT 2 AS x')).rows).toEqual([{ x: 2 }]);
      } finally {
        client.release();
      }
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    }));

  it('never breaks a transaction by a refusal, also when it aborts, and refuses the next one', () =>
    withPool(async (pool) => {
      const client = await pool.connect();
      try {
        await client.query('DELETE FROM items');
        await client.query('BEGIN');
        await client.query('INSERT INTO items VALUES (1)');
        await client.query('SELECT 1');
        for (const each of registry.list()) each.forceOpen('test');
        await client.query('SAVEPOINT a');
        await expect(client.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
        await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
        await client.query('ROLLBACK TO a');
        await client.query('UPDATE items SET id = 2');
        await client.query('COMMIT');
        await expect(client.query('BEGIN')).rejects.toBeInstanceOf(BreakerOpenError);
        for (const each of registry.list()) each.release();
        expect((await client.query('SELECT id FROM items')).rows).toEqual([{ id: 2 }]);
      } finally {
        client.release();
      }
    }));

  it('knows a transaction whose BEGIN still waits behind the statement that has just ended', () =>
    withPool(async (pool) => {
      const client = await pool.connect();
      try {
        await client.query('SELECT 1');
        breaker('read').forceOpen('test');
        await client.query('BEGIN');
        const inside = new Promise<void>((resolve, reject) => {
          client.query('COMMIT', () => client.query('SELECT 1', (error) => (error ? reject(error) : resolve())));
        });
        await Promise.all([client.query('BEGIN'), inside]);
        await client.query('COMMIT');
        await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
      } finally {
        client.release();
      }
    }));

  it('is not judged by a pool that is only exhausted', () =>
    withPool(async () => {
      const small = new pg.Pool({ connectionString: server.url, max: 1, connectionTimeoutMillis: 30 });
      // pg-pool's end does not wait for its connections: the server may be stopped before they are closed.
      small.on('error', () => {});
      const client = await small.connect();
      for (let i = 0; i < 12; i += 1) await expect(small.query('SELECT 1')).rejects.toThrow('timeout exceeded');
      client.release();
      await small.query('SELECT 1');
      expect(breaker('read').snapshot()).toMatchObject({ state: 'closed', inFlight: 0, calls: { failure: 0, success: 1, ignored: 12 } });
      await small.end();
    }));
});
