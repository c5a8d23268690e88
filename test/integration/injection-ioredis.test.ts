import { createRequire } from 'node:module';
import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// What injected faults do to Redis commands, on a real server that is well all the while.

let server: ServerHandle;
let registry: Registry;
let instrumentation: IORedisBreakerInstrumentation | undefined;
const clients: Redis[] = [];
const faults: unknown[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(() => {
  for (const injection of registry.injections) injection.end();
  for (const client of clients.splice(0)) client.disconnect();
  instrumentation?.disable();
  setFaultReporter(undefined);
  expect(faults.splice(0)).toEqual([]);
});

function guard(defaults: BreakerOptions = {}): void {
  setFaultReporter((error) => void faults.push(error));
  registry = createRegistry({ defaults });
  instrumentation = new IORedisBreakerInstrumentation({ registry });
}
async function connect(options: RedisOptions = {}, type: typeof Redis = Redis): Promise<Redis> {
  const client = new type({ port: server.port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  clients.push(client);
  await client.ping();
  return client;
}
const breaker = (operation: string) => registry.get(`redis://127.0.0.1:${server.port} ${operation}`);
const outcome = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => value,
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
async function timed(call: Promise<unknown>): Promise<readonly [unknown, number]> {
  const began = performance.now();
  return [await outcome(call), performance.now() - began];
}
/** Nothing of it is left. */
async function isWell(redis: Redis): Promise<void> {
  await vi.waitFor(async () => expect(await outcome(redis.set('well', 'yes'))).toBe('OK'), { timeout: 10_000, interval: 50 });
  await vi.waitFor(async () => expect(await outcome(redis.get('well'))).toBe('yes'), { timeout: 10_000, interval: 50 });
  for (const each of registry.list()) expect([each.name, each.inFlight, each.injected]).toEqual([each.name, 0, false]);
}

describe.each([
  ['5', Redis],
  ['4', createRequire(import.meta.url)('ioredis4') as typeof Redis],
])('ioredis %s, faults injected', (_, type) => {
  it('errors: commands, pipelines and transactions fail where they would be refused, and nothing of them is carried out', async () => {
    guard();
    const redis = await connect({}, type);
    await redis.set('a', '1');
    const injection = registry.inject({ kind: 'error', error: { code: 'ECONNRESET' } });
    expect(await outcome(redis.get('a'))).toBe('ECONNRESET');
    expect(await outcome(redis.pipeline().set('a', '2').get('a').exec())).toBe('ECONNRESET');
    expect(await outcome(redis.multi().set('a', '3').exec())).toBe('ECONNRESET');
    injection.end();
    expect(await redis.get('a')).toBe('1');
    expect(await redis.pipeline().get('a').exec()).toEqual([[null, '1']]);
    await isWell(redis);
  });

  it('latency: the answer comes later, in the same order, whatever it is', async () => {
    guard();
    const redis = await connect({}, type);
    const injection = registry.inject({ kind: 'latency', latencyMs: 200 });
    const [answer, ms] = await timed(redis.set('a', '1'));
    expect([answer, ms > 190]).toEqual(['OK', true]);
    const order: unknown[] = [];
    await Promise.all([redis.set('a', '2').then(() => order.push('set')), redis.get('a').then((value) => order.push(value))]);
    expect(order).toEqual(['set', '2']);
    expect(await timed(redis.lpush('a', '1') as Promise<unknown>)).toEqual([expect.stringContaining('WRONGTYPE'), expect.any(Number)]);
    const [results, later] = await timed(redis.multi().set('b', '1').get('b').exec() as Promise<unknown>);
    expect([results, later > 190]).toEqual([
      [
        [null, 'OK'],
        [null, '1'],
      ],
      true,
    ]);
    injection.end();
    await isWell(redis);
  });

  it('hang: nothing is sent, the circuit opens by stall although the server answers, its neighbours stay closed, and its end heals it', async () => {
    guard();
    const redis = await connect({}, type);
    await redis.set('a', '1');
    await redis.get('a');
    const injection = breaker('write').inject({ kind: 'hang' });
    const hung = [outcome(redis.set('a', '2')), outcome(redis.multi().set('a', '3').exec()), outcome(redis.pipeline().set('a', '4').exec())];
    await vi.waitFor(() => expect(breaker('write').state).toBe('open'), { timeout: 10_000, interval: 20 });
    expect(breaker('write').snapshot().lastTrip).toMatchObject({ trigger: 'stall' });
    expect(await Promise.all(hung)).toEqual(['ECALLTIMEOUT', 'ECALLTIMEOUT', 'ECALLTIMEOUT']);
    expect(await outcome(redis.set('a', '5'))).toBe('EBREAKEROPEN');
    expect([await redis.get('a'), breaker('read').state]).toEqual(['1', 'closed']);
    // The server is asked meanwhile, and its answer is kept from the circuit.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(['open', 'half_open']).toContain(breaker('write').state);
    injection.end();
    await isWell(redis);
    expect(await redis.get('a')).toBe('1');
    expect(injection.waiting).toBe(0);
  });
});

describe('an injected hang of a Redis command', () => {
  it('fails when the injection ends, and is not sent then', async () => {
    guard({ stall: undefined });
    const redis = await connect();
    await redis.set('a', '1');
    const injection = registry.inject({ kind: 'hang', durationMs: 300 });
    const told = vi.fn();
    void redis.pipeline().set('a', '2').exec(told);
    expect(await outcome(redis.set('a', '3'))).toBe('EINJECTEDFAULT');
    await vi.waitFor(() => expect(told).toHaveBeenCalledOnce());
    expect(told.mock.calls[0]?.[0]).toMatchObject({ name: 'InjectedFaultError' });
    expect([await redis.get('a'), injection.waiting]).toEqual(['1', 0]);
    await isWell(redis);
  });

  it('ends by every time-out that there is, and with the client', async () => {
    guard({ stall: undefined });
    const redis = await connect({ commandTimeout: 100 });
    const closing = await connect();
    const injection = registry.inject({ kind: 'hang' });
    expect(await outcome(redis.get('a'))).toBe('Command timed out');
    const cut = outcome(closing.get('a'));
    closing.disconnect();
    expect(await cut).toBe('Connection is closed.');
    registry.configure(() => ({ options: { timeoutMs: 100, stall: undefined } }));
    const patient = await connect().catch(() => undefined);
    expect(patient).toBeUndefined();
    expect(await outcome(redis.pipeline().get('a').exec())).toBe('ECALLTIMEOUT');
    expect(injection.waiting).toBe(0);
    injection.end();
    await isWell(redis);
  });

  it('spares what has begun or begins something on its connection: MULTI one by one, WATCH, and what they lead to', async () => {
    guard({ stall: undefined });
    const redis = await connect();
    registry.inject({ kind: 'hang' });
    registry.inject({ kind: 'latency', latencyMs: 10_000, share: 0.5 });
    expect(await redis.watch('a')).toBe('OK');
    expect(await redis.multi({ pipeline: false })).toBe('OK');
    expect(await redis.set('a', '7')).toBe('QUEUED');
    expect(await redis.exec()).toEqual([[null, 'OK']]);
    const subscriber = new Redis({ port: server.port, host: '127.0.0.1' });
    clients.push(subscriber);
    expect(await subscriber.subscribe('news')).toBe(1);
  });

  it('is retried when it ends, and an error is served by a fallback', async () => {
    guard({ stall: undefined, retry: { attempts: 2, backoffMs: 10, jitter: 'none' }, fallback: { stale: {} } });
    const redis = await connect();
    await redis.set('a', '1');
    expect(await redis.get('a')).toBe('1');
    const hang = registry.inject({ kind: 'hang' });
    const call = outcome(redis.get('a'));
    await vi.waitFor(() => expect(hang.waiting).toBe(1));
    hang.end();
    expect(await call).toBe('1');
    const errors = registry.inject({ kind: 'error' });
    expect([await outcome(redis.get('a')), errors.calls]).toEqual(['1', 2]);
    errors.end();
    await isWell(redis);
  });
});
