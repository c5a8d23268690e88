import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis6 } from 'ioredis6';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import type { ResolvedQueue } from '../../src/core/resolve-policies.ts';
import { policyMetersOf } from '../../src/policies/compose.ts';
import { isStale, withStaleInfo } from '../../src/policies/stale-cache/stale-mark.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { PolicyStorage } from '../../src/setup/policy-storage.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// What policies do to a single command, on a real Redis, in one process.

let server: ServerHandle;
let registry: Registry;
let instrumentation: IORedisBreakerInstrumentation | undefined;
const clients: { disconnect(): void }[] = [];
const faults: unknown[] = [];

beforeAll(async () => {
  server = await startRedis({ args: ['--enable-debug-command', 'yes'] });
});
afterAll(() => server.stop());
afterEach(async () => {
  server.thaw();
  for (const client of clients.splice(0)) client.disconnect();
  instrumentation?.disable();
  setFaultReporter(undefined);
  expect(faults.splice(0)).toEqual([]);
});

function guard(defaults: BreakerOptions): void {
  setFaultReporter((error) => void faults.push(error));
  registry = createRegistry({ defaults });
  instrumentation = new IORedisBreakerInstrumentation({ registry });
}
function connect(options: RedisOptions = {}, type: typeof Redis = Redis): Redis {
  const client = new type({ port: server.port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  clients.push(client);
  return client;
}
const breaker = (operation: string) => registry.get(`redis://127.0.0.1:${server.port} ${operation}`);
const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
const everything: BreakerOptions = {
  retry: { attempts: 3, backoffMs: 10, jitter: 'none' },
  bulkhead: { limit: 100 },
  rateLimit: { limit: 10_000 },
  totalTimeoutMs: 5_000,
  fallback: { stale: {} },
};

describe.each([
  ['5', Redis],
  ['6', Redis6 as unknown as typeof Redis],
  ['4', createRequire(import.meta.url)('ioredis4') as typeof Redis],
])('ioredis %s with every policy', (_, type) => {
  it('answers as without them, in every form', async () => {
    guard(everything);
    const redis = connect({ keyPrefix: 'p:' }, type);
    const raw = connect({}, type);
    expect(await redis.set('a', 'ä')).toBe('OK');
    expect(await raw.get('p:a')).toBe('ä');
    expect(await redis.getBuffer('a')).toEqual(Buffer.from('ä'));
    expect(await redis.set('bytes', Buffer.from([0, 255]))).toBe('OK');
    expect(await redis.getBuffer('bytes')).toEqual(Buffer.from([0, 255]));
    expect(await redis.hset('h', { one: 1, two: Buffer.from('2') })).toBe(2);
    expect(await redis.hgetall('h')).toEqual({ one: '1', two: '2' });
    expect(await redis.hgetallBuffer('h')).toEqual({ one: Buffer.from('1'), two: Buffer.from('2') });
    expect(await redis.mset({ x: 1, y: '2' })).toBe('OK');
    expect(await redis.mget('x', 'y', 'none')).toEqual(['1', '2', null]);
    expect(await redis.call('get', 'a')).toBe('ä');
    expect(await redis.incr('n')).toBe(1);
    expect(await redis.zadd('z', 1, 'm')).toBe(1);
    expect(await redis.zrange('z', '0', '-1', 'WITHSCORES')).toEqual(['m', '1']);
    expect(await new Promise((resolve, reject) => void redis.get('a', (error, value) => (error ? reject(error) : resolve(value))))).toBe('ä');
    await expect(redis.lpush('a', 'x')).rejects.toThrow('WRONGTYPE');
    const wrong = await new Promise((resolve) => void redis.lpush('a', 'x', (error) => resolve(String(error))));
    expect(wrong).toMatch('WRONGTYPE');
    expect(await redis.pipeline().get('a').incr('n').exec()).toEqual([
      [null, 'ä'],
      [null, 2],
    ]);
    expect(await redis.multi().set('m', 1).get('m').exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
    ]);
    await redis.multi({ pipeline: false });
    await redis.set('single', '1');
    expect(await redis.exec()).toEqual([[null, 'OK']]);
    redis.defineCommand('twice', { numberOfKeys: 1, lua: "return redis.call('get', KEYS[1]) .. ARGV[1]" });
    const scripted = redis as Redis & { twice(key: string, text: string): Promise<string> };
    expect(await scripted.twice('a', 'b')).toBe('äb');
    await raw.script('FLUSH');
    expect(await scripted.twice('a', 'c')).toBe('äc');
    expect(await redis.scan(0)).toEqual(['0', expect.any(Array)]);
    expect(await redis.del('a', 'bytes', 'h', 'x', 'y', 'n', 'z', 'm', 'single')).toBe(9);
    expect(breaker('read').meters.calls('success', false)).toBeGreaterThan(5);
    expect(breaker('read').inFlight + breaker('write').inFlight + breaker('script').inFlight).toBe(0);
  });

  it('takes autopipelined commands for the single calls that they are', async () => {
    guard({ ...everything, bulkhead: { limit: 6 } });
    const redis = connect({ enableAutoPipelining: true, keyPrefix: 'p:' }, type);
    // In their order, each with an answer, an error and a place of its own.
    const calls = [redis.set('o', '1'), redis.append('o', '2'), redis.get('o'), redis.lpush('o', 'x').catch((error: Error) => error.name)];
    expect(await Promise.all([...calls, redis.getBuffer('o')])).toEqual(['OK', 2, '12', 'ReplyError', Buffer.from('12')]);
    expect(await new Promise((resolve) => void redis.get('o', (_error, value) => resolve(value)))).toBe('12');
    expect(breaker('read').meters.calls('success', false)).toBe(3);
    expect(breaker('write').meters.calls('success', false) + breaker('write').meters.calls('ignored', false)).toBe(3);
    const full = await Promise.all(Array.from({ length: 8 }, () => codeOf(redis.incr('n'))));
    expect(full).toEqual([...new Array(6).fill('answered'), 'EBULKHEADFULL', 'EBULKHEADFULL']);
    // What one is refused keeps no other from being made, and each is told of its own.
    breaker('read').forceOpen('test');
    const [read, written, other] = await Promise.all([
      withStaleInfo(() => redis.get('o')),
      redis.set('o', '3'),
      withStaleInfo(() => redis.incr('n')),
    ]);
    expect([read, written, other]).toEqual([{ value: '12', stale: true, ageMs: expect.any(Number) }, 'OK', { value: 7, stale: false }]);
    await redis.del('o', 'n');
    expect(breaker('read').inFlight + breaker('write').inFlight).toBe(0);
    expect(policyMetersOf(breaker('write'))?.bulkhead).toMatchObject({ active: 0 });
  });

  it('runs transformers of arguments and replies once', async () => {
    guard(everything);
    const redis = connect({}, type);
    const { Command } = type as unknown as {
      Command: {
        setArgumentTransformer(name: string, fn: unknown): void;
        setReplyTransformer(name: string, fn: unknown): void;
        _transformer: { argument: Record<string, unknown>; reply: Record<string, unknown> };
      };
    };
    Command.setArgumentTransformer('set', ([key, value]: unknown[]) => [key, `<${value}>`]);
    Command.setReplyTransformer('get', (value: unknown) => [value]);
    try {
      await redis.set('t', 'x');
      expect(await redis.get('t')).toEqual(['<x>']);
    } finally {
      delete Command._transformer.argument['set'];
      delete Command._transformer.reply['get'];
      await redis.del('t');
    }
  });
});

describe('timeoutMs', () => {
  it('answers the caller, counts a failure, and leaves the connection in step', async () => {
    guard({ timeoutMs: 300, stall: undefined });
    const redis = connect();
    await redis.set('a', '1');
    const slow = redis.call('DEBUG', 'SLEEP', '2').catch((error: Error & { code?: string }) => error.code);
    const began = performance.now();
    expect(await codeOf(redis.get('a'))).toBe('ECALLTIMEOUT');
    expect(performance.now() - began).toBeLessThan(1_800);
    await slow;
    expect(breaker('read').meters.calls('failure', false)).toBe(1);
    await expect.poll(() => redis.get('a').catch(() => 'late'), { timeout: 10_000 }).toBe('1');
    expect(await redis.mget('a', 'b')).toEqual(['1', null]);
    expect(await redis.del('a')).toBe(1);
  });

  it('takes a command that waits for a connection out of the queue: it is not made later', async () => {
    guard({ timeoutMs: 100, minimumCalls: 1_000, stall: undefined });
    const redis = connect({ lazyConnect: true });
    const other = connect();
    await other.del('late');
    server.freeze();
    expect(await codeOf(redis.set('late', '1'))).toBe('ECALLTIMEOUT');
    server.thaw();
    await sleep(300);
    expect(await other.get('late')).toBeNull();
  });
});

describe('single commands', () => {
  it('keep their order, also before the connection is there and with autopipelining', async () => {
    guard(everything);
    for (const options of [{}, { enableAutoPipelining: true }, { lazyConnect: true }]) {
      const redis = connect(options);
      const answers = await Promise.all([redis.set('o', '1'), redis.append('o', '2'), redis.get('o'), redis.getBuffer('o'), redis.del('o')]);
      expect(answers).toEqual(['OK', 2, '12', Buffer.from('12'), 1]);
    }
  });

  it('are never repeated inside a transaction that began meanwhile', async () => {
    guard({ retry: { attempts: 3, backoffMs: 100, jitter: 'none' }, timeoutMs: 100, minimumCalls: 1_000 });
    const redis = connect();
    await redis.set('t', '1');
    void redis.call('DEBUG', 'SLEEP', '0.15').catch(() => {});
    const read = redis.get('t').catch((error: { code?: string }) => error.code);
    await sleep(120);
    // The first attempt is given up; the second would come in here.
    void redis.multi({ pipeline: false });
    void redis.set('t', '2');
    expect(await read).toBe('ECALLTIMEOUT');
    expect(await redis.exec()).toEqual([[null, 'OK']]);
  });

  it('that waited for their place are not let into a transaction or a database that was chosen since', async () => {
    guard({ bulkhead: { limit: 1, queue: 10 }, retry: { attempts: 2, backoffMs: 50, jitter: 'none' }, timeoutMs: 2_000 });
    const redis = connect();
    await redis.set('t', '1');
    await redis.get('t');
    // `read` and `write` have a place each.
    const first = [redis.get('t'), redis.get('t'), redis.pipeline().get('t').exec()];
    void redis.multi({ pipeline: false }).catch(() => {});
    expect(await Promise.all(first.map((each) => codeOf(each)))).toEqual(['answered', 'EBULKHEADFULL', 'EBULKHEADFULL']);
    expect(await redis.exec()).toEqual([]);
    const second = [redis.get('t'), redis.get('t'), redis.pipeline().get('t').exec()];
    const selected = redis.select(1);
    expect(await Promise.all(second.map((each) => codeOf(each)))).toEqual(['answered', 'EBULKHEADFULL', 'EBULKHEADFULL']);
    expect(await selected).toBe('OK');
    // Nothing is held any more.
    expect(await redis.get('t')).toBeNull();
  });

  it('are answered by tiers and handlers from code', async () => {
    const secondary = new Map([['a', 'from the other one']]);
    guard({
      fallback: {
        tiers: [(...args: unknown[]) => (args[0] === 'get' ? secondary.get(String(args[1])) : Promise.reject(new Error('no')))],
        handler: (error) => (error as { code?: string }).code,
      },
    });
    const redis = connect();
    await redis.get('a');
    breaker('read').forceOpen('test');
    expect(await redis.get('a')).toBe('from the other one');
    expect(await redis.strlen('a')).toBe('EBREAKEROPEN');
    const meters = policyMetersOf(breaker('read'));
    expect([meters?.fallbacks('tier', 'success'), meters?.fallbacks('tier', 'failure'), meters?.fallbacks('function', 'success')]).toEqual([1, 1, 1]);
  });

  it('say of stale answers that they are', async () => {
    guard({ fallback: { stale: {} } });
    const redis = connect();
    await redis.hset('h', 'x', '1');
    const fresh = await redis.hgetall('h');
    await redis.get('none');
    await redis.select(1);
    await redis.hgetall('h');
    breaker('read').forceOpen('test');
    const other = await redis.hgetall('h');
    expect(other).toEqual({});
    await redis.select(0);
    const first = await redis.hgetall('h');
    const second = await redis.hgetall('h');
    first['x'] = 'changed';
    expect(second).toEqual({ x: '1' });
    expect([isStale(fresh), isStale(first), isStale(second)]).toEqual([false, true, true]);
    expect(await withStaleInfo(() => redis.get('none'))).toMatchObject({ value: null, stale: true });
    await redis.del('h');
  });

  it('that the circuit refused are not overtaken by the next one of the same breath', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'otel-breaker-breath-'));
    const storage = new PolicyStorage(folder, (message) => faults.push(message));
    try {
      const fallback = { queue: { path: join(folder, 'queue') } };
      await storage.check(new Map([['systems.redis.fallback.queue.path', fallback.queue.path]]));
      guard({ fallback });
      const redis = connect();
      await redis.set('breath', '0');
      breaker('write').forceOpen('test');
      const first = redis.set('breath', '1');
      breaker('write').release();
      const second = redis.set('breath', '2');
      expect(await Promise.all([codeOf(first), codeOf(second)])).toEqual(['answered', 'answered']);
      await vi.waitFor(async () => expect(await redis.strlen('breath')).toBe(1), { timeout: 10_000 });
      expect(await redis.get('breath')).toBe('2');
    } finally {
      await storage.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('that an earlier process has left are made once a reload has opened the folder that could not be opened', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'otel-breaker-reopened-'));
    const path = join(folder, 'queue');
    const fallback = { queue: { path } };
    const told: string[] = [];
    const begin = async (): Promise<PolicyStorage> => {
      const storage = new PolicyStorage(folder, (message) => told.push(message));
      await storage.check(new Map([['systems.redis.fallback.queue.path', path]]));
      guard({ fallback });
      return storage;
    };
    let storage = await begin();
    try {
      const before = connect();
      await before.set('left', '0');
      breaker('write').forceOpen('test');
      expect(await before.set('left', 'by the earlier one')).toBe('OK');
      await storage.close();
      instrumentation?.disable();

      storage = await begin();
      renameSync(path, `${path}-aside`);
      writeFileSync(path, 'in the way');
      const redis = connect();
      expect(await redis.get('left')).toBe('0');
      expect(told).toEqual([expect.stringContaining('writes are not queued')]);
      rmSync(path);
      renameSync(`${path}-aside`, path);
      storage.follow([breaker('write').options.policies]);
      const slot = storage.queue(breaker('write').options.policies?.fallback?.queue as ResolvedQueue);
      await slot.opened;
      await vi.waitFor(() => expect(slot.queue?.depth).toBe(0), { timeout: 3_000 });
      expect(await redis.get('left')).toBe('by the earlier one');
    } finally {
      await storage.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('have stale answers of their own database, user and form', async () => {
    guard({ fallback: { stale: {} } });
    const redis = connect();
    const [other, texts, somebody] = [connect({ db: 1 }), connect({ stringNumbers: true }), connect()];
    await redis.set('s', 'in 0');
    await other.set('s', 'in 1');
    await somebody.call('ACL', 'SETUSER', 'ada', 'on', '>pw', '~*', '+@all');
    // It is answered when another database is selected already.
    const [read] = await Promise.all([redis.get('s'), redis.select(1), redis.select(0)]);
    expect(read).toBe('in 0');
    await redis.strlen('s');
    await somebody.auth('ada', 'pw');
    await somebody.get('s');
    breaker('read').forceOpen('test');
    expect(await redis.get('s')).toBe('in 0');
    expect(await codeOf(other.get('s'))).toBe('EBREAKEROPEN');
    expect(await redis.strlen('s')).toBe(4);
    expect(await codeOf(texts.strlen('s'))).toBe('EBREAKEROPEN');
    expect(await codeOf(somebody.get('s'))).toBe('EBREAKEROPEN');
  });

  it('do not go on after the client was closed', async () => {
    guard({ retry: { attempts: 10, backoffMs: 50, jitter: 'none' }, minimumCalls: 1_000, stall: undefined });
    const redis = connect({ retryStrategy: () => 10_000, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 });
    await redis.set('c', '1');
    server.freeze();
    const read = codeOf(redis.get('c'));
    redis.disconnect();
    expect(await read).toBe('Connection is closed.');
    expect(policyMetersOf(breaker('read'))?.attempts.get('cancelled')?.sum).toBe(1);
  });
});
