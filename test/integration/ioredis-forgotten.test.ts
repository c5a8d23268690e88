import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import type { Mode } from '../../src/core/options.ts';
import { Registry } from '../../src/registry/registry.ts';
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

async function forgotten(mode: Mode) {
  const registry = new Registry({ resolve: () => ({ options: { mode } }) });
  instrumentation = new IORedisBreakerInstrumentation({ registry });
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
  const inFlight = () => registry.list().reduce((sum, breaker) => sum + breaker.inFlight, 0);
  expect(inFlight()).toBe(1);
  await expect.poll(inFlight, { timeout: 5_000 }).toBe(0);
  await sleep(50);
  return outcome;
}

it('a call that ioredis forgets is answered, and its permit comes back', async () => {
  expect(await forgotten('enforce')).toBe('ECALLTIMEOUT');
});

it('in shadow mode its permit comes back, and its caller waits as he would without us', async () => {
  expect(await forgotten('shadow')).toBe('pending');
});
