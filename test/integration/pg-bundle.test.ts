import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { guardRedisInstance } from '../../instrumentations/ioredis/guard-instance.ts';
import { guardPgInstance } from '../../instrumentations/pg/guard-instance.ts';
import { ClientProtection } from '../../instrumentations/shared/protect-client.ts';
import { BreakerOpenError } from '../../src/core/errors.ts';
import { pgRig } from '../support/pg-rig.ts';

// A bundle has no files of pg for a hook to see: its pools and clients are guarded by hand.

type Pg = typeof import('pg');

const rig = pgRig({ sql: 'CREATE TABLE items (id int PRIMARY KEY)' });
const require = createRequire(import.meta.url);
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'otel-breaker-bundle-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each([
  ['pg 8.0.3', 'pg-oldest'],
  ['the newest pg', 'pg'],
])('%s in a bundle', (_, name) => {
  let pg: Pg;
  const protection = new ClientProtection([guardRedisInstance, guardPgInstance]);
  const held: { end(): Promise<void> }[] = [];
  beforeAll(async () => {
    const outfile = join(directory, `${name}.cjs`);
    const stdin = { contents: `module.exports = require('${name}');`, resolveDir: process.cwd() };
    await build({ stdin, outfile, bundle: true, platform: 'node', minify: true, logLevel: 'error', external: ['pg-native', 'pg-cloudflare'] });
    pg = require(outfile) as Pg;
  });
  afterEach(async () => {
    protection.undo();
    for (const each of held.splice(0)) await each.end();
  });

  const open = <T extends { end(): Promise<void>; on(event: 'error', listener: () => void): unknown }>(made: T): T => {
    made.on('error', () => {});
    held.push(made);
    return made;
  };
  const newPool = (type: Pg['Pool'] = pg.Pool, max = 3) => open(new type({ connectionString: rig.server.url, max }));
  const descriptors = () =>
    [pg.Client.prototype, pg.Pool.prototype, Object.getPrototypeOf(pg.Pool.prototype)].map((each) => Object.getOwnPropertyDescriptors(each));

  it('no hook sees it, and protectClient guards a pool with its clients: that one only, once, until it is undone', async () => {
    const before = descriptors();
    const [pool, other] = [newPool(), newPool()];
    await pool.query('SELECT 1');
    expect(rig.successes()).toEqual({});
    expect(protection.protect(pool)).toBe(pool);
    protection.protect(pool);
    expect((await pool.query('SELECT 7 AS x')).rows).toEqual([{ x: 7 }]);
    await new Promise<void>((resolve, reject) => pool.query('SELECT $1::int', [1], (error) => (error ? reject(error) : resolve())));
    // The client that the pool had already, and one that it makes.
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    for (const client of clients) {
      await client.query('BEGIN');
      await client.query('SELECT 1');
      await client.query('COMMIT');
      client.release();
    }
    await other.query('SELECT 1');
    const others = await other.connect();
    await others.query('SELECT 1');
    others.release();
    expect(rig.successes()).toEqual({ read: 4, write: 2 });

    rig.breaker('read').forceOpen('test');
    await expect(pool.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    const client = await pool.connect();
    await expect(client.query('SELECT 1')).rejects.toBeInstanceOf(BreakerOpenError);
    client.release();
    expect((await other.query('SELECT 8 AS x')).rows).toEqual([{ x: 8 }]);

    protection.undo();
    expect(descriptors()).toEqual(before);
    await pool.query('SELECT 1');
    expect(rig.successes()).toEqual({ read: 4, write: 2 });
  });

  it('the first call of a new pool counts, whatever tells it where its server is', async () => {
    const pool = protection.protect(newPool());
    await pool.query('SELECT 1');
    expect(rig.successes()).toEqual({ read: 1 });
    const checkedOut = protection.protect(newPool());
    (await checkedOut.connect()).release();
    const url = new URL(rig.server.url);
    const plain = open(new pg.Pool({ host: url.hostname, port: Number(url.port), user: 'postgres', database: 'shop' }));
    await protection.protect(plain).query('SELECT 1');
    expect(rig.successes()).toEqual({ read: 2 });
  });

  it('a client is guarded alone, connected or not', async () => {
    const client = protection.protect(open(new pg.Client(rig.server.url)));
    await client.connect();
    await client.query('SELECT 1');
    const connected = open(new pg.Client(rig.server.url));
    await connected.connect();
    await connected.query('SELECT 1');
    await protection.protect(connected).query('DELETE FROM items');
    expect(rig.successes()).toEqual({ read: 1, delete: 1 });
    await newPool().query('SELECT 1');
    expect(rig.successes()).toEqual({ read: 1, delete: 1 });
    rig.registry.get(`postgresql://127.0.0.1:${rig.server.port}/shop connect`).forceOpen('test');
    await expect(protection.protect(new pg.Client(rig.server.url)).connect()).rejects.toBeInstanceOf(BreakerOpenError);
  });

  it('subclasses count once, also beside a pool of the class that they extend', async () => {
    const texts: unknown[] = [];
    class Logged extends pg.Pool {
      override query(...args: never[]): never {
        texts.push(args[0]);
        return Reflect.apply(super.query, this, args) as never;
      }
    }
    const [pool, plain] = [protection.protect(newPool(Logged)), protection.protect(newPool())];
    await pool.query('SELECT 1');
    await plain.query('SELECT 1');
    expect(texts).toEqual(['SELECT 1']);
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ success: 2, ignored: 0 });

    class Own extends pg.Client {}
    const client = protection.protect(open(new Own(rig.server.url)));
    await client.connect();
    await client.query('SELECT 1');
    const clients = open(new pg.Pool({ connectionString: rig.server.url, Client: Own } as never));
    await protection.protect(clients).query('SELECT 1');
    expect(rig.successes()).toEqual({ read: 4 });
  });

  it('a pool whose server is not there fails fast from its first calls on', async () => {
    const pool = protection.protect(open(new pg.Pool({ host: '127.0.0.1', port: 1 })));
    for (let i = 0; i < 5; i += 1) await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: 'EBREAKEROPEN', cause: { code: 'ECONNREFUSED' } });
  });

  it('a pool that is over is not held on to, and what it was guarded by goes with the last one', { timeout: 30_000 }, async () => {
    const before = descriptors();
    const use = async () => {
      const pool = newPool();
      await protection.protect(pool).query('SELECT 1');
      await pool.end();
      held.splice(0);
      return new WeakRef(pool);
    };
    const gone = await use();
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    await vi.waitFor(
      () => {
        gc();
        expect(gone.deref() === undefined).toBe(true);
        expect(descriptors()).toEqual(before);
      },
      { timeout: 20_000, interval: 100 },
    );
  });

  it('what a hook guards already counts once', async () => {
    const hooked = require(name) as Pg;
    const pool = protection.protect(newPool(hooked.Pool));
    await pool.query('SELECT 1');
    const client = await pool.connect();
    await client.query('SELECT 1');
    client.release();
    expect(rig.successes()).toEqual({ read: 2 });
  });
});

it('what is no client is refused by a TypeError that says what is one', () => {
  const protection = new ClientProtection([guardRedisInstance, guardPgInstance]);
  for (const wrong of [{ query: () => undefined }, new Map(), 'postgresql://localhost', null, undefined, () => undefined]) {
    expect(() => protection.protect(wrong as object)).toThrow(TypeError);
    expect(() => protection.protect(wrong as object)).toThrow('a pg pool or client');
  }
});
