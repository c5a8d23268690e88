import { createRequire } from 'node:module';
import type { Redis as RedisType } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Registry } from '../../src/registry/registry.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// Rarer ways of sending, and options under which a client waits or does not, through an outage; in every major version.

const require = createRequire(import.meta.url);

describe.each(['ioredis4', 'ioredis', 'ioredis6'])('%s', (name) => {
  const Redis = require(name) as typeof RedisType;
  let server: ServerHandle;
  let registry: Registry;
  let instrumentation: IORedisBreakerInstrumentation;
  const clients: RedisType[] = [];
  const faults: unknown[] = [];

  beforeEach(async () => {
    setFaultReporter((error) => faults.push(error));
    server = await startRedis();
    registry = new Registry();
    instrumentation = new IORedisBreakerInstrumentation({ registry });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    instrumentation.disable();
    await server.stop();
    setFaultReporter(undefined);
    expect(faults.splice(0)).toEqual([]);
    expect(registry.list().filter(({ inFlight }) => inFlight > 0)).toEqual([]);
  });

  const connect = (options: object = {}): RedisType => {
    const client = new Redis({ port: server.port, host: '127.0.0.1', ...options });
    client.on('error', () => {});
    clients.push(client);
    return client;
  };
  const breaker = (operation: string) => registry.get(`redis://127.0.0.1:${server.port} ${operation}`);
  const calls = (): Record<string, number> =>
    Object.fromEntries(registry.list().map((each) => [each.target.operation, each.snapshot().calls.success]));
  const code = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'ok',
      (error: { code?: string; message: string }) => error.code ?? error.message,
    );

  it('scripts that the server does not know, alone, in a pipeline, in a transaction and by hand, are one call each', async () => {
    const redis = connect();
    redis.defineCommand('twice', { numberOfKeys: 0, lua: 'return ARGV[1] * 2' });
    const scripted = redis as RedisType & { twice(value: number): Promise<number> };
    type Chain = { twice(value: number): Chain; get(key: string): Chain; exec(): Promise<unknown> };
    expect(await scripted.twice(1)).toBe(2);
    await redis.script('FLUSH');
    expect(await (redis.pipeline() as unknown as Chain).twice(2).get('a').twice(3).exec()).toEqual([
      [null, 4],
      [null, null],
      [null, 6],
    ]);
    expect(await (redis.multi() as unknown as Chain).twice(4).exec()).toEqual([[null, 8]]);
    await redis.script('FLUSH');
    expect(await code(redis.evalsha('0'.repeat(40), 0))).toMatch(/^NOSCRIPT/);
    expect(await redis.eval('return 1', 0)).toBe(1);
    // A transaction weighs as a write; to hear that a script is unknown is the server working.
    expect(calls()).toEqual({ script: 4, write: 1 });
  });

  it('a blocking command in a pipeline or transaction is part of it', async () => {
    const redis = connect();
    expect(await redis.pipeline().rpush('list', 'x').blpop('list', 1).get('a').exec()).toEqual([
      [null, 1],
      [null, ['list', 'x']],
      [null, null],
    ]);
    // Within MULTI it does not wait.
    expect(await redis.multi().blpop('none', 5).exec()).toEqual([[null, null]]);
    expect(calls()).toEqual({ blocking: 2 });
    breaker('blocking').forceOpen('test');
    expect(await code(redis.pipeline().rpush('list', 'y').blpop('list', 1).exec())).toBe('EBREAKEROPEN');
    expect(await redis.llen('list')).toBe(0);
  });

  it('Buffer variants of everything keep their type', async () => {
    const redis = connect();
    await redis.hset('h', 'field', 'value');
    expect(await redis.hgetallBuffer('h')).toEqual({ field: Buffer.from('value') });
    expect(await redis.pipeline().hgetBuffer('h', 'field').exec()).toEqual([[null, Buffer.from('value')]]);
    const multi = (await redis.multi().hgetBuffer('h', 'field').exec()) ?? [];
    expect(multi).toEqual([[null, Buffer.from('value')]]);
    expect(calls()).toEqual({ write: 2, read: 2 });
  });

  it('retries without end do not mean waiting without end', async () => {
    const redis = connect({ maxRetriesPerRequest: null });
    await redis.set('a', 1);
    await server.kill();
    const waiting = code(redis.get('a'));
    expect(await waiting).toMatch(/^E(BREAKEROPEN|CALLTIMEOUT)$/);
    expect(await code(redis.get('a'))).toBe('EBREAKEROPEN');
    await server.restart();
    await expect.poll(() => code(redis.get('a')), { timeout: 8_000 }).toBe('ok');
  });

  it('without an offline queue calls fail as the client says, until the circuit is open; and succeed again', async () => {
    const redis = connect({ enableOfflineQueue: false });
    if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve));
    await redis.set('a', 1);
    await server.kill();
    const heard = new Set<string>();
    await expect.poll(async () => heard.add(await code(redis.get('a'))).has('EBREAKEROPEN'), { timeout: 5_000, interval: 5 }).toBe(true);
    for (const each of heard) expect(each).toMatch(/EBREAKEROPEN|ECALLTIMEOUT|Stream isn't writeable|Connection is closed|ECONNRESET/);
    await server.restart();
    await expect.poll(() => code(redis.get('a')), { timeout: 8_000 }).toBe('ok');
  });

  it('a lazy client is not connected by being refused, and connects when it is not', async () => {
    const other = connect();
    await other.get('a');
    breaker('read').forceOpen('test');
    const lazy = connect({ lazyConnect: true });
    expect(await code(lazy.get('a'))).toBe('EBREAKEROPEN');
    expect(lazy.status).toBe('wait');
    breaker('read').release();
    expect(await code(lazy.get('a'))).toBe('ok');
    expect(lazy.status).toBe('ready');
  });
});
