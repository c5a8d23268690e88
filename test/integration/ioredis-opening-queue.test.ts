import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IORedisBreakerInstrumentation } from '../../instrumentations/ioredis/index.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { BreakerOptions, Mode } from '../../src/core/options.ts';
import { type QueueSlot, setPolicyPorts } from '../../src/policies/ports.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';

// What is given to a client keeps its order, also what begins a transaction or selects another database: while the queue of writes is being opened,
// and behind the writes that it holds.

let server: ServerHandle;
let instrumentation: IORedisBreakerInstrumentation | undefined;
let client: Redis;
const faults: unknown[] = [];

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  setFaultReporter((fault) => void faults.push(fault));
});
afterEach(async () => {
  instrumentation?.disable();
  setPolicyPorts({});
  await client.flushall();
  client.disconnect();
  setFaultReporter(undefined);
  expect(faults.splice(0)).toEqual([]);
});

function connect(options: BreakerOptions): void {
  instrumentation = new IORedisBreakerInstrumentation({ registry: createRegistry({ defaults: options }) });
  client = new Redis(server.port, '127.0.0.1');
}

/** What uses a queue's slot, of a queue that says of every key whether writes of it wait. */
function withQueue(mode: Mode, isOpen: boolean) {
  let opens = (): void => undefined;
  let isWaiting = true;
  const queue = {
    get depth() {
      return isWaiting ? 1 : 0;
    },
    has: () => isWaiting,
    handle: () => ({ [Symbol.dispose]: () => undefined }),
    resume: () => undefined,
    begin: () => undefined,
    passed: () => undefined,
    isFullFor: () => false,
  };
  const opened = isOpen
    ? Promise.resolve()
    : new Promise<void>((resolve) => {
        opens = resolve;
      });
  const slot = { queue: isOpen ? queue : undefined, opened, settled: isOpen, onOpen: () => undefined };
  setPolicyPorts({ mayQueue: true, queue: () => slot as unknown as QueueSlot });
  connect({ mode, fallback: { queue: { path: 'nowhere' } } });
  return {
    open: () => {
      slot.settled = true;
      opens();
    },
    made: () => {
      isWaiting = false;
    },
  };
}

/** Each leaves its letter in `log`. */
function given() {
  const answered: string[] = [];
  const note = (what: string, call: Promise<unknown>): Promise<unknown> => call.finally(() => answered.push(what));
  const calls = Promise.all([
    note('a', client.append('log', 'a')),
    note('multi', client.multi({ pipeline: false })),
    note('b', client.append('log', 'b')),
    note('exec', client.exec()),
    note('c', client.append('log', 'c')),
    note('pipeline', client.pipeline().append('log', 'd').exec()),
    note('multi pipeline', client.multi().append('log', 'e').exec()),
    note('select', client.select(2)),
    note('elsewhere', client.set('log', 'elsewhere')),
    note('back', client.select(0)),
    note('f', client.append('log', 'f')),
  ]);
  return { calls, answered };
}
const answers = [1, 'OK', 'QUEUED', [[null, 2]], 3, [[null, 4]], [[null, 5]], 'OK', 'OK', 'OK', 6];

describe.each([['not ready'], ['ready']])('while the queue is being opened, a client that is %s', (when) => {
  const asked = async (): Promise<void> => {
    if (when === 'ready') await new Promise((resolve) => client.once('ready', resolve));
  };

  it('keeps nothing waiting in shadow mode', async () => {
    withQueue('shadow', false);
    await asked();
    expect(await given().calls).toEqual(answers);
    expect(await client.get('log')).toBe('abcdef');
  });

  it('keeps all of it waiting in its order in enforce mode', async () => {
    const { open } = withQueue('enforce', false);
    await asked();
    const { calls, answered } = given();
    // The client's own commands are not kept back.
    await expect.poll(() => client.status).toBe('ready');
    await sleep(50);
    expect(answered).toEqual([]);
    open();
    // It has waited: what comes now may not overtake it.
    const last = client.append('log', 'g');
    expect(await calls).toEqual(answers);
    expect(await last).toBe(7);
    expect(await client.get('log')).toBe('abcdefg');
  });
});

describe.each<[Mode]>([['enforce'], ['shadow']])('a command behind queued writes, in mode %s', (mode) => {
  it('goes to the database that it was meant for', async () => {
    const { made } = withQueue(mode, true);
    await new Promise((resolve) => client.once('ready', resolve));
    const waits = [client.incr('n'), client.pipeline().incr('n').exec()];
    await client.select(2);
    made();
    expect(await Promise.all(waits)).toEqual([1, [[null, 2]]]);
    expect(await client.get('n')).toBeNull();
    await client.select(0);
    expect(await client.get('n')).toBe('2');
  });

  it('becomes no part of a transaction', async () => {
    const { made } = withQueue(mode, true);
    await new Promise((resolve) => client.once('ready', resolve));
    const waits = [client.incr('n'), client.pipeline().incr('n').exec()];
    await client.multi({ pipeline: false });
    made();
    expect(await client.set('t', '1')).toBe('QUEUED');
    await sleep(60);
    expect(await client.exec()).toEqual([[null, 'OK']]);
    expect(await Promise.all(waits)).toEqual([1, [[null, 2]]]);
  });
});

it.each<[string, BreakerOptions]>([
  ['bulkhead', { bulkhead: { limit: 1, queue: 100 } }],
  ['rate', { rateLimit: { limit: 3, intervalMs: 60_000 } }],
])('a transaction that is given while its client connects stays in one piece, whatever a %s says', async (_what, options) => {
  connect(options);
  const parts = ['t', 'u', 'v', 'w'];
  const [, ...answered] = await Promise.all([client.multi({ pipeline: false }), ...parts.map((key) => client.set(key, '1')), client.exec()]);
  expect(answered).toEqual([...parts.map(() => 'QUEUED'), parts.map(() => [null, 'OK'])]);
});
