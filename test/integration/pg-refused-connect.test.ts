import { createRequire } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { PgBreakerInstrumentation } from '../../instrumentations/pg/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { freePort } from '../support/servers/free-port.ts';

// A refused `Client.connect` beside one that fails by itself: programs that make a new client when the old one has ended go on.

let registry: Registry;
const instrumentation = new PgBreakerInstrumentation({ registry: createRegistry() });
const require = createRequire(import.meta.url);
type Pg = typeof import('pg');
const port = await freePort();

beforeEach(() => {
  registry = createRegistry();
  instrumentation.setConfig({ registry });
});
afterAll(() => instrumentation.disable());

type Client = InstanceType<Pg['Client']>;
const ways: Record<string, (client: Client) => Promise<unknown>> = {
  promise: (client) => client.connect(),
  callback: (client) => new Promise((resolve, reject) => void client.connect((error: unknown) => (error ? reject(error) : resolve(undefined)))),
};

/** All that a program sees of an attempt; errors by their code, where they have one, because that is what must differ. */
async function seen(pg: Pg, connect: (client: Client) => Promise<unknown>) {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'nobody', database: 'shop' });
  const events: string[] = [];
  const ended = new Promise<void>((resolve) =>
    client.once('end', () => {
      events.push('end');
      resolve();
    }),
  );
  client.on('error', () => events.push('error'));
  let queued: unknown;
  client.query('CALL early()', (error: unknown) => {
    queued = error;
  });
  const failure = await connect(client).then(
    () => 'connected',
    (error: { code?: string }) => error.code,
  );
  events.push('failed');
  await ended;
  await turn();
  const again = await client.connect().catch(({ message }: Error) => message);
  const own = Object.getOwnPropertyNames((client as unknown as { connection: { stream: object } }).connection.stream).includes('connect');
  return { failure, events: events.toSorted(), queued: (queued as Error | undefined)?.message, again, own };
}

describe.each([
  ['pg 8.0.3', 'pg-oldest'],
  ['the newest pg', 'pg'],
])('%s', (_, folder) => {
  const pg = require(folder) as Pg;

  it.each(Object.entries(ways))('refused, it is to its client as an attempt that failed: %s', async (_way, connect) => {
    instrumentation.disable();
    const bare = await seen(pg, connect);
    instrumentation.enable();
    registry.get(`postgresql://127.0.0.1:${port}/shop connect`, { server: `postgresql://127.0.0.1:${port}` }).forceOpen('test');
    const refused = await seen(pg, connect);
    expect(bare.failure).toBe('ECONNREFUSED');
    expect(refused).toEqual({ ...bare, failure: 'EBREAKEROPEN' });
    expect(bare.events).toEqual(['end', 'failed']);
  });
});
