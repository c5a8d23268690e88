import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BreakerOptions } from '../../src/core/options.ts';
import { isStale, staleAge } from '../../src/policies/stale-cache/stale-mark.ts';
import { pgRig } from '../support/pg-rig.ts';

const rig = pgRig({ sql: 'CREATE TABLE items (id int PRIMARY KEY, name text)' });
const { default: pg } = await import('pg');
type Pool = InstanceType<typeof pg.Pool>;
type Client = InstanceType<typeof pg.Client>;

const pools: Pool[] = [];
const clients: Client[] = [];
beforeEach(() => rig.server.query('TRUNCATE items'));
afterEach(async () => {
  rig.server.thaw();
  for (const client of clients.splice(0)) await client.end().catch(() => {});
  for (const pool of pools.splice(0)) if (!pool.ending) await pool.end();
});

/** What the configuration says of every breaker. */
const configure = (options: BreakerOptions) => rig.registry.configure(() => ({ options }));

function newPool(config: object = {}): Pool {
  const pool = new pg.Pool({ connectionString: rig.server.url, max: 2, ...config });
  pool.on('error', () => {});
  pools.push(pool);
  return pool;
}

async function newClient(): Promise<Client> {
  const client = new pg.Client({ connectionString: rig.server.url });
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

interface Failure extends Error {
  readonly code?: string;
}
const errorOf = (work: Promise<unknown>): Promise<Failure> =>
  work.then(
    (value) => Promise.reject(new Error(`no error, but ${JSON.stringify(value)}`)),
    (error: Failure) => error,
  );
async function timed<T>(work: Promise<T>): Promise<{ ms: number; value: T }> {
  const began = performance.now();
  const value = await work;
  return { ms: performance.now() - began, value };
}

/** Ends the sessions that run a statement, once there are any: what a restart or a failover does to them. */
async function terminate(like: string): Promise<void> {
  const ended = `SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity WHERE query LIKE '${like}' AND state = 'active' AND pid <> pg_backend_pid()`;
  await vi.waitFor(async () => expect(Number((await rig.server.query(ended))[0]?.['n'])).toBeGreaterThan(0), { timeout: 3_000, interval: 30 });
}
const running = async (like: string): Promise<number> =>
  Number(
    (
      await rig.server.query(`SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '${like}' AND state = 'active' AND pid <> pg_backend_pid()`)
    )[0]?.['n'],
  );

describe('retry', () => {
  const retry = { attempts: 3, backoffMs: 20, jitter: 'none' } as const;

  it('asks a read again whose connection was cut', async () => {
    configure({ retry });
    const call = newPool().query('SELECT pg_sleep(0.4), 7 AS n');
    await terminate('SELECT pg_sleep(0.4), 7%');
    expect((await call).rows[0]).toMatchObject({ n: 7 });
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 1, success: 1 });
  });

  it('gives the last error of pg’s own when all attempts fail', async () => {
    configure({ retry: { ...retry, attempts: 2 } });
    const call = errorOf(newPool().query('SELECT pg_sleep(0.5), 8'));
    await terminate('SELECT pg_sleep(0.5), 8%');
    await terminate('SELECT pg_sleep(0.5), 8%');
    const error = await call;
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error.code).toBe('57P01');
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 2, success: 0 });
  });

  it('does not repeat writes, nor what is wrong with a statement, unless told', async () => {
    configure({ retry });
    const pool = newPool();
    const insert = 'INSERT INTO items SELECT 1 FROM pg_sleep(0.4)';
    const call = errorOf(pool.query(insert));
    await terminate('INSERT INTO items SELECT 1%');
    expect((await call).code).toBe('57P01');
    expect((await errorOf(pool.query('SELECT 1/0'))).code).toBe('22012');
    const next = errorOf(pool.query("SELECT nextval('none'), pg_sleep(0)"));
    expect((await next).code).toBe('42P01');
    expect(rig.breaker('write').snapshot().calls).toMatchObject({ failure: 1 });
    // The server's answer, once each.
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ success: 2, failure: 0 });

    configure({ retry: { ...retry, nonIdempotent: true } });
    const again = pool.query(insert);
    await terminate('INSERT INTO items SELECT 1%');
    expect((await again).rowCount).toBe(1);
  });

  it('does not ask a full pool again; a fallback stands in for it', async () => {
    configure({ retry });
    const pool = newPool({ max: 1, connectionTimeoutMillis: 1_000 });
    const client = await pool.connect();
    const { ms, value: error } = await timed(errorOf(pool.query('SELECT 1')));
    expect(error.message).toBe('timeout exceeded when trying to connect');
    expect(ms).toBeLessThan(1_900);
    configure({ fallback: { empty: true } });
    expect((await pool.query('SELECT 1')).rows).toEqual([]);
    client.release();
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 0, ignored: 2 });
  });

  it('asks again on the same client after a time-out, but never inside a transaction', async () => {
    configure({ retry: { ...retry, backoffMs: 100 }, timeoutMs: 250 });
    const client = await newClient();
    await client.query('CREATE TEMP TABLE slow (n int)');
    const once = 'SELECT CASE WHEN pg_try_advisory_lock(1) THEN 1 END, pg_sleep(0)';
    expect((await client.query(once)).rowCount).toBe(1);
    const error = await errorOf(client.query('SELECT pg_sleep(1)'));
    expect(error.code).toBe('ECALLTIMEOUT');
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 3, success: 1 });
    await client.query('BEGIN');
    expect((await timed(client.query('SELECT pg_sleep(0.5)'))).ms).toBeGreaterThan(400);
    await client.query('COMMIT');
    expect((await client.query('SELECT count(*)::int AS n FROM slow')).rows).toEqual([{ n: 0 }]);
  });

  it('asks no more when the client has been given other things to do meanwhile', async () => {
    configure({ retry: { ...retry, backoffMs: 100 }, timeoutMs: 150 });
    const client = await newClient();
    const slow = errorOf(client.query('SELECT pg_sleep(1)'));
    await sleep(200);
    await client.query('BEGIN');
    expect((await slow).code).toBe('ECALLTIMEOUT');
    await client.query('COMMIT');
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 1 });
  });
});

describe('timeoutMs', () => {
  it('answers the caller of a pool, lets nobody wait behind the statement, and has the server stop it', async () => {
    configure({ timeoutMs: 200 });
    const pool = newPool({ max: 1 });
    const { ms, value: error } = await timed(errorOf(pool.query('SELECT pg_sleep(20)')));
    expect(error).toMatchObject({ name: 'CallTimeoutError', code: 'ECALLTIMEOUT', timeoutMs: 200 });
    expect(ms).toBeLessThan(5_000);
    expect((await timed(pool.query('SELECT 1'))).ms).toBeLessThan(5_000);
    await vi.waitFor(async () => expect(await running('SELECT pg_sleep(20)%')).toBe(0), { timeout: 2_000 });
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 1, success: 1 });
  });

  it('answers callbacks in their own context, and once', async () => {
    configure({ timeoutMs: 100 });
    const storage = new AsyncLocalStorage<string>();
    const heard: unknown[] = [];
    const pool = newPool();
    storage.run('mine', () => {
      pool.query('SELECT pg_sleep(0.3)', (error) => heard.push([storage.getStore(), (error as Failure).code]));
    });
    await sleep(500);
    expect(heard).toEqual([['mine', 'ECALLTIMEOUT']]);
  });

  it('answers the callback of a config as any other, in its own context and turn, and once', async () => {
    configure({ timeoutMs: 150 });
    const storage = new AsyncLocalStorage<string>();
    const client = await newClient();
    const heard: unknown[] = [];
    const thrown: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => thrown.push(error));
    try {
      const oops = new Error('thrown by the callback');
      const callback = (error: Failure) => {
        heard.push([storage.getStore(), error.code]);
        throw oops;
      };
      const config = { text: 'SELECT pg_sleep($1)', values: [20], callback };
      storage.run('mine', () => void client.query(config as never));
      expect(config.callback).toBe(callback);
      await vi.waitFor(() => expect(heard).toEqual([['mine', 'ECALLTIMEOUT']]), { timeout: 1_500 });
      expect((await timed(client.query('SELECT 1'))).ms).toBeLessThan(5_000);
      expect([heard.length, thrown]).toEqual([1, [oops]]);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const each of others) process.on('uncaughtException', each);
    }
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 1, success: 1 });
  });

  it('does not blame the server for a pool that is full', async () => {
    configure({ timeoutMs: 200 });
    const pool = newPool({ max: 1 });
    const client = await pool.connect();
    const error = await errorOf(pool.query('SELECT 1'));
    expect(error.code).toBe('ECALLTIMEOUT');
    client.release();
    expect((await pool.query('SELECT 2 AS n')).rows).toEqual([{ n: 2 }]);
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 0, ignored: 1, success: 1 });
  });

  it('leaves a client that the application holds as it is, and frees it for the next statement', async () => {
    configure({ timeoutMs: 200 });
    const client = await newClient();
    const pid = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
    const slow = errorOf(client.query('SELECT pg_sleep(20)'));
    const { ms } = await timed(slow);
    expect(ms).toBeLessThan(5_000);
    const next = await timed(client.query('SELECT pg_backend_pid() AS pid'));
    expect(next.value.rows[0]?.pid).toBe(pid);
    expect(next.ms).toBeLessThan(5_000);
  });

  it('takes what has not been sent out of the client’s queue', async () => {
    configure({ timeoutMs: 200 });
    const client = await newClient();
    const first = errorOf(client.query('SELECT pg_sleep(0.15), 1').then(() => client.query('SELECT pg_sleep(3)')));
    const never = errorOf(client.query('SELECT pg_sleep(3)').then(() => undefined));
    const queued = errorOf(client.query("INSERT INTO items VALUES (1, 'never')"));
    for (const each of [never, queued]) expect((await each).code).toBe('ECALLTIMEOUT');
    expect((await first).code).toBe('ECALLTIMEOUT');
    expect((await client.query('SELECT count(*)::int AS n FROM items')).rows).toEqual([{ n: 0 }]);
    expect(rig.breaker('write').snapshot().calls).toMatchObject({ ignored: 1, failure: 0 });
  });

  it('never hits the statement behind the one it cancels', { timeout: 60_000 }, async () => {
    configure({ timeoutMs: 30, failureRatio: undefined, retry: undefined, stall: undefined });
    const client = await newClient();
    let late = 0;
    for (let i = 0; i < 60; i += 1) {
      // Most end about when they are cancelled; one in twelve is early on a slow machine too.
      const slow = client.query(`SELECT pg_sleep(${i % 12 === 0 ? 0 : (0.022 + (i % 12) * 0.001).toFixed(3)})`).catch(() => (late += 1));
      await slow;
      await client.query(`SELECT ${i}, count(*) FROM generate_series(1, 20000)`).catch((error: Failure) => {
        if (error.code !== 'ECALLTIMEOUT') throw error;
      });
    }
    expect(late).toBeGreaterThan(3);
    expect(late).toBeLessThan(60);
  });

  it('ends nothing in shadow mode, nor what is exempt', async () => {
    configure({ timeoutMs: 100, mode: 'shadow' });
    const pool = newPool();
    await pool.query('SELECT pg_sleep(0.25)');
    configure({ timeoutMs: 150 });
    const under = pool.query('SELECT pg_sleep(0.3)');
    await sleep(50);
    configure({ timeoutMs: 150, mode: 'shadow' });
    await under;
    expect(rig.breaker('read').snapshot().calls.failure).toBe(0);
  });
});

it('totalTimeoutMs ends all attempts, and what is under way with them', async () => {
  configure({ totalTimeoutMs: 2_000, timeoutMs: 700, retry: { attempts: 4, backoffMs: 10, jitter: 'none' }, failureRatio: undefined });
  const pool = newPool({ max: 1 });
  const { ms, value: error } = await timed(errorOf(pool.query('SELECT pg_sleep(20), 3')));
  expect(error).toMatchObject({ code: 'ECALLTIMEOUT', timeoutMs: 2_000 });
  expect(ms).toBeGreaterThan(1_900);
  expect(ms).toBeLessThan(5_000);
  await vi.waitFor(async () => expect(await running('SELECT pg_sleep(20), 3%')).toBe(0), { timeout: 2_000 });
  expect((await timed(pool.query('SELECT 1'))).ms).toBeLessThan(5_000);
  expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 2, cancelled: 1 });
});

describe('a stale answer', () => {
  const stale = { fallback: { stale: {} } };
  const rich = `SELECT 1 AS int4, 9007199254740993::int8 AS int8, 1.50::numeric AS numeric, 'a'::text AS text, true AS yes, NULL::text AS nothing,
    '\\x00ff'::bytea AS bytes, '{"a":[1,{"b":null}]}'::jsonb AS json, ARRAY[1,2] AS list, '2020-01-02T03:04:05Z'::timestamptz AS at, '1 day 2 hours'::interval AS span, point(1,2) AS place`;

  it('is the last good one, with all its types, a copy for each caller, and says so', async () => {
    configure(stale);
    const pool = newPool();
    const fresh = await pool.query(rich);
    expect(isStale(fresh)).toBe(false);
    const kept = { ...structuredClone(fresh.rows[0]), bytes: fresh.rows[0].bytes };
    fresh.rows[0].json.a = 'changed by its caller';
    await rig.server.kill();
    try {
      const [one, two] = [await pool.query(rich), await pool.query(rich)];
      expect(isStale(one)).toBe(true);
      expect(staleAge(one)).toBeGreaterThan(0);
      expect(one).toBeInstanceOf(pg.Result);
      expect(Object.getPrototypeOf(one)).toBe(Object.getPrototypeOf(fresh));
      expect({ ...one.rows[0], span: undefined }).toEqual({ ...kept, span: undefined });
      expect(one.rows[0].bytes).toEqual(Buffer.from([0, 255]));
      expect(one.rows[0].at).toBeInstanceOf(Date);
      expect(one.rows[0].span.toPostgres()).toBe(fresh.rows[0].span.toPostgres());
      expect([one.rowCount, one.command, one.oid]).toEqual([1, 'SELECT', null]);
      expect(one.fields).toStrictEqual(fresh.fields);
      one.rows[0].json.a[0] = 2;
      expect(two.rows[0].json).toEqual({ a: [1, { b: null }] });
    } finally {
      await rig.server.restart();
    }
  });

  it('is of the same question only: text, values with their types, shape, settings of the session', { timeout: 30_000 }, async () => {
    configure(stale);
    const pool = newPool();
    const other = newPool({ options: '-c search_path=pg_catalog' });
    const parsed = newPool({ types: { getTypeParser: () => (text: string) => `<${text}>` } });
    await pool.query('SELECT $1::int AS n', [1]);
    await pool.query({ text: 'SELECT 5 AS n', rowMode: 'array' });
    await parsed.query('SELECT 6 AS n');
    const client = await pool.connect();
    await client.query('SELECT 7 AS n');
    await client.query('BEGIN');
    await client.query('SELECT 8 AS n');
    await client.query('COMMIT');
    await client.query("SELECT set_config('app.user', 'ada', false)");
    await client.query("SELECT current_setting('app.user') AS n");
    client.release();
    const altered = newPool({ max: 1 });
    const alone = await altered.connect();
    await alone.query("SET application_name = 'ada'");
    alone.release();
    await altered.query('SELECT 9 AS n');
    await rig.server.kill();
    try {
      const asked = (on: Pool, text: unknown, values?: unknown[]) =>
        on.query(text as string, values).then(
          ({ rows }) => rows,
          () => 'nothing kept',
        );
      expect(await asked(pool, 'SELECT $1::int AS n', [1])).toEqual([{ n: 1 }]);
      expect(await asked(pool, 'SELECT $1::int AS n', ['1'])).toBe('nothing kept');
      expect(await asked(other, 'SELECT $1::int AS n', [1])).toBe('nothing kept');
      expect(await asked(pool, { text: 'SELECT 5 AS n', rowMode: 'array' })).toEqual([[5]]);
      expect(await asked(pool, 'SELECT 5 AS n')).toBe('nothing kept');
      expect(await asked(parsed, 'SELECT 6 AS n')).toEqual([{ n: '<6>' }]);
      expect(await asked(pool, 'SELECT 6 AS n')).toBe('nothing kept');
      expect(await asked(pool, 'SELECT 7 AS n')).toEqual([{ n: 7 }]);
      expect(await asked(pool, 'SELECT 8 AS n')).toBe('nothing kept');
      expect(await asked(pool, 'SELECT 9 AS n')).toBe('nothing kept');
      expect(await asked(pool, "SELECT current_setting('app.user') AS n")).toBe('nothing kept');
    } finally {
      await rig.server.restart();
    }
  });

  it('is for connections that were prepared the same way, and for none whose session has been changed', { timeout: 30_000 }, async () => {
    configure(stale);
    const preparedBy = (prepare: (client: Client) => unknown): Pool => {
      const made = newPool();
      made.on('connect', (client) => void prepare(client as Client));
      return made;
    };
    const tenant = (name: string) => preparedBy((client) => client.query("SELECT set_config('app.tenant', $1, false)", [name]));
    const question = "SELECT current_setting('app.tenant', true) AS tenant";
    const [ada, adaToo, bob, nobody] = [tenant('ada'), tenant('ada'), tenant('bob'), newPool()];
    let names = ['eve', 'mallory'];
    const changing = preparedBy((client) => client.query("SELECT set_config('app.tenant', $1, false)", [names.pop()]));
    await ada.query(question);
    await adaToo.query('SELECT 1');
    await bob.query('SELECT 1');
    await nobody.query(question);
    // Two connections, one for each.
    await Promise.all([changing.query(`SELECT pg_sleep(0.1)::text; ${question}`), changing.query(question)]);
    names = [];
    const unmet = tenant('ada');
    const altered = await nobody.connect();
    altered.on('error', () => {});
    await altered.query("SET app.tenant = 'bob'");
    await rig.server.kill();
    try {
      const asked = (on: Pick<Pool, 'query'>) =>
        on.query(question).then(
          ({ rows }) => (rows as { tenant: string }[])[0]?.tenant,
          () => 'nothing kept',
        );
      expect(await asked(ada)).toBe('ada');
      expect(await asked(adaToo)).toBe('ada');
      expect(await asked(bob)).toBe('nothing kept');
      expect(await asked(changing)).toBe('nothing kept');
      // How its connections will be prepared nobody knows yet.
      expect(await asked(unmet)).toBe('nothing kept');
      expect(await asked(nobody)).toBeOneOf([null, '']);
      expect(await asked(altered)).toBe('nothing kept');
    } finally {
      altered.release(true);
      await rig.server.restart();
    }
  });

  it('is for SELECTs that do nothing: neither writes nor locks nor sequences', async () => {
    configure({ ...stale, degraded: undefined });
    await rig.server.query('CREATE SEQUENCE IF NOT EXISTS s');
    const pool = newPool();
    const texts = ["SELECT nextval('s')", 'SELECT * FROM items FOR UPDATE', "INSERT INTO items VALUES (9, 'x') RETURNING id"];
    for (const text of texts) await pool.query(text);
    await rig.server.kill();
    try {
      for (const text of texts) expect(isStale(await errorOf(pool.query(text)))).toBe(false);
    } finally {
      await rig.server.restart();
    }
  });
});

describe('a fallback', () => {
  it('of nothing is a Result without rows, for reads; of a value a Result with these rows', async () => {
    configure({ fallback: { empty: true } });
    const pool = newPool();
    await pool.query('SELECT 1');
    await rig.server.kill();
    try {
      const empty = await pool.query('SELECT name FROM items');
      expect(empty).toBeInstanceOf(pg.Result);
      expect({ ...empty }).toMatchObject({ rows: [], rowCount: 0, command: 'SELECT', fields: [] });
      await errorOf(pool.query("INSERT INTO items VALUES (1, 'a')"));
      await errorOf(pool.query('SELECT * FROM items FOR UPDATE'));
      configure({ fallback: { value: [{ name: 'none' }] } });
      const one = await pool.query('SELECT name FROM items');
      expect(one).toBeInstanceOf(pg.Result);
      expect(one).toMatchObject({ rows: [{ name: 'none' }], rowCount: 1 });
      one.rows[0].name = 'changed';
      expect((await pool.query('SELECT name FROM items')).rows).toEqual([{ name: 'none' }]);
      const second = vi.fn(async (text: unknown) => ({ rows: [{ asked: text }] }));
      configure({ fallback: { tiers: [{ name: 'replica', run: second as never }] } });
      expect(await pool.query('SELECT 3', [])).toEqual({ rows: [{ asked: 'SELECT 3' }] });
    } finally {
      await rig.server.restart();
    }
  });

  it('reaches callbacks as pg does: result second, this turn of nobody’s data handler, in the caller’s context', async () => {
    configure({ fallback: { value: [{ n: 1 }] }, timeoutMs: 100 });
    const storage = new AsyncLocalStorage<string>();
    const pool = newPool();
    const client = await newClient();
    const heard = await new Promise<unknown[]>((resolve) => {
      const seen: unknown[] = [];
      const hear =
        (who: string) =>
        (error: unknown, result: { rows: unknown[] }): void => {
          seen.push([who, storage.getStore(), error ?? 'none', result.rows]);
          if (seen.length === 3) resolve(seen);
        };
      storage.run('mine', () => {
        pool.query('SELECT pg_sleep(1)', hear('pool'));
        client.query('SELECT pg_sleep($1)', [1], hear('client'));
        const config = { text: 'SELECT pg_sleep(1)', callback: hear('config') };
        (newPool() as unknown as { query: (config: object, callback: unknown) => void }).query(config, config.callback);
      });
    });
    const rows = [{ n: 1 }];
    expect(heard.sort()).toEqual([
      ['client', 'mine', 'none', rows],
      ['config', 'mine', 'none', rows],
      ['pool', 'mine', 'none', rows],
    ]);
  });

  it('never says that a transaction has begun, or a cursor', async () => {
    configure({ fallback: { value: [] } });
    const client = await newClient();
    await client.query('BEGIN READ ONLY');
    await client.query('COMMIT');
    await client.query('SELECT 1');
    for (const operation of ['read', 'write']) rig.registry.get(`postgresql://127.0.0.1:${rig.server.port}/shop ${operation}`).forceOpen();
    expect((await client.query('SELECT 1')).rows).toEqual([]);
    expect((await errorOf(client.query('BEGIN'))).code).toBe('EBREAKEROPEN');
    const cursor = new Promise((_, reject) => client.query(Object.assign(new pg.Query('SELECT 1'), { callback: reject })));
    expect((await errorOf(cursor)).code).toBe('EBREAKEROPEN');
  });

  it('does not stand in for what is wrong with a statement', async () => {
    configure({ fallback: { value: [] } });
    expect((await errorOf(newPool().query('SELECT wrong'))).code).toBe('42703');
  });
});

describe('limits', () => {
  it('bound calls at a time and per time; a call that waits for its place is not lost', async () => {
    configure({ bulkhead: { limit: 1, queue: 1 } });
    const pool = newPool();
    const first = pool.query('SELECT pg_sleep(0.2), 1 AS n');
    const second = pool.query('SELECT 2 AS n');
    const third = await errorOf(pool.query('SELECT 3'));
    expect(third.code).toBe('EBULKHEADFULL');
    expect((await first).rows[0]).toMatchObject({ n: 1 });
    expect((await second).rows).toEqual([{ n: 2 }]);
    configure({ rateLimit: { limit: 2, intervalMs: 60_000 } });
    await pool.query('SELECT 1');
    const client = await newClient();
    await client.query('SELECT 2');
    expect((await errorOf(client.query('SELECT 3'))).code).toBe('ERATELIMITED');
    expect(rig.breaker('read').snapshot().rejections).toMatchObject({ bulkhead_full: 1, rate_limited: 1 });
  });

  it('do not let a statement that has waited land in a transaction that was begun since', async () => {
    configure({ bulkhead: { limit: 1, queue: 5 } });
    const pool = newPool();
    const client = await newClient();
    const busy = pool.query("INSERT INTO items SELECT 1, 'busy' FROM pg_sleep(0.3)");
    await sleep(50);
    const waits = errorOf(client.query("INSERT INTO items VALUES (2, 'waited')"));
    await client.query('BEGIN');
    await busy;
    expect((await waits).code).toBe('EBULKHEADFULL');
    await client.query('ROLLBACK');
  });
});

describe('degraded modes', () => {
  it('read-only refuses whatever may write, in every style, and ends no transaction', async () => {
    const pool = newPool();
    const client = await newClient();
    await client.query('BEGIN');
    configure({ degraded: 'read-only' });
    await client.query("INSERT INTO items VALUES (1, 'begun before')");
    await client.query('COMMIT');
    const refused = [
      pool.query("INSERT INTO items VALUES (2, 'b')"),
      client.query("INSERT INTO items VALUES (2, 'b')"),
      client.query('BEGIN'),
      pool.query('DELETE FROM items'),
      new Promise((_, reject) => client.query(Object.assign(new pg.Query('DELETE FROM items'), { callback: reject }))),
    ];
    for (const each of refused) expect((await errorOf(each)).code).toBe('EREADONLYMODE');
    await client.query("SET application_name = 'mine'");
    await client.query('BEGIN READ ONLY');
    await client.query('COMMIT');
    expect((await pool.query('SELECT id FROM items')).rows).toEqual([{ id: 1 }]);
  });

  it('empty answers reads without asking; bypass leaves everything to the breaker', async () => {
    configure({ degraded: 'empty', fallback: { value: [] } });
    const pool = newPool();
    expect(await pool.query('SELECT 1')).toMatchObject({ rows: [], rowCount: 0 });
    expect(rig.breaker('read').snapshot().calls.success).toBe(0);
    configure({ degraded: 'bypass', rateLimit: { limit: 1, intervalMs: 60_000 } });
    for (let i = 0; i < 3; i += 1) expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });
});

it('in shadow mode policies change nothing and limits say what they would have refused', async () => {
  configure({ mode: 'shadow', rateLimit: { limit: 1, intervalMs: 60_000 }, retry: {}, fallback: { value: [] }, degraded: 'read-only' });
  const pool = newPool();
  for (let id = 0; id < 3; id += 1) expect((await pool.query('INSERT INTO items VALUES ($1)', [id])).rowCount).toBe(1);
  expect((await errorOf(pool.query('SELECT 1/0'))).code).toBe('22012');
  expect(rig.breaker('write').snapshot().shadowRejections).toMatchObject({ read_only: 3, rate_limited: 2 });
});
