import { createRequire } from 'node:module';
import { afterEach, describe, expect, it } from 'vitest';
import type { BreakerOptions } from '../../src/core/options.ts';
import { isStale } from '../../src/policies/stale-cache/stale-mark.ts';
import { pgRig } from '../support/pg-rig.ts';

type Pg = typeof import('pg');

const rig = pgRig();
const require = createRequire(import.meta.url);
const configure = (options: BreakerOptions) => rig.registry.configure(() => ({ options }));
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    ({ code }: { code?: string }) => code,
  );

describe.each([
  ['pg 8.0.3', 'pg-oldest'],
  ['the newest pg', 'pg'],
])('%s', (version, folder) => {
  const pg = require(folder) as Pg;
  const pools: InstanceType<Pg['Pool']>[] = [];
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.end();
  });
  function newPool() {
    const pool = new pg.Pool({ connectionString: rig.server.url, max: 1 });
    pool.on('error', () => {});
    pools.push(pool);
    return pool;
  }

  it('times out and asks again, on new connections', async () => {
    configure({ timeoutMs: 150, retry: { attempts: 2, backoffMs: 10 } });
    const pool = newPool();
    expect(await codeOf(pool.query('SELECT pg_sleep(5)'))).toBe('ECALLTIMEOUT');
    expect(rig.breaker('read').snapshot().calls).toMatchObject({ failure: 2 });
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
    const client = await pool.connect();
    // Older versions do not say enough of what is under way on a connection to take anybody off it.
    expect(await codeOf(client.query('SELECT pg_sleep(0.4)'))).toBe(version === 'pg 8.0.3' ? 'none' : 'ECALLTIMEOUT');
    expect((await client.query('SELECT 2 AS n')).rows).toEqual([{ n: 2 }]);
    client.release();
  });

  it('serves stale answers and empty ones of its own class', async () => {
    configure({ fallback: { stale: {}, empty: true } });
    const pool = newPool();
    const fresh = await pool.query("SELECT 1 AS n, '1 day'::interval AS span, now() AS at");
    const client = await pool.connect();
    await client.query({ text: 'SELECT $1::int AS n', values: [3], rowMode: 'array' });
    client.release();
    await rig.server.kill();
    try {
      const stale = await pool.query("SELECT 1 AS n, '1 day'::interval AS span, now() AS at");
      expect(isStale(stale)).toBe(true);
      expect(Object.getPrototypeOf(stale)).toBe(Object.getPrototypeOf(fresh));
      expect(stale.rows).toStrictEqual(fresh.rows);
      expect(stale.fields).toStrictEqual(fresh.fields);
      expect((await pool.query({ text: 'SELECT $1::int AS n', values: [3], rowMode: 'array' })).rows).toEqual([[3]]);
      const empty = await pool.query('SELECT 2');
      expect(Object.getPrototypeOf(empty)).toBe(Object.getPrototypeOf(fresh));
      expect(empty).toMatchObject({ rows: [], rowCount: 0, command: 'SELECT' });
    } finally {
      await rig.server.restart();
    }
  });

  it('calls the callbacks of configs and arguments back', async () => {
    configure({ retry: {} });
    const pool = newPool();
    const client = await pool.connect();
    const heard = await new Promise((resolve) => {
      const callback = (error: unknown, result: { rows: unknown[] }): void => resolve([error, result.rows]);
      (client.query as (config: object) => void)({ text: 'SELECT 1 AS n', callback });
    });
    expect(heard).toEqual([null, [{ n: 1 }]]);
    expect(await new Promise((resolve) => client.query('SELECT $1::int AS n', [2], (_error, { rows }) => resolve(rows)))).toEqual([{ n: 2 }]);
    client.release();
  });
});
