import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PgBreakerInstrumentation } from '../../instrumentations/pg/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';

let registry: Registry;
const instrumentation = new PgBreakerInstrumentation({ registry: createRegistry() });
const { default: pg } = await import('pg');
type Pool = InstanceType<typeof pg.Pool>;

let server: PostgresHandle;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  instrumentation.disable();
  await server.stop();
});
beforeEach(() => {
  registry = createRegistry();
  instrumentation.setConfig({ registry });
});

/** A pool says that it has ended before its connections have: the server's own end must not be an error that nobody handles. */
function quiet(pool: Pool): Pool {
  pool.on('error', () => {});
  pool.on('connect', (client) => void client.on('error', () => {}));
  return pool;
}

/** What a program sees, once bare and once guarded. */
async function twice<T>(work: (pool: Pool) => Promise<T>, max = 2): Promise<{ bare: T; guarded: T }> {
  const run = async () => {
    const pool = quiet(new pg.Pool({ connectionString: server.url, max }));
    try {
      return await work(pool);
    } finally {
      await pool.end();
    }
  };
  instrumentation.disable();
  const bare = await run();
  instrumentation.enable();
  return { bare, guarded: await run() };
}

/** The frames of the program and the client, without lines: ours stand between them, and for that of pg-pool's that catches. */
const frames = (error: unknown) =>
  String((error as Error).stack)
    .split('\n')
    .slice(1)
    .filter(
      (line) =>
        !line.includes('/instrumentations/') &&
        !line.includes('node_modules/pg-pool/') &&
        !line.includes('node_modules/vitest') &&
        !line.includes('node:internal'),
    )
    .map((line) => line.trim().replace(/:\d+:\d+\)?$/, ''));

/** The heap after everything that can go has gone, in bytes. */
async function heapInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let i = 0; i < 5; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    gc();
  }
  return process.memoryUsage().heapUsed;
}

describe('nothing tells the guarded client from the bare one', () => {
  it('by what a callback is called with, on what, and in whose async context', async () => {
    const context = new AsyncLocalStorage<string>();
    const { bare, guarded } = await twice(async (pool) => {
      const seen: unknown[] = [];
      const note = (name: string, resolve: () => void) =>
        function (this: unknown, ...args: unknown[]) {
          seen.push([name, context.getStore(), args.length, this?.constructor.name, args.map((arg) => (arg === null ? 'null' : typeof arg))]);
          resolve();
          if (name.startsWith('connect')) (args[2] as () => void)();
        };
      const calls: [string, (callback: never) => void][] = [
        ['pool', (callback) => pool.query('SELECT 1', callback)],
        ['pool error', (callback) => pool.query('SELEKT', callback)],
        ['connect', (callback) => pool.connect(callback)],
        ['values', (callback) => pool.query('SELECT $1::int', [1], callback)],
        ['connect again', (callback) => pool.connect(callback)],
      ];
      // All at once: some get a new client, others one that somebody gives back.
      const run = ([name, call]: (typeof calls)[number]) =>
        new Promise<void>((resolve) => context.run(name, () => call(note(name, resolve) as never)));
      await Promise.all(calls.map(run));
      for (const call of calls) await run(call);
      const client = await pool.connect();
      await new Promise<void>((resolve) => context.run('client', () => client.query('SELECT 1', note('client', resolve) as never)));
      await new Promise<void>((resolve) => context.run('client error', () => client.query('SELEKT', note('client error', resolve) as never)));
      client.release();
      return seen;
      // One client, so that the order does not depend on who connects first.
    }, 1);
    expect(guarded).toEqual(bare);
  });

  it.each<[string, (pool: Pool) => Promise<unknown>]>([
    ['a query of the pool', (pool) => pool.query('SELEKT')],
    [
      'a query of a client',
      async (pool) => {
        const client = await pool.connect();
        await client.query('SELEKT').finally(() => client.release());
      },
    ],
    ['a check-out that fails', () => new pg.Pool({ connectionString: server.url.replace('/shop', '/nowhere') }).connect()],
  ])('by the error of %s, its properties and stack', async (_, work) => {
    const { bare, guarded } = await twice((pool) => work(pool).catch((error: unknown) => error));
    expect(guarded).toBeInstanceOf(Error);
    expect(Object.getOwnPropertyNames(guarded)).toEqual(Object.getOwnPropertyNames(bare));
    expect({ ...(guarded as Error) }).toEqual({ ...(bare as Error), client: undefined });
    expect(frames(guarded)).toEqual(frames(bare));
  });

  it('by what is done to a config with a callback of its own, be it frozen or computed', async () => {
    const { bare, guarded } = await twice(async (pool) => {
      const client = await pool.connect();
      const log: string[] = [];
      /** Sends what `make` makes of a callback. @returns what that is called with */
      const ask = (make: (callback: (error: unknown, result: { rows: unknown[] }) => void) => object): Promise<unknown> =>
        new Promise((resolve) => client.query(make((error, { rows }) => resolve([error, rows])) as never));
      class Config {
        readonly text = 'SELECT 2 AS n';
        callback(): void {}
      }
      const config = new Config();
      const answers = [
        await ask((callback) => Object.freeze({ text: 'SELECT 1 AS n', callback })),
        await ask((callback) => {
          Config.prototype.callback = callback as () => void;
          return config;
        }),
        await ask((callback) => ({
          text: 'SELECT 3 AS n',
          get callback() {
            log.push('read');
            return callback;
          },
          set callback(_) {
            log.push('written');
          },
        })),
      ];
      client.release();
      return { answers, keys: Object.keys(config), log };
    });
    expect(guarded).toEqual(bare);
    expect(bare.answers).toEqual([1, 2, 3].map((n) => [null, [{ n }]]));
  });

  it('by how many arguments tell that a pool has no connection free', async () => {
    const counts = async (pool: Pool): Promise<number> => {
      Object.assign(pool.options, { connectionTimeoutMillis: 50 });
      const held = await pool.connect();
      const count = await new Promise<number>((resolve) => void pool.connect((...args: unknown[]) => resolve(args.length)));
      held.release();
      return count;
    };
    const { bare, guarded } = await twice(counts, 1);
    expect(guarded).toBe(bare);
  });

  it('by a promise that settles earlier than others', async () => {
    const { bare, guarded } = await twice(async (pool) => {
      const client = await pool.connect();
      const order: string[] = [];
      client.connection.once('readyForQuery', () => {
        order.push('answered');
        let turn = Promise.resolve();
        for (let at = 1; at <= 6; at += 1) turn = turn.then(() => void order.push(`turn ${at}`));
      });
      await client.query('SELECT 1').then(() => order.push('settled'));
      await new Promise((resolve) => setImmediate(resolve));
      client.release();
      return order.indexOf('settled') - order.indexOf('answered');
    });
    expect(guarded).toBeGreaterThanOrEqual(bare);
  });
});

it('keeps nothing of a call, a client or a pool that is gone', { timeout: 120_000 }, async () => {
  const pool = quiet(new pg.Pool({ connectionString: server.url, max: 4 }));
  const calls = async (rounds: number) => {
    for (let i = 0; i < rounds; i += 1) await Promise.all(Array.from({ length: 20 }, () => pool.query('SELECT 1')));
  };
  const clients = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      const short = quiet(new pg.Pool({ connectionString: server.url, max: 1 }));
      const client = await short.connect();
      await client.query('BEGIN');
      await client.query('COMMIT');
      client.release();
      await short.end();
    }
  };
  await calls(200);
  await clients(20);
  const before = await heapInUse();
  await calls(500);
  await clients(60);
  const after = await heapInUse();
  await pool.end();
  // A hundred bytes for each call would be a megabyte.
  expect(after - before).toBeLessThan(600_000);
  for (const each of registry.list()) expect(each.inFlight).toBe(0);
});
