import { createRequire } from 'node:module';
import type { PoolClient, Submittable } from 'pg';
import QueryStream from 'pg-query-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PgBreakerInstrumentation } from '../../instrumentations/pg/instrumentation.ts';
import type { Breaker } from '../../src/breaker/breaker.ts';
import { BreakerOpenError } from '../../src/core/errors.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';

interface CursorLike extends Submittable {
  read(rows: number): Promise<unknown[]>;
  close(): Promise<void>;
}
// It comes without types.
const Cursor = createRequire(import.meta.url)('pg-cursor') as new (text: string) => CursorLike;

let registry: Registry;
const instrumentation = new PgBreakerInstrumentation({ registry: createRegistry() });
const { default: pg } = await import('pg');

let server: PostgresHandle;
let pool: InstanceType<typeof pg.Pool>;
/** Tells the connections of one test's pool from all others. */
let mark: string;
let marks = 0;
const held = new Set<PoolClient>();
beforeAll(async () => {
  server = await startPostgres({
    sql: 'CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items SELECT i, i::text FROM generate_series(1, 500) i',
  });
});
afterAll(async () => {
  instrumentation.disable();
  await server.stop();
});
beforeEach(() => {
  registry = createRegistry();
  instrumentation.setConfig({ registry });
  marks += 1;
  mark = `test ${marks}`;
  pool = new pg.Pool({ connectionString: server.url, max: 5, application_name: mark });
  // As every service must: clients that were let go may be sent away by the server's end.
  pool.on('error', () => {});
  pool.on('acquire', (client) => held.add(client));
  pool.on('release', (_, client) => held.delete(client));
});
afterEach(async () => {
  // A test that failed has not given back what it held, and the pool would wait for it.
  for (const client of held) client.release(true);
  held.clear();
  await pool.end();
});

const breaker = (operation: string): Breaker => {
  const found = registry.find(`postgresql://127.0.0.1:${server.port}/shop ${operation}`);
  if (found === undefined) throw new Error(`no breaker ${operation} among ${registry.list().map(({ name }) => name)}`);
  return found;
};
const calls = (operation: string) => breaker(operation).snapshot().calls;
const total = () =>
  registry
    .list()
    .flatMap((each) => Object.values(each.snapshot().calls))
    .reduce((sum, count) => sum + count, 0);
const refusals = () => registry.list().reduce((sum, each) => sum + (each.snapshot().rejections.forced_open ?? 0), 0);
const forceOpen = async (...operations: string[]) => {
  for (const operation of operations) {
    const statements: Record<string, string> = {
      read: 'SELECT 1',
      write: 'INSERT INTO items VALUES (1) ON CONFLICT DO NOTHING',
      delete: 'DELETE FROM items WHERE id < 0',
    };
    await pool.query(statements[operation] as string);
    breaker(operation).forceOpen('test');
  }
};
const nextTicks = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('an admitted call', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a promise of the pool', () => pool.query('SELECT 7 AS x')],
    ['a promise of the pool, with values', () => pool.query('SELECT $1::int AS x', [7])],
    [
      'a callback of the pool',
      () => new Promise((resolve, reject) => pool.query('SELECT 7 AS x', (error, result) => (error ? reject(error) : resolve(result)))),
    ],
    [
      'a callback of the pool, with values',
      () => new Promise((resolve, reject) => pool.query('SELECT $1::int AS x', [7], (error, result) => (error ? reject(error) : resolve(result)))),
    ],
    ['a named statement of the pool', () => pool.query({ name: 'seven', text: 'SELECT $1::int AS x', values: [7] })],
    ['a Query handed to the pool', () => pool.query(new pg.Query('SELECT 7 AS x') as never)],
  ])('as %s is counted once', async (_, run) => {
    const result = (await run()) as { rows: unknown[] };
    expect(result.rows).toEqual([{ x: 7 }]);
    expect(total()).toBe(1);
    expect(calls('read').success).toBe(1);
    expect(breaker('read').inFlight).toBe(0);
  });

  type Client = InstanceType<typeof pg.Client>;
  it.each<[string, (client: Client) => Promise<unknown>]>([
    ['a promise', (client) => client.query('SELECT 7 AS x')],
    ['a promise, with values', (client) => client.query('SELECT $1::int AS x', [7])],
    [
      'a callback',
      (client) => new Promise((resolve, reject) => client.query('SELECT 7 AS x', (error, result) => (error ? reject(error) : resolve(result)))),
    ],
    [
      'a callback, with values',
      (client) =>
        new Promise((resolve, reject) => client.query('SELECT $1::int AS x', [7], (error, result) => (error ? reject(error) : resolve(result)))),
    ],
    [
      'a callback inside a config',
      (client) =>
        new Promise((resolve, reject) => {
          const config = {
            text: 'SELECT 7 AS x',
            callback: (error: Error | undefined, result: unknown) => (error ? reject(error) : resolve(result)),
          };
          const { callback } = config;
          client.query(config as never);
          expect(config.callback).toBe(callback);
        }),
    ],
    ['a named statement', (client) => client.query({ name: 'seven', text: 'SELECT $1::int AS x', values: [7] })],
    [
      'a Query with events',
      (client) =>
        new Promise((resolve, reject) => {
          const query = new pg.Query('SELECT 7 AS x');
          const rows: unknown[] = [];
          query.on('row', (row) => rows.push(row));
          query.on('end', () => resolve({ rows }));
          query.on('error', reject);
          expect(client.query(query)).toBe(query);
        }),
    ],
    [
      'a Query with a callback',
      (client) =>
        new Promise((resolve, reject) =>
          (client.query as (...args: unknown[]) => unknown)(new pg.Query('SELECT 7 AS x'), (error: unknown, result: unknown) =>
            error ? reject(error) : resolve(result),
          ),
        ),
    ],
    [
      'a Cursor',
      async (client) => {
        const cursor = client.query(new Cursor('SELECT 7 AS x'));
        const rows = await cursor.read(10);
        await cursor.close();
        return { rows };
      },
    ],
    [
      'a QueryStream',
      async (client) => {
        const rows: unknown[] = [];
        for await (const row of client.query(new QueryStream('SELECT 7 AS x'))) rows.push(row);
        return { rows };
      },
    ],
  ])('of a client as %s is counted once', async (_, run) => {
    const client = new pg.Client(server.url);
    await client.connect();
    try {
      const result = (await run(client)) as { rows: unknown[] };
      expect(result.rows).toEqual([{ x: 7 }]);
      await nextTicks();
      expect(total()).toBe(1);
      expect(calls('read').success).toBe(1);
      expect(breaker('read').inFlight).toBe(0);
      // The connection is in order.
      expect((await client.query('SELECT 8 AS x')).rows).toEqual([{ x: 8 }]);
    } finally {
      await client.end();
    }
  });

  it('of a stream that nobody reads gives its permit back with the first answer', async () => {
    const client = await pool.connect();
    const stream = client.query(new QueryStream('SELECT * FROM items'));
    const cursor = new Cursor('SELECT 1');
    await nextTicks();
    expect(breaker('read').inFlight).toBe(0);
    expect(calls('read').success).toBe(1);
    stream.destroy();
    client.query(cursor);
    await nextTicks();
    expect(breaker('read').inFlight).toBe(0);
    await cursor.close();
    for (const key of Object.keys(cursor)) expect(key).not.toMatch(/^handle/);
    client.release();
  });

  it('keeps what it throws: an error in the request is the server working, and no failure', async () => {
    await expect(pool.query('SELEKT')).rejects.toMatchObject({ code: '42601' });
    await expect(pool.query('SELECT * FROM missing')).rejects.toMatchObject({ code: '42P01' });
    const client = await pool.connect();
    await expect(client.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
    await expect(client.query('INSERT INTO items VALUES (1)')).rejects.toMatchObject({ code: '23505' });
    client.release();
    expect(registry.list().reduce((sum, each) => sum + each.snapshot().calls.failure, 0)).toBe(0);
    expect(() => client.query(null as never)).toThrow(TypeError);
  });

  it('goes to the breaker of its class', async () => {
    await pool.query('INSERT INTO items VALUES (-1)');
    await pool.query('DELETE FROM items WHERE id = -1');
    await pool.query('CREATE TABLE IF NOT EXISTS other (id int)');
    await pool.query('LISTEN news');
    expect([calls('write').success, calls('delete').success, calls('admin').success, calls('listen').success]).toEqual([1, 1, 1, 1]);
    expect(breaker('write').target).toEqual({
      system: 'postgresql',
      address: '127.0.0.1',
      port: server.port,
      namespace: 'shop',
      operation: 'write',
      server: `postgresql://127.0.0.1:${server.port}`,
    });
  });

  it('rejects unhandled when nobody handles it', async () => {
    const client = await pool.connect();
    const seen: unknown[] = [];
    const hear = (reason: unknown) => seen.push(reason);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', hear);
    try {
      void client.query('SELEKT 1');
      void pool.query('SELEKT 2');
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(seen).toHaveLength(2);
    } finally {
      process.off('unhandledRejection', hear);
      for (const other of others) process.on('unhandledRejection', other);
      client.release();
    }
  });
});

describe('in shadow mode', () => {
  it('nothing is refused, and what would have been is told', async () => {
    registry = createRegistry({ defaults: { mode: 'shadow' } });
    instrumentation.setConfig({ registry });
    await pool.query('SELECT 1');
    breaker('read').report(new Error('gone'), { refused: true });
    expect(breaker('read').snapshot()).toMatchObject({ state: 'shadow', circuit: 'open' });
    expect((await pool.query('SELECT 1')).rowCount).toBe(1);
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1');
    await client.query('COMMIT');
    client.release();
    expect(breaker('read').snapshot().shadowRejections).toEqual({ open: 1 });
  });
});

describe('a refused call', () => {
  it('rejects the promise of the pool, calls the callback later, and costs no connection', async () => {
    await Promise.all(Array.from({ length: 5 }, () => pool.query('SELECT pg_sleep(0.05)')));
    // Of this very pool: backends of connections that were closed before may take their time to go.
    const pids = async () =>
      new Set((await server.query(`SELECT pid FROM pg_stat_activity WHERE application_name = '${mark}'`)).map((row) => row['pid']));
    const before = await pids();
    expect(before.size).toBe(5);
    breaker('read').forceOpen('test');
    for (let i = 0; i < 20; i += 1) await expect(pool.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    let turn = 'same';
    const error = await new Promise((resolve) => {
      pool.query('SELECT 1', (refusal: unknown) => resolve([refusal, turn]));
      turn = 'later';
    });
    expect(error).toMatchObject([{ code: 'EBREAKEROPEN', state: 'forced_open' }, 'later']);
    const client = await pool.connect();
    await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    breaker('read').release();
    expect((await client.query('SELECT 1')).rowCount).toBe(1);
    client.release();
    expect(await pids()).toEqual(before);
    expect(pool.totalCount).toBe(5);
  });

  it('looks to every style like an error of the client, which stays usable', async () => {
    await forceOpen('read');
    const client = await pool.connect();
    const errors: unknown[] = [];
    const note = (error: unknown) => errors.push(error);
    client.query('SELECT 1', note);
    client.query('SELECT $1::int', [1], note);
    client.query({ text: 'SELECT 1', callback: note } as never);
    const query = new pg.Query('SELECT 1');
    query.on('error', note);
    expect(client.query(query)).toBe(query);
    (client.query as (...args: unknown[]) => unknown)(new pg.Query('SELECT 1'), note);
    expect(errors).toEqual([]);
    const cursor = client.query(new Cursor('SELECT 1'));
    await cursor.read(1).catch(note);
    await client.query(new QueryStream('SELECT 1')).toArray().catch(note);
    await client.query({ name: 'one', text: 'SELECT 1' }).catch(note);
    await nextTicks();
    expect(errors).toHaveLength(8);
    for (const error of errors) expect(error).toBeInstanceOf(BreakerOpenError);
    expect(refusals()).toBe(8);
    breaker('read').release();
    expect((await client.query('SELECT 9 AS x')).rows).toEqual([{ x: 9 }]);
    client.release();
  });

  it('of a class leaves the others alone', async () => {
    await forceOpen('write');
    await expect(pool.query('UPDATE items SET name = name')).rejects.toBeInstanceOf(BreakerOpenError);
    expect((await pool.query('SELECT 1')).rowCount).toBe(1);
  });
});

describe('a transaction', () => {
  it('is never broken by a refusal: what stands in it passes, and so do COMMIT and ROLLBACK', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO items VALUES (-2)');
    await client.query('SELECT 1');
    for (const each of registry.list()) each.forceOpen('test');
    await client.query('SAVEPOINT a');
    await client.query('UPDATE items SET name = name WHERE id = -2');
    await expect(client.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' });
    await client.query('ROLLBACK TO a');
    await client.query('SELECT 1');
    await client.query('COMMIT');
    await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    await expect(client.query('BEGIN')).rejects.toBeInstanceOf(BreakerOpenError);
    for (const each of registry.list()) each.release();
    expect((await client.query('SELECT * FROM items WHERE id = -2')).rowCount).toBe(1);
    client.release();
  });

  it('counts its BEGIN once, its statements by class, and COMMIT not at all', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1');
    await client.query('COMMIT');
    client.release();
    expect(total()).toBe(2);
    expect([calls('write').success, calls('read').success]).toEqual([1, 1]);
  });

  it('is known from what was sent while the server has not answered yet', async () => {
    await forceOpen('read');
    const client = await pool.connect();
    const begun = client.query('BEGIN');
    const inside = client.query('SELECT 1 AS x');
    const ended = client.query('COMMIT');
    const after = client.query('SELECT 1');
    after.catch(() => {});
    await begun;
    expect((await inside).rows).toEqual([{ x: 1 }]);
    await ended;
    await expect(after).rejects.toBeInstanceOf(BreakerOpenError);
    client.release();
  });

  it('is followed in versions whose clients do not keep its status', async () => {
    const client = await pool.connect();
    Object.defineProperty(client, '_txStatus', { configurable: true, get: () => undefined, set: () => undefined });
    await client.query('SELECT 1');
    await client.query('BEGIN');
    breaker('read').forceOpen('test');
    await client.query('SELECT 1');
    await client.query('COMMIT');
    await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    breaker('read').release();
    await new Promise<void>((resolve, reject) => {
      client.query('BEGIN', () => {
        breaker('read').forceOpen('test');
        client.query('SELECT 1', (error) => (error ? reject(error) : resolve()));
      });
    });
    await client.query('ROLLBACK');
    await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    // More text than is looked at: only the server knows that this has ended.
    await client.query(`BEGIN; /* ${'x'.repeat(9_000)} */ COMMIT`);
    await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    client.release(true);
  });
});

describe('a pool', () => {
  it('that is exhausted is no failure of the server', async () => {
    const small = new pg.Pool({ connectionString: server.url, max: 1, connectionTimeoutMillis: 50 });
    const client = await small.connect();
    for (let i = 0; i < 30; i += 1) await expect(small.query('SELECT 1')).rejects.toThrow('timeout exceeded');
    expect(breaker('read').state).toBe('closed');
    expect(calls('read')).toMatchObject({ failure: 0, ignored: 30 });
    client.release();
    await small.end();
  });

  it('refuses to make connections while the circuit of connecting is open, and hands out idle ones', async () => {
    const held = await pool.connect();
    breaker('connect').forceOpen('test');
    await expect(pool.connect()).rejects.toBeInstanceOf(BreakerOpenError);
    const error = await new Promise((resolve) => pool.connect((refusal) => resolve(refusal)));
    expect(error).toBeInstanceOf(BreakerOpenError);
    held.release();
    const idle = await pool.connect();
    idle.release();
    await expect(new pg.Client(server.url).connect()).rejects.toBeInstanceOf(BreakerOpenError);
    expect(total()).toBe(0);
    breaker('connect').release();
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    for (const client of clients) client.release();
  });

  it('whose log-ins fail in a row stops trying, and starts again by a probe', async () => {
    const role = new pg.Pool({ connectionString: server.url.replace('postgres@', 'late@'), max: 5 });
    for (let i = 0; i < 5; i += 1) await expect(role.connect()).rejects.toMatchObject({ code: '28000' });
    await expect(role.connect()).rejects.toBeInstanceOf(BreakerOpenError);
    await server.query('CREATE ROLE late LOGIN');
    breaker('connect').recovered();
    for (let i = 0; i < 3; i += 1) {
      const client = await role.connect();
      client.release(true);
    }
    expect(breaker('connect').state).toBe('closed');
    await role.end();
  });

  it('prepares its connections whatever the circuits say', async () => {
    await pool.query('SET application_name = $$x$$');
    breaker('admin').forceOpen('test');
    const prepared = new pg.Pool({ connectionString: server.url, max: 1 });
    let preparation: Promise<unknown> | undefined;
    prepared.on('connect', (client) => {
      preparation = client.query("SET application_name = 'prepared'");
    });
    expect((await prepared.query('SHOW application_name')).rows).toEqual([{ application_name: 'prepared' }]);
    await preparation;
    await expect(prepared.query('RESET application_name')).rejects.toBeInstanceOf(BreakerOpenError);
    const client = await prepared.connect();
    await expect(client.query('RESET application_name')).rejects.toBeInstanceOf(BreakerOpenError);
    client.release();
    await prepared.end();
  });

  it('of a missing database fails by its own error, counted as a failure', async () => {
    const missing = new pg.Pool({ connectionString: server.url.replace('/shop', '/nowhere') });
    await expect(missing.query('SELECT 1')).rejects.toMatchObject({ code: '3D000' });
    expect(registry.find(`postgresql://127.0.0.1:${server.port}/nowhere read`)?.snapshot().calls.failure).toBe(1);
    await missing.end();
  });

  it.each(['onConnect', 'verify'])('whose clients fail in its own %s is no failure of the server', async (hook) => {
    const fail = (_: unknown, done?: (error: Error) => void) => {
      const error = new Error('not to our liking');
      if (done === undefined) throw error;
      done(error);
    };
    const picky = new pg.Pool({ connectionString: server.url, max: 2, [hook]: fail } as never);
    picky.on('error', () => {});
    for (let i = 0; i < 8; i += 1) {
      await expect(picky.connect()).rejects.toThrow('not to our liking');
      await expect(picky.query('SELECT 1')).rejects.toThrow('not to our liking');
    }
    expect(breaker('connect').state).toBe('closed');
    expect(calls('read')).toMatchObject({ failure: 0, ignored: 8 });
    await picky.end();
  });

  it('that ends gives back the permits of those that still queue, whom it never answers', async () => {
    const small = new pg.Pool({ connectionString: server.url, max: 1 });
    const client = await small.connect();
    void small.query('SELECT 1');
    void small.connect();
    expect(breaker('read').inFlight).toBe(1);
    const ended = small.end();
    expect(breaker('read').inFlight).toBe(0);
    client.release();
    await ended;
    expect(calls('read')).toMatchObject({ success: 0, failure: 0, ignored: 1 });
  });

  it('that has ended says so itself', async () => {
    const ended = new pg.Pool({ connectionString: server.url });
    await ended.end();
    await expect(ended.query('SELECT 1')).rejects.toThrow('Cannot use a pool after calling end on the pool');
    expect(registry.list()).toEqual([]);
  });
});

it('leaves names, lengths and arguments of the guarded functions as they are, and restores them exactly', () => {
  const guarded = [
    pg.Client.prototype.query,
    pg.Client.prototype.connect,
    Object.getPrototypeOf(pg.Pool.prototype).query,
    Object.getPrototypeOf(pg.Pool.prototype).connect,
  ];
  expect(guarded.map(({ name, length }) => [name, length])).toEqual([
    ['query', 3],
    ['connect', 1],
    ['query', 3],
    ['connect', 1],
  ]);
  instrumentation.disable();
  const bare = [
    pg.Client.prototype.query,
    pg.Client.prototype.connect,
    Object.getPrototypeOf(pg.Pool.prototype).query,
    Object.getPrototypeOf(pg.Pool.prototype).connect,
  ];
  for (const [at, each] of bare.entries()) {
    expect(each).not.toBe(guarded[at]);
    expect(String(each)).toContain('callback');
  }
  instrumentation.enable();
});
