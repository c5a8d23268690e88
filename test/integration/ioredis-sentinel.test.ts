import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { guardRedisInstance } from '../../instrumentations/ioredis/guard-instance.ts';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setDefaultRegistry } from '../../instrumentations/shared/default-registry.ts';
import { ClientProtection } from '../../instrumentations/shared/protect-client.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Registry } from '../../src/registry/registry.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startRedis } from '../support/servers/redis.ts';
import { type ServerHandle, ServerProcess } from '../support/servers/server-process.ts';

// A master, its replica and a sentinel: the breakers are those of whoever is the master.

let registry: Registry;
let instrumentation: IORedisBreakerInstrumentation;
let servers: ServerHandle[];
let master: ServerHandle;
let replica: ServerHandle;
let sentinel: ServerHandle;
const faults: unknown[] = [];
const clients: { disconnect(): void }[] = [];

beforeEach(async () => {
  setFaultReporter((error) => faults.push(error));
  registry = new Registry();
  instrumentation = new IORedisBreakerInstrumentation({ registry });
  master = await startRedis();
  replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${master.port}`, '--repl-diskless-sync-delay', '0'] });
  sentinel = await startSentinel(master.port);
  servers = [sentinel, replica, master];
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  instrumentation.disable();
  for (const server of servers) await server.stop();
  setFaultReporter(undefined);
  expect(faults.splice(0)).toEqual([]);
});

async function startSentinel(of: number): Promise<ServerHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'otel-breaker-sentinel-'));
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  const lines = [`monitor shop 127.0.0.1 ${of} 1`, 'down-after-milliseconds shop 500', 'failover-timeout shop 5000'];
  await writeFile(file, lines.map((line) => `sentinel ${line}\n`).join(''));
  return ServerProcess.start({
    name: 'redis-sentinel',
    command: 'redis-server',
    args: [file, '--sentinel', '--port', `${port}`, '--bind', '127.0.0.1'],
    port,
    directory,
    ready: async () => {
      const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null, lazyConnect: true });
      client.on('error', () => {});
      await client.connect().finally(() => client.disconnect());
    },
  });
}

function connect(): Redis {
  const redis = new Redis({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'shop', sentinelRetryStrategy: () => 100 });
  redis.on('error', () => {});
  clients.push(redis);
  return redis;
}
const breaker = (server: ServerHandle, operation: string) => registry.find(`redis://127.0.0.1:${server.port} ${operation}`);
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

it('breakers are those of the master, not of the sentinel', async () => {
  const redis = connect();
  await redis.ping();
  await redis.set('a', 1);
  expect(await redis.get('a')).toBe('1');
  expect(registry.list().some(({ target }) => target.port === sentinel.port)).toBe(false);
  breaker(master, 'read')?.forceOpen('test');
  expect(await code(redis.get('a'))).toBe('EBREAKEROPEN');
});

it('after a fail-over the new master has its own, and what the old one left open refuses nothing', async () => {
  const redis = connect();
  await redis.set('a', 1);
  const direct = new Redis(replica.port, '127.0.0.1');
  const watched = new Redis(sentinel.port, '127.0.0.1');
  clients.push(direct, watched);
  await expect.poll(() => direct.get('a'), { timeout: 10_000 }).toBe('1');
  // The sentinel hears of the replica from the master's INFO, every ten seconds at first.
  await expect.poll(async () => String(await watched.call('SENTINEL', 'REPLICAS', 'shop')), { timeout: 20_000 }).toContain(`${replica.port}`);
  await master.kill();
  await expect.poll(() => code(redis.set('a', 2)), { timeout: 30_000, interval: 50 }).toBe('ok');
  expect(await direct.get('a')).toBe('2');
  // The first one waited for a connection to whoever would be the master.
  expect(await redis.set('a', 3)).toBe('OK');
  expect(breaker(replica, 'write')?.snapshot()).toMatchObject({
    state: 'closed',
    calls: { success: expect.any(Number), failure: 0 },
    rejections: {},
  });
  expect(await redis.multi().get('a').exec()).toEqual([[null, '3']]);
  for (const each of registry.list()) expect([each.name, each.inFlight]).toEqual([each.name, 0]);
}, 90_000);

it('sentinels that are away: who waited is told, and nothing is refused once a client has found the master', async () => {
  await sentinel.kill();
  const early = connect();
  const byName = () => registry.find('redis://shop read')?.state;
  const waiting = code(early.get('a'));
  await expect.poll(byName, { timeout: 15_000, interval: 50 }).toBe('open');
  expect(await code(early.get('a'))).toBe('EBREAKEROPEN');
  expect(await waiting).toBe('EBREAKEROPEN');
  await sentinel.restart();
  await expect.poll(() => early.status, { timeout: 10_000 }).toBe('ready');
  expect(await code(connect().get('a'))).toBe('ok');
  expect(byName()).not.toBe('open');
}, 60_000);

it('guarded by hand it is as well, and so are its duplicates', async () => {
  instrumentation.disable();
  setDefaultRegistry(registry);
  const protection = new ClientProtection([guardRedisInstance]);
  try {
    const redis = protection.protect(connect());
    const duplicate = redis.duplicate();
    clients.push(duplicate);
    await Promise.all([redis.ping(), duplicate.ping()]);
    await redis.set('a', 1);
    expect(await duplicate.get('a')).toBe('1');
    expect(breaker(master, 'read')?.snapshot().calls.success).toBe(1);
    expect(breaker(master, 'write')?.snapshot().calls.success).toBe(1);
    breaker(master, 'read')?.forceOpen('test');
    expect(await code(duplicate.get('a'))).toBe('EBREAKEROPEN');
  } finally {
    protection.undo();
    setDefaultRegistry(undefined);
  }
});
