import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import type { BreakerOptions, Mode } from '../../src/core/options.ts';
import { policyMetersOf } from '../../src/policies/compose.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// PUBLISH may be sent before the client is ready. When that connection closes, ioredis forgets what was sent over it.

let redis: ServerHandle;
let front: Server;
let instrumentation: IORedisBreakerInstrumentation;
let client: Redis;
const sockets = new Set<Socket>();

beforeEach(async () => {
  redis = await startRedis();
  let connections = 0;
  // The first connection is cut when PUBLISH has come; nothing is answered on it, so that the client is never ready.
  front = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    connections += 1;
    if (connections > 1) return void socket.destroy();
    let seen = '';
    socket.on('data', (data) => {
      seen += data.toString('latin1').toLowerCase();
      if (seen.includes('publish')) socket.destroy();
    });
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  client.disconnect();
  instrumentation.disable();
  for (const socket of sockets) socket.destroy();
  front.close();
  await redis.stop();
});

let registry: Registry;
function guarded(options: BreakerOptions): Registry {
  registry = createRegistry({ resolve: () => ({ options }) });
  instrumentation = new IORedisBreakerInstrumentation({ registry });
  return registry;
}
const inFlight = () => registry.list().reduce((sum, breaker) => sum + breaker.inFlight, 0);
const places = () => registry.list().reduce((sum, breaker) => sum + (policyMetersOf(breaker)?.bulkhead?.active ?? 0), 0);

async function forgotten(mode: Mode) {
  guarded({ mode, bulkhead: { limit: 5 } });
  client = new Redis({ port: (front.address() as AddressInfo).port, host: '127.0.0.1', maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  await new Promise((resolve) => client.once('connect', resolve));
  let outcome = 'pending';
  client.publish('channel', 'message').then(
    () => {
      outcome = 'published';
    },
    (error: { code?: string }) => {
      outcome = String(error.code);
    },
  );
  expect(inFlight()).toBe(1);
  expect(places()).toBe(1);
  await expect.poll(inFlight, { timeout: 5_000 }).toBe(0);
  expect(places()).toBe(0);
  await sleep(50);
  return outcome;
}

it('a call that ioredis forgets is answered, and its permit comes back', async () => {
  expect(await forgotten('enforce')).toBe('ECALLTIMEOUT');
});

it('in shadow mode its permit comes back, and its caller waits as he would without us', async () => {
  expect(await forgotten('shadow')).toBe('pending');
});

const modes: [Mode][] = [['enforce'], ['shadow']];
/** What cannot be made a text is found out by the command's constructor, anything else when it is written. */
const unwritable: [string, () => Command][] = [
  ['constructed', () => new Command('set', ['x', Object.create(null)])],
  ['written', () => Object.assign(new Command('set', ['x', '1']), { toWritable: () => (null as unknown as string).length })],
];

describe.each(modes)('a command that cannot be written, in mode %s', (mode) => {
  const send = (command: Command) => {
    command.promise.catch(() => undefined);
    return client.sendCommand(command);
  };

  it.each(unwritable)('throws to its caller as it would without us, and holds neither permit nor place, when it is %s', async (when, command) => {
    // Policies send a copy, which can be written.
    guarded({ mode, ...((mode === 'shadow' || when === 'constructed') && { bulkhead: { limit: 1 } }), timeoutMs: 200 });
    client = new Redis(redis.port, '127.0.0.1');
    await client.set('x', '1');
    for (let times = 0; times < 3; times += 1) expect(() => send(command())).toThrow(TypeError);
    expect([inFlight(), places()]).toEqual([0, 0]);
    await sleep(300);
    expect(registry.list().every((breaker) => breaker.snapshot().calls.failure === 0)).toBe(true);
    expect(await client.get('x')).toBe('1');
  });

  it('takes its pipeline with it, whose permit and place come back', async () => {
    guarded({ mode, bulkhead: { limit: 1 } });
    client = new Redis(redis.port, '127.0.0.1');
    await client.set('x', '1');
    for (let times = 0; times < 2; times += 1) expect(() => client.pipeline().set('x', Object.create(null)).exec()).toThrow(TypeError);
    expect([inFlight(), places()]).toEqual([0, 0]);
  });
});

describe('a client that is closed while it waits to connect again', () => {
  async function closed(options: BreakerOptions) {
    guarded(options);
    const { port } = front.address() as AddressInfo;
    front.close();
    client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 60_000 });
    client.on('error', () => undefined);
    const outcomes: string[] = [];
    const note = (promise: Promise<unknown>) => {
      promise.then(
        () => outcomes.push('answered'),
        (error: Error) => outcomes.push(error.message),
      );
    };
    note(client.get('a'));
    note(client.set('a', '1'));
    note(client.pipeline().get('a').exec());
    await expect.poll(() => client.status).toBe('reconnecting');
    expect(outcomes).toEqual([]);
    expect([inFlight() > 0, places() > 0]).toEqual([true, options.bulkhead !== undefined]);
    client.disconnect();
    await sleep(20);
    note(client.get('a'));
    note(client.pipeline().get('a').exec());
    await sleep(20);
    expect([inFlight(), places()]).toEqual([0, 0]);
    return outcomes;
  }

  it.each<BreakerOptions>([{ mode: 'enforce' }, { mode: 'shadow', bulkhead: { limit: 5 } }])(
    'answers nobody, as it would without us, and permits and places come back: %j',
    async (options) => {
      expect(await closed(options)).toEqual([]);
      expect(registry.list().every((breaker) => breaker.snapshot().calls.failure === 0)).toBe(true);
    },
  );

  it('tells attempts of policies, which hold places', async () => {
    const said = 'Connection is closed.';
    expect(await closed({ mode: 'enforce', bulkhead: { limit: 5 } })).toEqual([said, said, said]);
  });

  it('carries out what it keeps and is given when it is made to connect after all', async () => {
    guarded({ mode: 'enforce' });
    client = new Redis(redis.port, '127.0.0.1', { retryStrategy: () => 60_000 });
    await client.set('before', '1');
    client.disconnect(true);
    await expect.poll(() => client.status).toBe('reconnecting');
    const kept = client.set('kept', '1');
    client.disconnect();
    const given = [client.set('given', '1'), client.pipeline().get('kept').exec()];
    await sleep(20);
    expect(inFlight()).toBe(0);
    await client.connect();
    expect(await Promise.all([kept, ...given])).toEqual(['OK', 'OK', [[null, '1']]]);
    expect(await client.mget('before', 'kept', 'given')).toEqual(['1', '1', '1']);
    expect(inFlight()).toBe(0);
  });
});
