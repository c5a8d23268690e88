import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import { policyMetersOf } from '../../src/policies/compose.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { pgRig } from '../support/pg-rig.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// A breaker that only watches leaves calls as they are, whatever policies it has: also in which order they go out and are answered.

const watching: ['shadow' | 'off'][] = [['shadow'], ['off']];
const readsOf =
  (options: BreakerOptions) =>
  (_name: string, { operation }: { readonly operation?: string }): { options: BreakerOptions } => ({ options: operation === 'read' ? options : {} });

describe('Redis', () => {
  let server: ServerHandle;
  let registry: Registry;
  let instrumentation: IORedisBreakerInstrumentation;
  let redis: Redis;
  const faults: unknown[] = [];

  beforeAll(async () => {
    server = await startRedis();
    registry = createRegistry();
    instrumentation = new IORedisBreakerInstrumentation({ registry });
    setFaultReporter((fault) => void faults.push(fault));
    redis = new Redis(server.port, '127.0.0.1');
    await redis.set('a', '1');
  });
  afterEach(() => expect(faults.splice(0)).toEqual([]));
  afterAll(async () => {
    setFaultReporter(undefined);
    redis.disconnect();
    instrumentation.disable();
    await server.stop();
  });
  const breaker = (operation: string) => registry.get(`redis://127.0.0.1:${server.port} ${operation}`);

  /** In which order a read and a write are answered whose replies come in one piece. */
  async function order(): Promise<string[]> {
    const ended: string[] = [];
    await Promise.all([redis.get('a').then(() => ended.push('get')), redis.set('a', '1').then(() => ended.push('set'))]);
    return ended;
  }

  it.each(watching)('answers come in their order in mode %s, also when it is chosen while the process runs', async (mode) => {
    registry.configure(readsOf({ fallback: { stale: {} }, retry: {}, totalTimeoutMs: 5_000 }));
    await order();
    registry.configure(readsOf({ mode, fallback: { stale: {} }, retry: {}, totalTimeoutMs: 5_000 }));
    for (let times = 0; times < 20; times += 1) expect(await order()).toEqual(['get', 'set']);
  });

  it('limits count what they would have refused, and keep no command back for it', async () => {
    registry.configure((_name, { operation }) => ({
      options:
        operation === 'write' ? { mode: 'shadow', bulkhead: { limit: 1 }, rateLimit: { limit: 2, intervalMs: 60_000 }, degraded: 'read-only' } : {},
    }));
    const [, , , last, piped] = await Promise.all([
      redis.set('a', '1'),
      redis.set('a', '2'),
      redis.set('a', '3'),
      redis.get('a'),
      redis.pipeline().set('a', '4').get('a').exec(),
      redis.call('set').catch(() => 'an error gives its place back, too'),
    ]);
    expect(last).toBe('3');
    expect(piped).toEqual([
      [null, 'OK'],
      [null, '4'],
    ]);
    expect(breaker('write').snapshot().shadowRejections).toEqual({ bulkhead_full: 4, rate_limited: 3, read_only: 5 });
    expect(policyMetersOf(breaker('write'))?.bulkhead).toEqual({ active: 0, queued: 0, limit: 1 });
  });
});

describe('PostgreSQL', () => {
  const rig = pgRig({ sql: 'CREATE TABLE items (id int)' });

  it.each(watching)('statements go out in their order in mode %s, whatever limits say', async (mode) => {
    const { default: pg } = await import('pg');
    rig.registry.configure((_name, { operation }) => ({
      options: operation === 'write' ? { mode, bulkhead: { limit: 1 }, rateLimit: { limit: 1, intervalMs: 60_000 }, retry: {} } : {},
    }));
    await rig.server.query('TRUNCATE items');
    const client = new pg.Client({ connectionString: rig.server.url });
    await client.connect();
    const insert = 'INSERT INTO items VALUES (1)';
    const [, , , counted] = await Promise.all([
      client.query(insert),
      client.query(insert),
      client.query(insert),
      client.query('SELECT * FROM items'),
    ]);
    await client.query('INSERT INTO nowhere VALUES (1)').catch(() => {});
    await client.end();
    expect(counted.rowCount).toBe(3);
    const { shadowRejections } = rig.breaker('write').snapshot();
    if (mode === 'off') expect(shadowRejections).toEqual({});
    else expect(shadowRejections).toEqual({ bulkhead_full: 2, rate_limited: 3 });
    expect(policyMetersOf(rig.breaker('write'))?.bulkhead?.active ?? 0).toBe(0);

    const pool = new pg.Pool({ connectionString: rig.server.url, max: 1 });
    pool.on('error', () => {});
    const ended: string[] = [];
    const pooled = [insert, insert, 'SELECT * FROM items'].map((text) => pool.query(text).then(({ command }) => ended.push(command)));
    await Promise.all(pooled);
    await pool.end();
    expect(ended).toEqual(['INSERT', 'INSERT', 'SELECT']);
    expect(policyMetersOf(rig.breaker('write'))?.bulkhead?.active ?? 0).toBe(0);
  });
});
