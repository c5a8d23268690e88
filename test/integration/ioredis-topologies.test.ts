import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { guardRedisInstance } from '../../instrumentations/ioredis/guard-instance.ts';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setDefaultRegistry } from '../../instrumentations/shared/default-registry.ts';
import { ClientProtection } from '../../instrumentations/shared/protect-client.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Registry } from '../../src/registry/registry.ts';
import { startRedis, startRedisCluster } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// Not one server at one port: a cluster of three, a Unix socket.

let registry: Registry;
let instrumentation: IORedisBreakerInstrumentation;
const faults: unknown[] = [];
const clients: { disconnect(): void }[] = [];
beforeEach(() => {
  setFaultReporter((error) => faults.push(error));
  registry = new Registry();
  instrumentation = new IORedisBreakerInstrumentation({ registry });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
  instrumentation.disable();
  setFaultReporter(undefined);
  expect(faults.splice(0)).toEqual([]);
});
const successes = (): number => registry.list().reduce((sum, { meters }) => sum + meters.calls('success', false), 0);
const states = (port: number): Record<string, string> =>
  Object.fromEntries(
    registry
      .list()
      .filter(({ target }) => target.port === port)
      .map(({ target, state }) => [target.operation, state]),
  );
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

describe('a cluster of three', () => {
  const nodes: ServerHandle[] = [];
  const admin: Redis[] = [];
  /** Slots of `{0}`, `{1}` and so on, so that every node has some key. */
  const keys = Array.from({ length: 60 }, (_, index) => `key${index}`);

  beforeAll(async () => {
    nodes.push(...(await startRedisCluster(3)));
    for (const { port } of nodes) {
      const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null });
      client.on('error', () => {});
      admin.push(client);
      while (!String(await client.cluster('INFO')).includes('cluster_state:ok')) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  afterAll(async () => {
    for (const client of admin) client.disconnect();
    for (const node of nodes) await node.stop();
  });

  const connect = (): Cluster => {
    const cluster = new Cluster(
      nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      { slotsRefreshTimeout: 3_000 },
    );
    cluster.on('error', () => {});
    clients.push(cluster);
    return cluster;
  };

  it('gets back the permit of a pipeline with a command that cannot be written', async () => {
    const cluster = connect();
    await cluster.set('{0}a', 1);
    const pipeline = cluster.pipeline().set('{0}a', 2).set('{0}b', Object.create(null));
    await expect((async () => pipeline.exec())()).rejects.toThrow(TypeError);
    expect(registry.list().map(({ inFlight }) => inFlight)).toEqual(registry.list().map(() => 0));
  });

  it('one admission per call at the node that does it, redirections included', async () => {
    const cluster = connect();
    for (const key of keys) await cluster.set(key, key);
    expect(successes()).toBe(keys.length);
    expect(new Set(registry.list().map(({ target }) => target.port))).toEqual(new Set(nodes.map(({ port }) => port)));
    expect(await cluster.pipeline().get('{x}1').set('{x}1', 1).exec()).toHaveLength(2);
    expect(await cluster.multi().set('{x}1', 1).get('{x}1').exec()).toHaveLength(2);
    expect(successes()).toBe(keys.length + 2);
    expect(registry.list().every(({ inFlight }) => inFlight === 0)).toBe(true);
  });

  it('MOVED and ASK while a slot migrates are followed, and count against nobody', async () => {
    const cluster = connect();
    const key = 'migrating';
    await cluster.set(key, 'before');
    const slot = await cluster.cluster('KEYSLOT', key);
    const ids = await Promise.all(admin.map(async (client) => String(await client.cluster('MYID'))));
    const infos = await Promise.all(
      admin.map(
        async (client) =>
          String(await client.cluster('NODES'))
            .split('\n')
            .find((line) => line.includes('myself')) ?? '',
      ),
    );
    const from = infos.findIndex((line) =>
      line
        .split(' ')
        .slice(8)
        .some((range) => {
          const [first, last = first] = range.split('-').map(Number);
          return first !== undefined && last !== undefined && first <= slot && slot <= last;
        }),
    );
    const to = (from + 1) % 3;
    const [source, target] = [admin[from], admin[to]];
    const [sourceId, targetId, targetPort] = [ids[from], ids[to], nodes[to]?.port];
    if (source === undefined || target === undefined || sourceId === undefined || targetId === undefined) return expect.fail('no owner');
    await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId);
    await source.cluster('SETSLOT', slot, 'MIGRATING', targetId);
    await source.migrate('127.0.0.1', targetPort ?? 0, key, 0, 5_000);
    const before = successes();
    expect(await cluster.get(key)).toBe('before');
    expect(await cluster.pipeline().get(key).set(key, 'during').exec()).toEqual([
      [null, 'before'],
      [null, 'OK'],
    ]);
    for (const client of [target, source]) await client.cluster('SETSLOT', slot, 'NODE', targetId);
    expect(await cluster.get(key)).toBe('during');
    expect(await cluster.incr('{migrating}counter')).toBe(1);
    expect(successes() - before).toBeGreaterThanOrEqual(4);
    for (const breaker of registry.list()) {
      expect(breaker.snapshot()).toMatchObject({ state: 'closed', inFlight: 0, rejections: {} });
      expect(breaker.snapshot().calls.failure).toBe(0);
    }
  });

  it('guarded by hand, its nodes are, those that it learns of later included', async () => {
    instrumentation.disable();
    setDefaultRegistry(registry);
    const protection = new ClientProtection([guardRedisInstance]);
    try {
      const early = connect();
      await early.ping();
      protection.protect(early);
      for (const key of keys) await early.get(key);
      expect(successes()).toBe(keys.length);
      const cluster = protection.protect(connect());
      for (const key of keys) await cluster.set(key, key);
      expect(successes()).toBe(2 * keys.length);
      expect(registry.list()).toHaveLength(6);
      // A pipeline is one call, refused as one: a refusal of single commands would hang it.
      await cluster.pipeline().get('{x}1').set('{x}1', 1).exec();
      expect(successes()).toBe(2 * keys.length + 1);
      const duplicate = cluster.duplicate();
      clients.push(duplicate);
      for (const key of keys) await duplicate.set(key, key);
      expect(successes()).toBe(3 * keys.length + 1);
      for (const breaker of registry.list()) breaker.forceOpen('test');
      for (const each of [cluster, duplicate]) {
        const answers = (await each.pipeline().get('{x}1').set('{x}1', 1).exec()) ?? [];
        expect(answers.map(([error]) => (error as { code?: string } | null)?.code)).toEqual(['EBREAKEROPEN', 'EBREAKEROPEN']);
      }
      for (const breaker of registry.list()) breaker.release();
      protection.undo();
      for (const each of [cluster, duplicate]) await each.set('a', 1);
      expect(successes()).toBe(3 * keys.length + 1);
    } finally {
      protection.undo();
      setDefaultRegistry(undefined);
    }
  });

  it('of a killed node only its own breakers open', async () => {
    const cluster = connect();
    for (const key of keys) await cluster.set(key, key);
    const killed = nodes[2];
    if (killed === undefined) return expect.fail('no node');
    const lost: string[] = [];
    await Promise.all(
      keys.map(async (key) => {
        const slot = await cluster.cluster('KEYSLOT', key);
        const ranges = (await cluster.cluster('SLOTS')) as unknown as [number, number, [string, number]][];
        if (ranges.some(([first, last, [, port]]) => port === killed.port && first <= slot && slot <= last)) lost.push(key);
      }),
    );
    const kept = keys.filter((key) => !lost.includes(key));
    await killed.kill();
    const started = performance.now();
    await expect
      .poll(() => Promise.race([code(cluster.set(lost[0] ?? '', 1)), new Promise((resolve) => setTimeout(resolve, 1_000, 'slow'))]), {
        timeout: 5_000,
      })
      .toBe('EBREAKEROPEN');
    expect(performance.now() - started).toBeLessThan(4_000);
    for (const key of kept) expect(await cluster.set(key, 'still')).toBe('OK');
    for (const node of nodes.slice(0, 2)) expect(states(node.port)).toEqual(expect.objectContaining({ write: 'closed' }));
    expect(states(killed.port)['write']).not.toBe('closed');
  });
});

it('a Unix socket is a server of its own, fails fast when it goes, and comes back', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'otel-breaker-socket-'));
  const path = join(directory, 'redis.sock');
  const server = await startRedis({ args: ['--unixsocket', path] });
  try {
    const redis = new Redis({ path });
    redis.on('error', () => {});
    clients.push(redis);
    for (let call = 0; call < 12; call += 1) await redis.get('a');
    expect(registry.list().map(({ name }) => name)).toEqual([`redis://${path} read`]);
    await server.kill();
    await expect.poll(() => code(redis.get('a')), { timeout: 4_000 }).toBe('EBREAKEROPEN');
    await server.restart();
    await expect.poll(() => code(redis.get('a')), { timeout: 5_000 }).toBe('ok');
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
