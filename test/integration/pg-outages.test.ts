import { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { PgBreakerInstrumentation } from '../../instrumentations/pg/instrumentation.ts';
import { BreakerOpenError, CallTimeoutError, isBreakerError } from '../../src/core/errors.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';

let registry: Registry;
const instrumentation = new PgBreakerInstrumentation({ registry: createRegistry() });
const { default: pg } = await import('pg');
type Pool = InstanceType<typeof pg.Pool>;

let server: PostgresHandle;
let pool: Pool;
let moves: string[];
beforeAll(async () => {
  server = await startPostgres({ sql: 'CREATE TABLE items (id int PRIMARY KEY)' });
});
afterAll(async () => {
  instrumentation.disable();
  await server.stop();
});
beforeEach(() => {
  registry = createRegistry();
  // Its own array: breakers of the test before may still move.
  const own: string[] = [];
  moves = own;
  registry.on('added', ({ breaker }) => {
    breaker.on('transition', ({ from, to, trigger }) => own.push(`${breaker.target.operation}: ${from} -> ${to} (${trigger})`));
  });
  instrumentation.setConfig({ registry });
  pool = newPool();
});
afterEach(async () => {
  server.thaw();
  await pool.end();
});

function newPool(): Pool {
  const made = new pg.Pool({ connectionString: server.url, max: 10 });
  // As every service must: a pool emits the errors of its idle clients.
  made.on('error', () => {});
  return made;
}

interface Outcome {
  readonly error: unknown;
  readonly ms: number;
}
async function timed(work: Promise<unknown>): Promise<Outcome> {
  const began = performance.now();
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - began };
}
const rounds = (count: number, run: () => Promise<unknown>) => Promise.all(Array.from({ length: count }, () => timed(run())));
const recovered = () => vi.waitFor(() => pool.query('SELECT 1'), { timeout: 10_000, interval: 50 });

it('a frozen server: five callers are answered within about two seconds, later ones at once, and it recovers by itself', {
  timeout: 30_000,
}, async () => {
  for (let i = 0; i < 20; i += 1) await rounds(5, () => pool.query('SELECT 1'));
  server.freeze();
  const first = await rounds(5, () => pool.query('SELECT 1'));
  for (const { error, ms } of first) {
    expect(error).toBeInstanceOf(CallTimeoutError);
    expect(ms).toBeLessThan(4_000);
  }
  for (const { error, ms } of await rounds(50, () => pool.query('SELECT 1'))) {
    expect(error).toBeInstanceOf(BreakerOpenError);
    expect(ms).toBeLessThan(1_000);
  }
  expect(moves[0]).toBe('read: closed -> open (stall)');
  server.thaw();
  const thawed = performance.now();
  await recovered();
  expect(performance.now() - thawed).toBeLessThan(4_000);
  await rounds(20, () => pool.query('SELECT 1'));
  expect((await rounds(20, () => pool.query('SELECT 1'))).every(({ error }) => error === undefined)).toBe(true);
});

it('a frozen server found out by reads refuses writes without their having to find out', { timeout: 30_000 }, async () => {
  await pool.query('INSERT INTO items VALUES (1)');
  await pool.query('SELECT 1');
  server.freeze();
  await rounds(5, () => pool.query('SELECT 1'));
  await vi.waitFor(() => expect(moves).toContain('write: closed -> open (connection)'), { timeout: 2_000 });
  const [write] = await rounds(1, () => pool.query('DELETE FROM items WHERE id = 2'));
  expect(write?.ms).toBeGreaterThan(500);
  expect(write?.error).toBeDefined();
  for (const { error, ms } of await rounds(5, () => pool.query('INSERT INTO items VALUES (3)'))) {
    expect(error).toBeInstanceOf(BreakerOpenError);
    expect(ms).toBeLessThan(1_000);
  }
});

it.each<[string, (pool: Pool) => Promise<unknown>]>([
  ['queries of the pool', (cold) => cold.query('SELECT 1')],
  [
    'transactions on clients of the pool',
    async (cold) => {
      const client = await cold.connect();
      await client.query('BEGIN');
      client.release();
    },
  ],
  [
    'clients made for each request',
    async () => {
      const client = new pg.Client(server.url);
      await client.connect();
      await client.end();
    },
  ],
])('a service that starts while the server is frozen fails fast with %s', { timeout: 30_000 }, async (_, run) => {
  server.freeze();
  for (const { error, ms } of await rounds(5, () => run(pool))) {
    expect(error).toBeInstanceOf(Error);
    expect(ms).toBeLessThan(4_000);
  }
  for (const { error, ms } of await rounds(5, () => run(pool))) {
    expect(isBreakerError(error)).toBe(true);
    expect(ms).toBeLessThan(1_000);
  }
  server.thaw();
  await vi.waitFor(() => run(pool), { timeout: 10_000, interval: 50 });
});

it('a frozen server under transactions refuses the next BEGIN and loses no connection of the pool', { timeout: 30_000 }, async () => {
  const transaction = async () => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT 1');
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };
  for (let i = 0; i < 10; i += 1) await rounds(5, transaction);
  server.freeze();
  const hanging = rounds(5, transaction);
  await vi.waitFor(() => expect(moves).toContain('write: closed -> open (stall)'), { timeout: 2_600 });
  const [next] = await rounds(1, transaction);
  expect(next?.error).toBeInstanceOf(BreakerOpenError);
  const before = pool.totalCount;
  server.thaw();
  for (const { error } of await hanging) expect(error).toBeUndefined();
  expect(pool.totalCount).toBe(before);
});

it('in shadow mode a frozen server is suffered as without a breaker, and only told', { timeout: 30_000 }, async () => {
  registry = createRegistry({ defaults: { mode: 'shadow' } });
  instrumentation.setConfig({ registry });
  await rounds(20, () => pool.query('SELECT 1'));
  server.freeze();
  let settled = 0;
  const waiting = [
    rounds(20, () => pool.query('SELECT 1 AS x').finally(() => (settled += 1))),
    rounds(2, async () => (await pool.connect().finally(() => (settled += 1))).release()),
  ];
  await vi.waitFor(() => expect(registry.list()[0]?.snapshot()).toMatchObject({ state: 'shadow', circuit: 'open' }), { timeout: 5_000 });
  waiting.push(rounds(20, () => pool.query('SELECT 1 AS x').finally(() => (settled += 1))));
  await sleep(2_500);
  expect(settled).toBe(0);
  const connections = pool.totalCount;
  server.thaw();
  for (const { error } of (await Promise.all(waiting)).flat()) expect(error).toBeUndefined();
  expect(pool.totalCount).toBe(connections);
  const [first] = registry.list();
  expect(first?.snapshot().shadowRejections.open).toBeGreaterThanOrEqual(20);
  expect(first?.snapshot().rejections).toEqual({});
});

it('a query that was slow before the server froze keeps its connection and its result', { timeout: 30_000 }, async () => {
  const slow = pool.query('SELECT pg_sleep(3), 7 AS x');
  for (let i = 0; i < 25; i += 1) {
    await rounds(2, () => pool.query('SELECT 1'));
    await sleep(50);
  }
  server.freeze();
  await rounds(5, () => pool.query('SELECT 1'));
  expect(registry.list()[0]?.state).toBe('open');
  server.thaw();
  expect((await slow).rows).toMatchObject([{ x: 7 }]);
});

it('a killed server fails fast, and service returns by itself after its restart', { timeout: 60_000 }, async () => {
  for (let i = 0; i < 5; i += 1) await rounds(5, () => pool.query('SELECT 1'));
  const inFlight = rounds(5, () => pool.query('SELECT pg_sleep(10)'));
  await sleep(50);
  await server.kill();
  for (const { error } of await inFlight) expect(error).toMatchObject({ message: expect.stringMatching(/Connection terminated|ECONNRESET/) });
  const [first] = await rounds(1, () => pool.query('SELECT 1'));
  expect(first?.error).toMatchObject({ code: 'ECONNREFUSED' });
  for (const { error, ms } of await rounds(50, () => pool.query('SELECT 1'))) {
    expect(error).toMatchObject({ code: 'EBREAKEROPEN', cause: { code: 'ECONNREFUSED' } });
    expect(ms).toBeLessThan(1_000);
  }
  expect(moves[0]).toBe('read: closed -> open (connection)');
  const [checkout] = await rounds(1, () => pool.connect());
  expect(['EBREAKEROPEN', 'ECONNREFUSED']).toContain((checkout?.error as { code?: string } | undefined)?.code);
  await server.restart();
  const back = performance.now();
  await recovered();
  expect(performance.now() - back).toBeLessThan(4_000);
  for (let i = 0; i < 3; i += 1) await pool.query('SELECT 1');
  expect(registry.find(`postgresql://127.0.0.1:${server.port}/shop read`)?.state).toBe('closed');
});

it('calls that wait for a client of the pool are answered too, and the clients come back', { timeout: 30_000 }, async () => {
  const small = new pg.Pool({ connectionString: server.url, max: 2 });
  await rounds(4, () => small.query('SELECT 1'));
  server.freeze();
  const outcomes = await Promise.all([rounds(4, () => small.query('SELECT 1')), sleep(50).then(() => rounds(2, () => small.connect()))]);
  for (const { error, ms } of outcomes.flat()) {
    expect(isBreakerError(error)).toBe(true);
    expect(ms).toBeLessThan(4_000);
  }
  server.thaw();
  await vi.waitFor(() => small.query('SELECT 1'), { timeout: 10_000, interval: 50 });
  expect(small.waitingCount).toBe(0);
  await small.end();
});

it('thousands of calls that have waited for a client of the pool leave it as it was', { timeout: 60_000 }, async () => {
  const small = new pg.Pool({ connectionString: server.url, max: 2 });
  small.on('error', () => {});
  await rounds(4, () => small.query('SELECT 1'));
  server.freeze();
  const [queries, clients] = await Promise.all([rounds(4_000, () => small.query('SELECT 1')), rounds(4_000, () => small.connect())]);
  for (const { error } of [...queries, ...clients]) expect(isBreakerError(error)).toBe(true);
  server.thaw();
  await vi.waitFor(() => small.query('SELECT 1'), { timeout: 20_000, interval: 50 });
  await vi.waitFor(() => expect([small.waitingCount, small.totalCount - small.idleCount]).toEqual([0, 0]));
  for (let call = 0; call < 3; call += 1) await small.query('SELECT 1');
  expect((await rounds(4, () => small.query('SELECT 1'))).every(({ error }) => error === undefined)).toBe(true);
  await small.end();
});

it('slow healthy queries are never refused and open nothing, after thousands of fast ones and from cold', { timeout: 60_000 }, async () => {
  const wide = new pg.Pool({ connectionString: server.url, max: 20 });
  const fast = Array.from({ length: 20 }, async () => {
    for (let i = 0; i < 100; i += 1) await wide.query('SELECT 1');
  });
  await Promise.all(fast);
  for (const { error } of await rounds(20, () => wide.query('SELECT pg_sleep(4)'))) expect(error).toBeUndefined();
  await wide.end();

  registry = createRegistry();
  instrumentation.setConfig({ registry });
  const cold = new pg.Pool({ connectionString: server.url, max: 20 });
  for (const { error } of await rounds(20, () => cold.query('SELECT pg_sleep(4)'))) expect(error).toBeUndefined();
  expect(registry.list()[0]?.state).toBe('closed');
  expect(registry.list()[0]?.snapshot().rejections).toEqual({});
  expect(moves).toEqual([]);
  await cold.end();
});

it('on clients that the application holds a frozen server is answered for too, and a connection stays until its pool has it back', {
  timeout: 30_000,
}, async () => {
  const single = new pg.Client(server.url);
  await single.connect();
  const held = await pool.connect();
  const other = await pool.connect();
  for (const client of [single, held, other]) await client.query('SELECT 1');
  const context = new AsyncLocalStorage<string>();
  server.freeze();
  const calledBack = context.run('caller', () =>
    timed(new Promise((_, reject) => other.query('SELECT 2', (error) => reject(Object.assign(error, { store: context.getStore() }))))),
  );
  const outcomes = await Promise.all([timed(single.query('SELECT $1::int', [2])), timed(held.query('SELECT 2')), calledBack]);
  for (const { error, ms } of outcomes) {
    expect(error).toBeInstanceOf(CallTimeoutError);
    expect(ms).toBeLessThan(4_000);
  }
  expect(outcomes[2]?.error).toMatchObject({ store: 'caller' });
  const [refused] = await rounds(1, () => single.query('SELECT 3'));
  expect(refused?.error).toBeInstanceOf(BreakerOpenError);
  // One is given back while its answer is still owing, the other one after it has come.
  expect(pool.totalCount).toBe(2);
  held.release();
  expect(pool.totalCount).toBe(1);
  server.thaw();
  await vi.waitFor(async () => expect((await single.query('SELECT 4 AS x')).rows).toEqual([{ x: 4 }]), { timeout: 10_000, interval: 50 });
  expect((await other.query('SELECT 5 AS x')).rows).toEqual([{ x: 5 }]);
  other.release();
  expect(pool.totalCount).toBe(1);
  for (const each of registry.list()) expect(each.inFlight).toBe(0);
  await single.end();
});

it('a BEGIN under way on a frozen server is left to the client: what follows would be in a transaction that nobody knows of', {
  timeout: 30_000,
}, async () => {
  const client = await pool.connect();
  await client.query('SELECT 1');
  server.freeze();
  let begun = false;
  const begin = client.query('BEGIN').then(() => {
    begun = true;
  });
  await vi.waitFor(() => expect(moves).toContain('write: closed -> open (stall)'), { timeout: 2_600 });
  await sleep(1_500);
  expect(begun).toBe(false);
  server.thaw();
  await begin;
  await client.query('ROLLBACK');
  client.release();
  expect(pool.totalCount).toBe(1);
});

it('where the application makes the streams itself nobody can be asked, and time alone opens the circuit', { timeout: 30_000 }, async () => {
  const own = new pg.Pool({ connectionString: server.url, max: 12, stream: () => new Socket() } as never);
  own.on('error', () => {});
  await rounds(12, () => own.query('SELECT 1'));
  for (let i = 0; i < 3; i += 1) await rounds(12, () => own.query('SELECT 1'));
  expect((await rounds(12, () => own.query('SELECT pg_sleep(1)'))).every(({ error }) => error === undefined)).toBe(true);
  expect(moves).toEqual([]);
  server.freeze();
  const hanging = rounds(12, () => own.query('SELECT 1'));
  await vi.waitFor(() => expect(moves).toEqual(['read: closed -> open (stall)']), { timeout: 9_000 });
  for (const { error } of await rounds(5, () => own.query('SELECT 1'))) expect(error).toBeInstanceOf(BreakerOpenError);
  server.thaw();
  for (const { error } of await hanging) expect(error).toBeUndefined();
  await own.end();
});
