import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { Cluster as ClusterType, Command as CommandType, Redis as RedisType } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Registry } from '../../src/registry/registry.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// Every major version in use, installed under aliases: known by their package.json, not by their folder.

const require = createRequire(import.meta.url);
let server: ServerHandle;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe.each(['ioredis4', 'ioredis', 'ioredis6'])('%s', (name) => {
  const Redis = require(name) as typeof RedisType & { Cluster: typeof ClusterType; Command: typeof CommandType };
  const originals = Object.getOwnPropertyDescriptors(Redis.prototype);
  let registry: Registry;
  let instrumentation: IORedisBreakerInstrumentation;
  const clients: RedisType[] = [];
  const faults: unknown[] = [];

  const connect = (options: object = {}): RedisType => {
    const client = new Redis({ port: server.port, host: '127.0.0.1', ...options });
    clients.push(client);
    return client;
  };
  const breaker = (operation: string) => registry.get(`redis://127.0.0.1:${server.port} ${operation}`);
  const calls = (): Record<string, number> =>
    Object.fromEntries(registry.list().map((each) => [each.target.operation, each.snapshot().calls.success]));
  const failure = (promise: Promise<unknown>): Promise<Error & { code?: string }> =>
    promise.then(
      () => expect.fail('did not fail'),
      (error) => error,
    );

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
    const now = Object.getOwnPropertyDescriptors(Redis.prototype);
    for (const [key, { value }] of Object.entries(originals)) expect(now[key as keyof typeof now]?.value).toBe(value);
  });

  it('one admission per call, however it is made', async () => {
    const redis = connect();
    await redis.flushall();
    await redis.set('a', 1);
    expect(await redis.get('a')).toBe('1');
    expect(await redis.getBuffer('a')).toEqual(Buffer.from('1'));
    expect(await redis.call('GET', 'a')).toBe('1');
    expect(await new Promise((resolve) => void redis.get('a', (_error, value) => resolve(value)))).toBe('1');
    await redis.pipeline().get('a').get('b').exec();
    await redis.multi().get('a').incr('a').exec();
    await redis.script('FLUSH');
    redis.defineCommand('twice', { numberOfKeys: 0, lua: 'return ARGV[1] * 2' });
    expect(await (redis as unknown as { twice(value: number): Promise<number> }).twice(4)).toBe(8);
    expect(calls()).toEqual({ delete: 1, write: 2, read: 5, script: 1 });
    expect(registry.list().every(({ inFlight }) => inFlight === 0)).toBe(true);
  });

  it('duplicates, lazy ones, ones without an offline queue or with endless retries', async () => {
    const redis = connect({ lazyConnect: true, maxRetriesPerRequest: null });
    expect(redis.status).toBe('wait');
    expect(await redis.set('a', 1)).toBe('OK');
    const twin = redis.duplicate();
    clients.push(twin);
    expect(await twin.get('a')).toBe('1');
    const strict = connect({ enableOfflineQueue: false });
    expect((await failure(strict.get('a'))).message).toMatch('enableOfflineQueue');
    if (strict.status !== 'ready') await new Promise((resolve) => strict.once('ready', resolve));
    expect(await strict.get('a')).toBe('1');
    expect(breaker('read').snapshot().calls).toMatchObject({ success: 2, failure: 1 });
  });

  it('a command of a Cluster calls nothing of the pool of nodes that it would not call without us', () => {
    const connect = vi.spyOn(Redis.Cluster.prototype, 'connect').mockResolvedValue(undefined);
    const cluster = new Redis.Cluster([{ host: '127.0.0.1', port: server.port }]);
    connect.mockRestore();
    const pool = (cluster as unknown as { connectionPool: { getNodes(): unknown } }).connectionPool;
    const getNodes = vi.spyOn(pool, 'getNodes');
    (cluster as { status: string }).status = 'ready';
    const command = new Redis.Command('get', ['key']);
    cluster.sendCommand(command);
    expect(getNodes).not.toHaveBeenCalled();
    command.resolve(Buffer.from('value'));
    cluster.disconnect();
  });

  it('scan streams, monitors, subscribers and blocking commands', async () => {
    const redis = connect();
    await redis.flushall();
    await redis.mset(Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`k${index}`, index])));
    const keys: string[] = [];
    for await (const page of redis.scanStream({ count: 100 })) keys.push(...(page as string[]));
    expect(keys).toHaveLength(30);

    const monitor = await redis.monitor();
    const seen = new Promise((resolve) => monitor.on('monitor', (_time, args) => (args as string[])[1] === 'seen' && resolve(args)));
    await redis.get('seen');
    expect(await seen).toEqual(['get', 'seen']);
    monitor.disconnect();

    const subscriber = connect();
    expect(await subscriber.subscribe('news')).toBe(1);
    const heard = new Promise((resolve) => subscriber.on('message', (_channel, message) => resolve(message)));
    await redis.publish('news', 'x');
    expect(await heard).toBe('x');
    const worker = connect();
    const job = worker.blpop('jobs', 5);
    await redis.lpush('jobs', 'one');
    expect(await job).toEqual(['jobs', 'one']);
    expect(calls()).toMatchObject({ delete: 1, scan: 1, read: 1, pubsub: 1, blocking: 1, write: 2 });
  });

  it('refusals reach promise, callback, pipeline and transaction, and nothing is sent', async () => {
    const redis = connect();
    await redis.flushall();
    breaker('write').forceOpen('test');
    const refused = [
      failure(redis.set('a', 1)),
      new Promise((resolve) => void redis.set('a', 1, resolve as () => void)),
      failure(redis.pipeline().set('a', 1).exec()),
      failure(redis.multi().set('a', 1).exec()),
      failure(redis.call('SET', 'a', 1)),
    ];
    for (const error of await Promise.all(refused)) expect(error).toMatchObject({ code: 'EBREAKEROPEN' });
    expect(await redis.get('a')).toBeNull();
  });

  describe('looks as before', () => {
    it('methods keep name, length and descriptor; instances their prototype', async () => {
      for (const [key, before] of Object.entries(originals)) {
        const after = Object.getOwnPropertyDescriptor(Redis.prototype, key);
        expect({ ...after, value: undefined }).toEqual({ ...before, value: undefined });
        if (typeof before.value !== 'function') continue;
        expect([after?.value.name, after?.value.length]).toEqual([before.value.name, before.value.length]);
        expect(Object.getPrototypeOf(after?.value)).toBe(Object.getPrototypeOf(before.value));
      }
      const redis = connect();
      expect(redis).toBeInstanceOf(Redis);
      expect(Object.getPrototypeOf(redis)).toBe(Redis.prototype);
      const promise = redis.get('a');
      expect(promise).toBeInstanceOf(Promise);
      await promise;
    });

    it('errors are the client’s own, with the stack it gave them', async () => {
      const client = connect({ showFriendlyErrorStack: true });
      const misused = async () => client.lpush('text', 1);
      await client.set('text', 'x');
      const guarded = await failure(misused());
      instrumentation.disable();
      const bare = await failure(misused());
      expect(Object.getPrototypeOf(guarded)).toBe(Object.getPrototypeOf(bare));
      expect(Object.keys(guarded)).toEqual(Object.keys(bare));
      expect({ ...guarded, message: guarded.message, name: guarded.name }).toEqual({ ...bare, message: bare.message, name: bare.name });
      expect(guarded.stack?.split('\n')[0]).toBe(bare.stack?.split('\n')[0]);
      expect(guarded.stack).toContain('misused');
      expect(guarded.stack).not.toContain('instrumentations/');
    });

    it('callbacks run in the context in which they run bare', async () => {
      const contexts = new AsyncLocalStorage<string>();
      const client = connect();
      await client.ping();
      const seen = (): Promise<(string | undefined)[]> =>
        contexts.run('request', async () => {
          const byCallback = new Promise<string | undefined>((resolve) => void client.get('a', () => resolve(contexts.getStore())));
          await client.get('a');
          return [await byCallback, contexts.getStore()];
        });
      const guarded = await seen();
      instrumentation.disable();
      expect(guarded).toEqual(await seen());
    });

    it('calls settle in the very turn in which they settle bare', async () => {
      const client = connect();
      await client.ping();
      const turns = async (): Promise<string[]> => {
        const order: string[] = [];
        const note = (what: string) => (): void => void order.push(what);
        const answer = client.get('a').then(note('answer'));
        (client as unknown as { stream: NodeJS.ReadableStream }).stream.once('data', () => {
          order.push('data');
          let tick = 0;
          const count = (): void => {
            order.push(`turn ${tick}`);
            tick += 1;
            if (tick < 6) queueMicrotask(count);
          };
          queueMicrotask(count);
        });
        await answer;
        await new Promise(setImmediate);
        return order;
      };
      const guarded = await turns();
      instrumentation.disable();
      expect(guarded).toEqual(await turns());
    });

    it('a rejection that nobody handles is an unhandled one, once', async () => {
      const unhandled: unknown[] = [];
      const listeners = process.listeners('unhandledRejection');
      process.removeAllListeners('unhandledRejection');
      process.on('unhandledRejection', (reason) => unhandled.push(reason));
      try {
        const client = connect();
        await client.set('text', 'x');
        void client.lpush('text', 1);
        client.lpush('text', 1, () => undefined);
        breaker('read').forceOpen('test');
        void client.get('a');
        client.get('a', () => undefined);
        await expect.poll(() => unhandled.length).toBe(2);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(unhandled).toHaveLength(2);
      } finally {
        process.removeAllListeners('unhandledRejection');
        for (const listener of listeners) process.on('unhandledRejection', listener);
      }
    });
  });
});
