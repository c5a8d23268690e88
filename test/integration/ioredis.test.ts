import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Registry } from '../../src/registry/registry.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// What a client of a healthy server goes through: one admission per logical call, refusals as the client's own errors.

let server: ServerHandle;
let registry: Registry;
let instrumentation: IORedisBreakerInstrumentation;
let redis: Redis;
const faults: unknown[] = [];
const originals = Object.getOwnPropertyDescriptors(Redis.prototype);

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

beforeEach(async () => {
  setFaultReporter((error) => faults.push(error));
  registry = new Registry();
  instrumentation = new IORedisBreakerInstrumentation({ registry });
  redis = new Redis(server.port, '127.0.0.1');
  await redis.flushall();
  await redis.script('FLUSH');
  registry.remove(name('delete'));
});
afterEach(async () => {
  redis.disconnect();
  instrumentation.disable();
  setFaultReporter(undefined);
  expect(faults.splice(0)).toEqual([]);
});

const name = (operation: string): string => `redis://127.0.0.1:${server.port} ${operation}`;
/** Successful calls by class; other outcomes stand out. */
function calls(): Record<string, unknown> {
  const entries = registry.list().map((breaker) => {
    const { success, ...rest } = breaker.snapshot().calls;
    const others = Object.fromEntries(Object.entries(rest).filter(([, count]) => count > 0));
    return [breaker.target.operation, Object.keys(others).length === 0 ? success : { success, ...others }];
  });
  return Object.fromEntries(entries);
}
const refuse = (...operations: string[]): void => {
  for (const operation of operations) registry.get(name(operation)).forceOpen('test');
};
const error = async (promise: Promise<unknown>): Promise<Error & { code?: string }> =>
  promise.then(
    () => expect.fail('was not refused'),
    (reason) => reason,
  );

describe('a refused MULTI that is sent command by command', () => {
  it('takes the commands sent with it along: none of them runs on its own', async () => {
    await redis.mset('victim', 'kept', 'other', 'old');
    registry.get(name('write')).forceOpen();
    const answers = await Promise.allSettled([redis.multi({ pipeline: false }), redis.del('victim'), redis.set('other', 'new'), redis.exec()]);
    expect(answers.map((answer) => answer.status === 'rejected' && (answer.reason as { code?: string }).code)).toEqual(Array(4).fill('EBREAKEROPEN'));
    expect(await redis.mget('victim', 'other')).toEqual(['kept', 'old']);
    // What comes later is judged by itself again.
    expect(await redis.del('victim')).toBe(1);
    registry.get(name('write')).release();
  });
});

describe('one admission per logical call', () => {
  it('by promise, by callback, by call() and as Buffer, and none for the handshake', async () => {
    await redis.set('a', '1');
    expect(await redis.get('a')).toBe('1');
    expect(await new Promise((resolve) => redis.get('a', (_error, value) => resolve(value)))).toBe('1');
    expect(await redis.call('GET', 'a')).toBe('1');
    expect(await redis.getBuffer('a')).toEqual(Buffer.from('1'));
    await redis.del('a');
    await redis.hset('h', { a: 1 });
    expect(calls()).toEqual({ write: 2, read: 4, delete: 1 });
    expect(registry.list().every(({ inFlight }) => inFlight === 0)).toBe(true);
  });

  it('for commands that wait for the connection first', async () => {
    const early = new Redis(server.port, '127.0.0.1');
    const lazy = new Redis(server.port, '127.0.0.1', { lazyConnect: true, db: 3, connectionName: 'lazy' });
    await Promise.all([early.get('a'), early.get('b'), lazy.get('a')]);
    expect(calls()).toEqual({ read: 3 });
    early.disconnect();
    lazy.disconnect();
  });

  it('for a pipeline, a MULTI, and a MULTI within a pipeline', async () => {
    expect(await redis.pipeline().set('a', 1).get('a').exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
    ]);
    expect(calls()).toEqual({ write: 1 });
    expect(await redis.multi().incr('a').get('a').exec()).toEqual([
      [null, 2],
      [null, '2'],
    ]);
    expect(calls()).toEqual({ write: 2 });
    const mixed = redis.pipeline().get('a') as unknown as { multi(): { get(key: string): { exec(): { exec(): Promise<unknown> } } } };
    expect(await mixed.multi().get('a').exec().exec()).toHaveLength(4);
    expect(calls()).toEqual({ write: 3 });
    expect(await redis.pipeline().get('a').get('b').exec()).toHaveLength(2);
    expect(calls()).toEqual({ write: 3, read: 1 });
    expect(await redis.pipeline().exec()).toEqual([]);
    expect(calls()).toEqual({ write: 3, read: 1 });
  });

  it('for a MULTI whose commands are sent one by one', async () => {
    await redis.multi({ pipeline: false });
    await redis.set('a', 1);
    await redis.get('a');
    expect(await redis.exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
    ]);
    await redis.get('a');
    expect(calls()).toEqual({ write: 1, read: 1 });
  });

  it('for a batch of automatic pipelining', async () => {
    const auto = new Redis(server.port, '127.0.0.1', { enableAutoPipelining: true });
    expect(await Promise.all([auto.get('a'), auto.get('b'), auto.get('c')])).toEqual([null, null, null]);
    expect(calls()).toEqual({ read: 1 });
    auto.disconnect();
  });

  it('for a script, though it is sent again because the server does not know it', async () => {
    redis.defineCommand('twice', { numberOfKeys: 1, lua: 'return ARGV[1] * 2' });
    const { twice } = redis as unknown as { twice(key: string, value: number): Promise<number> };
    expect(await twice.call(redis, 'k', 1)).toBe(2);
    expect(calls()).toEqual({ script: 1 });
    await redis.script('FLUSH');
    expect(await twice.call(redis, 'k', 2)).toBe(4);
    expect(calls()).toEqual({ script: 2 });
    await redis.script('FLUSH');
    const pipeline = redis.pipeline() as unknown as { twice(key: string, value: number): { exec(): Promise<unknown> } };
    expect(await pipeline.twice('k', 3).exec()).toEqual([[null, 6]]);
    expect(calls()).toEqual({ script: 3 });
    await expect(redis.evalsha('0'.repeat(40), 0)).rejects.toThrow('NOSCRIPT');
    expect(calls()).toEqual({ script: 4 });
    expect(registry.find(name('script'))?.inFlight).toBe(0);
  });

  it('for each page of a scan stream', async () => {
    await redis.mset(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, index])));
    const keys: string[] = [];
    let pages = 0;
    for await (const page of redis.scanStream({ count: 10 })) {
      pages += 1;
      keys.push(...(page as string[]));
    }
    expect(keys).toHaveLength(50);
    expect(calls()).toEqual({ write: 1, scan: pages });
  });

  it('an error reply of a working server is a success, as the client’s own misuse is nothing', async () => {
    await redis.set('a', 'text');
    await expect(redis.lpush('a', 1)).rejects.toThrow('WRONGTYPE');
    await redis.pipeline().lpush('a', 1).get('a').exec();
    expect(calls()).toEqual({ write: 3 });
    const subscriber = redis.duplicate();
    await subscriber.subscribe('channel');
    await expect(subscriber.get('a')).rejects.toThrow('subscriber mode');
    expect(calls()).toEqual({ write: 3, read: { success: 0, ignored: 1 } });
    subscriber.disconnect();
  });

  it('what the user’s own disconnect cuts off is cancelled', async () => {
    const other = new Redis(server.port, '127.0.0.1');
    const cut = other.get('b');
    other.disconnect();
    await expect(cut).rejects.toThrow('Connection is closed.');
    await expect(other.get('b')).rejects.toThrow('Connection is closed.');
    expect(calls()).toEqual({ read: { success: 0, cancelled: 2 } });
  });
});

describe('what waits or listens by its nature', () => {
  it('a blocking command counts as one, and its waiting is held against nobody', async () => {
    const worker = redis.duplicate();
    expect(await worker.blpop('nothing', 1)).toBeNull();
    expect(await worker.xread('BLOCK', 10, 'STREAMS', 'nothing', '$')).toBeNull();
    expect(calls()).toEqual({ blocking: 2 });
    expect(registry.find(name('blocking'))?.snapshot()).toMatchObject({ state: 'closed', inFlight: 0 });
    worker.disconnect();
  });

  it('a refused one takes its time, so that a worker’s loop does not spin', async () => {
    refuse('blocking');
    const started = performance.now();
    expect(await error(redis.blpop('nothing', 0))).toMatchObject({ code: 'EBREAKEROPEN' });
    expect(performance.now() - started).toBeGreaterThan(400);
  });

  it('does not stand in the way of a half-open circuit', async () => {
    registry.replace(name('blocking'), { halfOpen: { permits: 1 }, open: { durationMs: 20 } });
    const breaker = registry.get(name('blocking'), { server: `redis://127.0.0.1:${server.port}` });
    breaker.report(new Error('refused'), { refused: true });
    await new Promise((resolve) => setTimeout(resolve, 40));
    const worker = redis.duplicate();
    const waiting = worker.blpop('list', 0);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(breaker.snapshot()).toMatchObject({ state: 'half_open', probesInFlight: 0 });
    await redis.lpush('list', 'job');
    expect(await waiting).toEqual(['list', 'job']);
    expect(breaker.state).toBe('closed');
    worker.disconnect();
  });

  it('subscribing passes, whatever the circuits say, and publishing is a class of its own', async () => {
    refuse('read', 'write', 'pubsub');
    const subscriber = redis.duplicate();
    const heard: string[] = [];
    subscriber.on('message', (_channel, message) => heard.push(message));
    await subscriber.subscribe('news');
    expect(await error(redis.publish('news', 'x'))).toMatchObject({ code: 'EBREAKEROPEN' });
    registry.get(name('pubsub')).release();
    await redis.publish('news', 'y');
    await expect.poll(() => heard).toEqual(['y']);
    await subscriber.unsubscribe('news');
    await subscriber.quit();
  });
});

describe('a refused call', () => {
  it('rejects the promise, and tells the callback, with the breaker’s error', async () => {
    refuse('read');
    expect(await error(redis.get('a'))).toMatchObject({
      name: 'BreakerOpenError',
      code: 'EBREAKEROPEN',
      breaker: name('read'),
      state: 'forced_open',
    });
    expect(await new Promise((resolve) => redis.get('a', resolve))).toMatchObject({ code: 'EBREAKEROPEN' });
    expect(await redis.set('a', 1)).toBe('OK');
    expect(registry.get(name('read')).snapshot().rejections).toEqual({ forced_open: 2 });
  });

  it('of a pipeline or MULTI is of all of it; nothing is sent, and the connection stays in step', async () => {
    refuse('write');
    for (const batch of [redis.pipeline(), redis.multi()]) {
      const own: unknown[] = [];
      batch.set('a', 1, (reason) => own.push(reason)).get('a');
      expect(await error(batch.exec())).toMatchObject({ code: 'EBREAKEROPEN' });
      expect(own).toEqual([expect.objectContaining({ code: 'EBREAKEROPEN' })]);
    }
    expect(await new Promise((resolve) => redis.pipeline().set('a', 1).exec(resolve))).toMatchObject({ code: 'EBREAKEROPEN' });
    expect(await new Promise((resolve) => redis.multi().set('a', 1).exec(resolve))).toMatchObject({ code: 'EBREAKEROPEN' });
    expect(await redis.get('a')).toBeNull();
    registry.get(name('write')).release();
    expect(await redis.multi().set('a', 1).get('a').exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
    ]);
  });

  it('of a pipeline stays refused when it is executed again', async () => {
    refuse('write');
    const pipeline = redis.pipeline().set('a', 1);
    await error(pipeline.exec());
    registry.get(name('write')).release();
    expect(await error(pipeline.exec())).toMatchObject({ code: 'EBREAKEROPEN' });
    expect(await redis.get('a')).toBeNull();
  });

  it('of automatic pipelining reaches every caller', async () => {
    refuse('read');
    const auto = new Redis(server.port, '127.0.0.1', { enableAutoPipelining: true });
    const [first, second] = await Promise.all([error(auto.get('a')), error(auto.get('b'))]);
    expect([first.code, second.code]).toEqual(['EBREAKEROPEN', 'EBREAKEROPEN']);
    auto.disconnect();
  });

  it('never interrupts a transaction, nor the way into and out of a connection', async () => {
    await redis.multi({ pipeline: false });
    refuse('read', 'write', 'delete', 'script', 'admin');
    await redis.set('a', 1);
    expect(await redis.exec()).toEqual([[null, 'OK']]);
    expect(await error(redis.get('a'))).toMatchObject({ code: 'EBREAKEROPEN' });
    const other = new Redis(server.port, '127.0.0.1', { db: 2, connectionName: 'x' });
    await new Promise((resolve) => other.once('ready', resolve));
    await other.select(1);
    expect(await other.quit()).toBe('OK');
  });
});

describe('in shadow mode and switched off', () => {
  it('nothing is refused, and what would have been is counted', async () => {
    registry.configure(() => ({ options: { mode: 'shadow', failureCount: 1 } }));
    await redis.get('a');
    const breaker = registry.get(name('read'));
    breaker.report(new Error('x'));
    expect(await redis.get('a')).toBeNull();
    expect(breaker.snapshot()).toMatchObject({ state: 'shadow', circuit: 'open', shadowRejections: { open: 1 } });
    registry.configure(() => ({ options: { mode: 'off' } }));
    expect(await redis.get('a')).toBeNull();
    expect(breaker.state).toBe('disabled');
  });
});

describe('removal', () => {
  it('restores every function exactly, with calls under way', async () => {
    const pending = redis.get('a');
    instrumentation.disable();
    expect(Object.getOwnPropertyDescriptors(Redis.prototype)).toEqual(originals);
    const now = Object.getOwnPropertyDescriptors(Redis.prototype);
    for (const [key, { value }] of Object.entries(originals)) expect(now[key as keyof typeof now]?.value).toBe(value);
    expect(await pending).toBeNull();
    const before = calls();
    await redis.get('a');
    expect(calls()).toEqual(before);
    expect(before).toEqual({ read: 1 });
  });
});
