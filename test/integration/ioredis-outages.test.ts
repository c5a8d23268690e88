import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import type { BreakerOpenError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Registry } from '../../src/registry/registry.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// Real outages, with the client's and the instrumentation's default options and nothing configured.

let server: ServerHandle;
let registry: Registry;
let instrumentation: IORedisBreakerInstrumentation;
const clients: Redis[] = [];
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
});

function connect(options: RedisOptions = {}): Redis {
  const client = new Redis({ port: server.port, host: '127.0.0.1', ...options });
  // The user's own, against the client's message on stderr; nothing of ours adds one.
  client.on('error', () => {});
  clients.push(client);
  return client;
}

interface Answer {
  readonly ms: number;
  readonly value?: unknown;
  readonly code?: string | undefined;
}
async function timed(call: () => Promise<unknown>): Promise<Answer> {
  const started = performance.now();
  const took = (): number => performance.now() - started;
  return call().then(
    (value) => ({ ms: took(), value }),
    (error: { code?: string; message: string }) => ({ ms: took(), code: error.code ?? error.message }),
  );
}
const breaker = (operation: string) => registry.get(`redis://127.0.0.1:${server.port} ${operation}`);
const warmUp = async (client: Redis): Promise<void> => {
  for (let call = 0; call < 12; call += 1) await client.set('a', call);
  for (let call = 0; call < 12; call += 1) await client.get('a');
};
/** Until calls succeed again: how long it took, and what came before. */
async function recovery(call: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  for (;;) {
    const { code } = await timed(call);
    if (code === undefined) return performance.now() - started;
    if (performance.now() - started > 15_000) throw new Error(`no recovery: ${code}`);
    await sleep(50);
  }
}

describe('a killed Redis', () => {
  it('tells a call that waited for the connection how long the circuit stays open', async () => {
    const redis = connect();
    await warmUp(redis);
    await server.kill();
    while (redis.status === 'ready') await sleep(1);
    // Admitted while nobody knew: never refused, but taken out of where it waited.
    const waited = await redis.get('a').catch((error: unknown) => error);
    expect(waited).toMatchObject({ code: 'EBREAKEROPEN' });
    expect((waited as BreakerOpenError).retryAfterMs).toBeGreaterThan(0);
    expect((waited as BreakerOpenError).retryAfterMs).toBeLessThanOrEqual(1_100);
  });

  it('fails fast, calls under way included, in every class and style, and comes back by itself', async () => {
    const redis = connect();
    await warmUp(redis);
    await server.kill();

    const first = await timed(() => redis.get('a'));
    expect(first.code).toMatch(/^(EBREAKEROPEN|ECALLTIMEOUT)$/);
    expect(first.ms).toBeLessThan(1_000);
    const styles = [
      () => redis.get('a'),
      () => redis.set('a', 1),
      () => redis.pipeline().get('a').exec(),
      () => redis.multi().set('a', 1).exec(),
      () => new Promise((resolve, reject) => void redis.get('a', (error, value) => (error ? reject(error) : resolve(value)))),
    ];
    for (const style of styles) {
      const { code, ms } = await timed(style);
      expect(code).toBe('EBREAKEROPEN');
      expect(ms).toBeLessThan(1_000);
    }
    expect(breaker('read').snapshot().lastTrip).toMatchObject({ trigger: 'connection', errorType: 'ECONNREFUSED' });

    await server.restart();
    expect(await recovery(() => redis.get('a'))).toBeLessThan(3_000);
    for (const operation of ['read', 'write']) {
      for (let call = 0; call < 3; call += 1) await timed(() => (operation === 'read' ? redis.get('a') : redis.set('a', 2)));
      expect(breaker(operation).state).toBe('closed');
    }
  });

  it('refuses a class that is first used while it is away at once, as the others', async () => {
    const redis = connect();
    await warmUp(redis);
    await server.kill();
    await expect.poll(() => breaker('read').state).toBe('open');
    const { code, ms } = await timed(() => redis.scan(0));
    expect(code).toBe('EBREAKEROPEN');
    expect(ms).toBeLessThan(1_000);
    expect(breaker('scan').snapshot().lastTrip).toMatchObject({ trigger: 'connection', errorType: 'ECONNREFUSED' });
    await server.restart();
    expect(await recovery(() => redis.scan(0))).toBeLessThan(3_000);
  });

  it('a call that was told it failed is not carried out after the restart', async () => {
    const redis = connect();
    await warmUp(redis);
    await server.kill();
    await expect.poll(() => redis.status).not.toBe('ready');
    const outcomes = await Promise.all([
      timed(() => redis.incr('counter')),
      timed(() => redis.pipeline().incr('counter').incr('counter').exec()),
      timed(() => redis.multi().incr('counter').exec()),
    ]);
    for (const { code, ms } of outcomes) {
      expect(code).toBe('EBREAKEROPEN');
      expect(ms).toBeLessThan(1_000);
    }
    await server.restart();
    await recovery(() => redis.get('counter'));
    expect(await redis.get('counter')).toBeNull();
    expect(breaker('write').inFlight).toBe(0);
  });

  it('a transaction sent in parts is never torn apart by it', async () => {
    const redis = connect();
    await warmUp(redis);
    await server.kill();
    await expect.poll(() => redis.status).not.toBe('ready');
    const parts = [redis.multi({ pipeline: false }), redis.set('torn', 1), redis.exec()].map((part) => timed(() => part));
    await expect.poll(() => breaker('write').state).toBe('open');
    await server.restart();
    expect((await Promise.all(parts)).map(({ value, code }) => code ?? value)).toEqual(['OK', 'QUEUED', [[null, 'OK']]]);
  });

  it('is of use at once to a client that connects when it is back, and refused at once while it is not', async () => {
    const old = connect({ retryStrategy: () => 60_000 });
    await warmUp(old);
    for (let outage = 1; ; outage += 1) {
      await server.kill();
      const lasting = connect({ retryStrategy: () => 20 });
      await expect.poll(async () => (await timed(() => lasting.get('a'))).code, { timeout: 10_000 }).toBe('EBREAKEROPEN');
      const { code, ms } = await timed(() => connect({ retryStrategy: () => null }).get('a'));
      expect(code).toBe('EBREAKEROPEN');
      expect(ms).toBeLessThan(1_000);
      expect(breaker('read').state).toBe('open');
      // It would be the first to find the server back.
      lasting.disconnect();
      await server.restart();
      if (breaker('read').state === 'open') break;
      // Found to be back by who asks every now and then, before anybody has connected: probes come first then.
      expect(outage).toBeLessThan(10);
      const between = connect();
      await expect.poll(() => between.get('a').then(() => breaker('read').state), { timeout: 10_000 }).toBe('closed');
      await expect.poll(() => between.set('a', 1).then(() => breaker('write').state), { timeout: 10_000 }).toBe('closed');
      between.disconnect();
    }
    const fresh = connect();
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, () => timed(() => fresh.get('a'))),
      timed(() => fresh.pipeline().get('a').exec()),
      timed(() => fresh.multi().set('a', 1).exec()),
    ]);
    expect(answers.map(({ code: each }) => each).filter((each) => each !== undefined)).toEqual([]);
    expect([breaker('read').state, breaker('write').state]).toEqual(['closed', 'closed']);
    expect(breaker('read').inFlight).toBe(0);
  });

  it('of two servers leaves the other alone', async () => {
    await using other = await startRedis();
    const redis = connect();
    const second = connect({ port: other.port });
    await Promise.all([warmUp(redis), warmUp(second)]);
    await server.kill();
    await timed(() => redis.get('a'));
    expect((await timed(() => redis.get('a'))).code).toBe('EBREAKEROPEN');
    for (let call = 0; call < 20; call += 1) expect((await timed(() => second.get('a'))).code).toBeUndefined();
  });
});

describe('a frozen Redis', () => {
  it('fails fast at low traffic, one call at a time, and comes back by itself', async () => {
    const redis = connect();
    await warmUp(redis);
    server.freeze();
    const first = await timed(() => redis.get('a'));
    expect(first.code).toBe('ECALLTIMEOUT');
    expect(first.ms).toBeLessThan(2_000);
    const later = [];
    for (let call = 0; call < 40; call += 1) {
      later.push(await timed(() => (call % 2 === 0 ? redis.get('a') : redis.pipeline().set('a', 1).exec())));
      await sleep(100);
    }
    expect(later.every(({ code }) => code === 'EBREAKEROPEN' || code === 'ECALLTIMEOUT')).toBe(true);
    // Probes of half-open phases do not hang.
    expect(Math.max(...later.map(({ ms }) => ms))).toBeLessThan(1_500);
    expect(later.filter(({ ms }) => ms > 300).length).toBeLessThan(5);

    server.thaw();
    expect(await recovery(() => redis.get('a'))).toBeLessThan(3_000);
    expect(await redis.set('b', 2)).toBe('OK');
    expect(await redis.get('b')).toBe('2');
    expect(breaker('read').inFlight).toBe(0);
  });

  it('fails fast under load', async () => {
    const redis = connect();
    await warmUp(redis);
    server.freeze();
    const frozen = performance.now();
    const answers: (Answer & { at: number })[] = [];
    const pending: Promise<unknown>[] = [];
    while (performance.now() - frozen < 3_000) {
      const at = performance.now() - frozen;
      for (let call = 0; call < 5; call += 1) pending.push(timed(() => redis.get('a')).then((answer) => answers.push({ ...answer, at })));
      await sleep(20);
    }
    server.thaw();
    await Promise.all(pending);
    const slow = answers.filter(({ at, ms }) => at > 2_000 && ms > 1_200);
    expect(slow).toEqual([]);
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(2_500);
  });

  it('is recognised by a client that is connecting to it', async () => {
    const old = connect();
    await warmUp(old);
    server.freeze();
    const fresh = connect();
    const { code, ms } = await timed(() => fresh.get('a'));
    expect(code).toBe('EBREAKEROPEN');
    expect(ms).toBeLessThan(2_500);
    server.thaw();
    await recovery(() => fresh.get('a'));
  });
});

describe('a healthy Redis', () => {
  it('that works on something for a second or three: what it works on is let finish', async () => {
    const redis = connect();
    const other = connect();
    await Promise.all([warmUp(redis), warmUp(other)]);
    const busy = 'local t = redis.call("TIME")[1] repeat until redis.call("TIME")[1] - t > 2 return "done"';
    expect(await redis.eval(busy, 0)).toBe('done');
    await recovery(() => other.get('a'));
  });

  it('whose answers to some take long, with blocking commands, is not suspected', async () => {
    const redis = connect();
    const workers = Array.from({ length: 15 }, () => connect());
    await Promise.all(workers.map((worker) => worker.ping()));
    const waiting = workers.map((worker) => timed(() => worker.blpop('nothing', 3)));
    for (let call = 0; call < 30; call += 1) {
      expect((await timed(() => redis.get('a'))).code).toBeUndefined();
      await sleep(100);
    }
    for (const { value, code } of await Promise.all(waiting)) expect([value, code]).toEqual([null, undefined]);
    for (const each of registry.list()) expect(each.snapshot()).toMatchObject({ state: 'closed', rejections: {} });
  });
});

describe('a Redis that is not there yet', () => {
  it('is waited for by a client that has just been made, as without us', async () => {
    const port = await freePort();
    const redis = connect({ port });
    const early = timed(() => redis.set('a', 1));
    await sleep(500);
    await using late = await startRedis({ port });
    expect(late.port).toBe(port);
    expect(await early).toMatchObject({ value: 'OK' });
    expect(registry.list().map(({ state }) => state)).toEqual(['closed']);
  });

  it('fails fast all the same when it does not come', async () => {
    const redis = connect({ port: await freePort() });
    const { code, ms } = await timed(() => redis.get('a'));
    expect(code).toBe('EBREAKEROPEN');
    expect(ms).toBeLessThan(2_500);
    expect((await timed(() => redis.get('a'))).ms).toBeLessThan(1_000);
    for (const each of registry.list()) expect(each.snapshot().lastTrip?.errorType).toBe('ECONNREFUSED');
  });
});

describe('a stand-in for Redis, as tests and proxies are', () => {
  it('is asked in the form that clients use, and an answer of any kind acquits it', async () => {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const standIn = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      socket.on('data', (data) => {
        asked.push(data.toString());
        if (!/\bget\b/.test(data.toString())) socket.write('-ERR what?\r\n'.repeat(data.toString().split('*').length - 1));
      });
    });
    await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve));
    const redis = connect({ port: (standIn.address() as AddressInfo).port, enableReadyCheck: false });
    const hanging = timed(() => redis.get('a'));
    await expect.poll(() => asked.filter((text) => /ping/i.test(text)), { timeout: 5_000 }).toEqual(['*1\r\n$4\r\nPING\r\n']);
    await sleep(50);
    expect(registry.list().map(({ state }) => state)).toEqual(['closed']);
    redis.disconnect();
    expect((await hanging).code).toBe('Connection is closed.');
    for (const socket of sockets) socket.destroy();
    standIn.close();
  });
});

describe('a server that was away for an instant', () => {
  it('refuses none of the calls of a client that connects when it is back, before anybody has asked', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      socket.on('data', (data) => void socket.write('+OK\r\n'.repeat(data.toString().split('*').length - 1)));
    });
    const listen = (port = 0) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const close = async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    };
    await listen();
    const { port } = server.address() as AddressInfo;
    const old = connect({ port, retryStrategy: () => 1 });
    await Promise.all([old.get('a'), old.set('a', 1)]);
    await close();
    await expect.poll(() => registry.list().map(({ state }) => state), { interval: 1 }).toEqual(['open', 'open']);
    old.disconnect();
    await listen(port);
    const fresh = connect({ port });
    const calls = [...Array.from({ length: 10 }, () => fresh.get('a')), fresh.set('a', 1), fresh.pipeline().get('a').exec()];
    expect((await Promise.all(calls.map((call) => timed(() => call as Promise<unknown>)))).filter(({ code }) => code !== undefined)).toEqual([]);
    expect(registry.list().map((each) => [each.state, each.inFlight, each.snapshot().rejections])).toEqual([
      ['closed', 0, {}],
      ['closed', 0, {}],
    ]);
    fresh.disconnect();
    await close();
  });
});

describe('in shadow mode', () => {
  it('an outage is seen, and changes nothing for the caller', async () => {
    registry.configure((_name, _target, lowest) => ({ options: { ...lowest, mode: 'shadow' } }));
    const redis = connect({ maxRetriesPerRequest: 5 });
    await warmUp(redis);
    await server.kill();
    const { code } = await timed(() => redis.get('a'));
    expect(code).toMatch(/max retries/);
    expect(breaker('read').snapshot()).toMatchObject({ state: 'shadow', circuit: 'open' });
    expect((await timed(() => redis.get('a'))).code).toMatch(/max retries/);
    expect(breaker('read').snapshot().shadowRejections).toEqual({ open: 1 });
  });
});

describe('the client’s own event semantics', () => {
  it('gains no listeners', async () => {
    const redis = connect();
    await warmUp(redis);
    instrumentation.disable();
    const bare = new Redis(server.port, '127.0.0.1');
    clients.push(bare);
    await bare.ping();
    bare.on('error', () => {});
    const counts = (client: Redis) => Object.fromEntries(client.eventNames().map((event) => [event, client.listenerCount(event)]));
    expect(counts(redis)).toEqual(counts(bare));
  });
});

describe('a client that is just connecting', () => {
  it('keeps its calls when another one’s attempt is refused: its own may succeed', async () => {
    const late = await startRedis();
    const stale = new Redis(late.port, '127.0.0.1');
    stale.on('error', () => {});
    try {
      await stale.get('a');
      const fresh = new Redis(late.port, '127.0.0.1');
      const answers = Promise.all([fresh.get('a'), fresh.pipeline().get('a').set('b', 1).exec()]);
      // News from before: the attempt had been made while nobody listened.
      const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });
      (stale as unknown as { silentEmit(event: string, error: Error): void }).silentEmit('error', refused);
      expect(registry.get(`redis://127.0.0.1:${late.port} read`).state).toBe('open');
      expect(await answers).toEqual([
        null,
        [
          [null, null],
          [null, 'OK'],
        ],
      ]);
      expect(registry.list().every(({ inFlight }) => inFlight === 0)).toBe(true);
      fresh.disconnect();
    } finally {
      stale.disconnect();
      await late.stop();
    }
  });
});
