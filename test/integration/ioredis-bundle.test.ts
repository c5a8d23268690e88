import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type * as IORedis from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { guardRedisInstance } from '../../instrumentations/ioredis/guard-instance.ts';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setDefaultRegistry } from '../../instrumentations/shared/default-registry.ts';
import { ClientProtection } from '../../instrumentations/shared/protect-client.ts';
import { Registry } from '../../src/registry/registry.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// A bundle has no files of ioredis for a hook to see: its clients are guarded by hand.

let server: ServerHandle;
let directory: string;
const require = createRequire(import.meta.url);
beforeAll(async () => {
  server = await startRedis();
  directory = await mkdtemp(join(tmpdir(), 'otel-breaker-bundle-'));
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

describe.each(['ioredis4', 'ioredis', 'ioredis6'])('%s in a bundle', (name) => {
  let bundle: typeof IORedis;
  let registry: Registry;
  let protection: ClientProtection;
  const clients: { disconnect(): void }[] = [];

  beforeAll(async () => {
    const outfile = join(directory, `${name}.cjs`);
    const contents = `const Redis = require('${name}'); module.exports = { Redis, Cluster: Redis.Cluster };`;
    await build({ stdin: { contents, resolveDir: process.cwd() }, outfile, bundle: true, platform: 'node', minify: true, logLevel: 'error' });
    bundle = require(outfile) as typeof IORedis;
    registry = new Registry();
    setDefaultRegistry(registry);
    protection = new ClientProtection([guardRedisInstance]);
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => setDefaultRegistry(undefined));

  const connect = (): IORedis.Redis => {
    const client = new bundle.Redis(server.port, '127.0.0.1');
    clients.push(client);
    return client;
  };
  const calls = (): Record<string, number> =>
    Object.fromEntries(registry.list().map((each) => [each.target.operation, each.snapshot().calls.success]));

  it('no hook sees it, and protectClient guards it: that one only, once, until it is undone', async () => {
    const instrumentation = new IORedisBreakerInstrumentation({ registry });
    const [redis, other] = [connect(), connect()];
    const before = Object.getOwnPropertyDescriptors(bundle.Redis.prototype);
    await redis.set('a', 1);
    expect(calls()).toEqual({});
    expect(protection.protect(redis)).toBe(redis);
    protection.protect(redis);
    await redis.set('a', 1);
    await redis.get('a');
    await redis.pipeline().get('a').exec();
    await redis.multi().incr('a').exec();
    await other.get('a');
    await other.pipeline().get('a').exec();
    expect(calls()).toEqual({ write: 2, read: 2 });

    registry.get(`redis://127.0.0.1:${server.port} read`).forceOpen('test');
    await expect(redis.get('a')).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    await expect(redis.pipeline().get('a').exec()).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    expect(await other.get('a')).toBe('2');
    registry.get(`redis://127.0.0.1:${server.port} read`).release();

    protection.undo();
    expect(Object.getOwnPropertyDescriptors(bundle.Redis.prototype)).toEqual(before);
    const counted = calls();
    await redis.get('a');
    expect(calls()).toEqual(counted);
    instrumentation.disable();
  });

  it('what a guarded client duplicates is guarded with it, and let go with it', async () => {
    const before = Object.getOwnPropertyDescriptors(bundle.Redis.prototype);
    const { length, name: called } = bundle.Redis.prototype.duplicate;
    const redis = protection.protect(connect());
    expect([bundle.Redis.prototype.duplicate.length, bundle.Redis.prototype.duplicate.name]).toEqual([length, called]);
    const second = redis.duplicate({ connectionName: 'second' });
    const third = second.duplicate();
    const other = connect().duplicate();
    clients.push(second, third, other);
    const { read = 0 } = calls();
    for (const client of [second, third, other]) await client.get('a');
    await third.pipeline().get('a').exec();
    expect(calls()['read']).toBe(read + 3);
    registry.get(`redis://127.0.0.1:${server.port} read`).forceOpen('test');
    await expect(third.get('a')).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    expect(await other.get('a')).not.toBe('');
    registry.get(`redis://127.0.0.1:${server.port} read`).release();
    protection.undo();
    await third.get('a');
    expect(calls()['read']).toBe(read + 3);
    expect(Object.getOwnPropertyDescriptors(bundle.Redis.prototype)).toEqual(before);
  });

  it('what is no client is refused with a plain word, and a client that a hook guards counts once', async () => {
    expect(() => protection.protect({ get: () => undefined })).toThrow('no client of a kind that it knows');
    const instrumentation = new IORedisBreakerInstrumentation({ registry });
    const Hooked = require(name) as typeof IORedis.Redis;
    const redis = protection.protect(new Hooked(server.port, '127.0.0.1'));
    clients.push(redis);
    const { write = 0 } = calls();
    await redis.set('a', 1);
    expect(calls()['write']).toBe(write + 1);
    protection.undo();
    instrumentation.disable();
  });
});
