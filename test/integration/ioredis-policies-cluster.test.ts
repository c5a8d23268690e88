import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import { policyMetersOf } from '../../src/policies/compose.ts';
import { type CreateRegistryOptions, createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { PolicyStorage } from '../../src/setup/policy-storage.ts';
import { startRedisCluster } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

/** A cluster of three without replicas: what is on a node that is away, nobody else has. */
describe('policies of a cluster', () => {
  const nodes: ServerHandle[] = [];
  let registry: Registry;
  let instrumentation: IORedisBreakerInstrumentation;
  let cluster: Cluster;
  const clients: { disconnect(): void }[] = [];
  const faults: unknown[] = [];

  beforeAll(async () => {
    nodes.push(...(await startRedisCluster(3)));
    for (const { port } of nodes) {
      const client = new Redis(port, '127.0.0.1');
      await vi.waitFor(async () => expect(await client.cluster('INFO')).toContain('cluster_state:ok'), { timeout: 20_000 });
      client.disconnect();
    }
  });
  afterAll(async () => {
    for (const node of nodes) await node.stop();
  });
  afterEach(() => {
    for (const node of nodes) node.thaw();
    for (const client of clients.splice(0)) client.disconnect();
    instrumentation.disable();
    setFaultReporter(undefined);
    expect(faults.splice(0)).toEqual([]);
  });

  async function connect(defaults: BreakerOptions, breakers: CreateRegistryOptions['breakers'] = [], enableAutoPipelining = false): Promise<void> {
    setFaultReporter((error) => void faults.push(error));
    registry = createRegistry({ defaults, breakers });
    instrumentation = new IORedisBreakerInstrumentation({ registry });
    cluster = new Cluster(
      nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      {
        ...{ slotsRefreshTimeout: 1_000, clusterRetryStrategy: () => 100, retryDelayOnClusterDown: 100, redisOptions: { connectTimeout: 500 } },
        enableAutoPipelining,
      },
    );
    cluster.on('error', () => {});
    clients.push(cluster);
    await cluster.ping();
  }
  const keys = Array.from({ length: 12 }, (_, n) => `key${n}`);
  const first = (operation: string) => registry.get(`redis://127.0.0.1:${nodes[0]?.port} ${operation}`);

  it('are for the logical call, once, whatever nodes it goes to', async () => {
    await connect({ bulkhead: { limit: 12 }, rateLimit: { limit: 24, intervalMs: 60_000 }, fallback: { stale: {} } });
    expect(await Promise.all(keys.map((key) => cluster.set(key, key)))).toEqual(keys.map(() => 'OK'));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys);
    expect(await cluster.getBuffer('key0')).toEqual(Buffer.from('key0'));
    expect(await cluster.pipeline().get('{x}1').set('{x}1', 1).exec()).toHaveLength(2);
    expect(await cluster.multi().set('{x}1', 1).get('{x}1').exec()).toHaveLength(2);
    expect(policyMetersOf(first('write'))?.bulkhead).toMatchObject({ active: 0, limit: 12 });
    // Every node's own breakers have seen its own calls only.
    const writes = registry.list().filter(({ name }) => name.endsWith(' write'));
    expect(writes.reduce((sum, { meters }) => sum + meters.calls('success', false), 0)).toBe(keys.length + 2);
    for (const breaker of registry.list()) expect(breaker.inFlight).toBe(0);
  });

  it.each([false, true])('serve stale answers and queue writes of a node that is away (autopipelining: %s)', async (automatic) => {
    const path = mkdtempSync(join(tmpdir(), 'otel-breaker-cluster-'));
    const storage = new PolicyStorage(path, (message) => faults.push(message));
    try {
      await storage.check(new Map([['systems.redis.fallback.queue.path', path]]));
      await connect({ fallback: { stale: {}, queue: { path } }, timeoutMs: 1_000 }, [], automatic);
      for (const key of keys) await cluster.set(key, 'before');
      for (const key of keys) await cluster.get(key);
      nodes[1]?.freeze();
      expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys.map(() => 'before'));
      expect(await Promise.all(keys.map((key) => cluster.set(key, 'after')))).toEqual(keys.map(() => 'OK'));
      expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys.map(() => 'after'));
      expect(policyMetersOf(first('write'))?.queue?.depth).toBeGreaterThan(0);
      nodes[1]?.thaw();
      await vi.waitFor(() => expect(policyMetersOf(first('write'))?.queue?.depth).toBe(0), { timeout: 30_000, interval: 200 });
      const plain = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
      clients.push(plain);
      expect(await Promise.all(keys.map((key) => plain.get(key)))).toEqual(keys.map(() => 'after'));
    } finally {
      await storage.close();
      rmSync(path, { recursive: true, force: true });
    }
  });

  it('are not those of whatever node a call happens to go to', async () => {
    const breakers = nodes.slice(1).map(({ port }) => ({ match: { server: `127.0.0.1:${port}` }, degraded: 'read-only' as const }));
    await connect({}, breakers);
    for (const key of keys) expect(await cluster.set(key, 'written')).toBe('OK');
  });

  it.each(['shadow', 'off'] as const)('do nothing in mode %s, not even to the order of answers; limits count', async (mode) => {
    await connect({});
    registry.configure((_name, { operation }) => ({
      options: operation === 'read' ? { mode, bulkhead: { limit: 1 }, fallback: { stale: {} } } : {},
    }));
    await cluster.set('a', '1');
    for (let times = 0; times < 10; times += 1) {
      const ended: string[] = [];
      const asked = [cluster.get('a').then(() => ended.push('1st')), cluster.get('a').then(() => ended.push('2nd'))];
      await Promise.all([...asked, cluster.set('a', '1').then(() => ended.push('3rd'))]);
      expect(ended).toEqual(['1st', '2nd', '3rd']);
    }
    expect(first('read').snapshot().shadowRejections).toEqual(mode === 'shadow' ? { bulkhead_full: 10 } : {});
    expect(policyMetersOf(first('read'))?.bulkhead?.active ?? 0).toBe(0);
  });

  it('are not there unless they are configured: no breaker is made for them', async () => {
    await connect({});
    const key = 'key1';
    await cluster.get(key);
    expect(registry.list().filter(({ name }) => name.endsWith(' read'))).toHaveLength(1);
  });
});
