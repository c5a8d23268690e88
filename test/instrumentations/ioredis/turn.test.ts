import { describe, expect, it } from 'vitest';
import type { ClientState } from '../../../instrumentations/ioredis/client-state.ts';
import { turnBehind } from '../../../instrumentations/ioredis/turn.ts';
import type { RedisLike } from '../../../instrumentations/ioredis/types.ts';
import { WriteQueue } from '../../../instrumentations/ioredis/write-queue.ts';
import { createBreaker } from '../../../src/breaker/create-breaker.ts';
import { BreakerOpenError } from '../../../src/core/errors.ts';
import type { QueueSlot } from '../../../src/policies/ports.ts';
import { ManualClock } from '../../../src/testing.ts';

const clientThat = (status: string): RedisLike => ({ status, options: {} }) as RedisLike;
const stateOf = (refusing: boolean): ClientState => ({ isCluster: true, lastGroup: { refusing } }) as unknown as ClientState;
const keys = ['realm 0 key'];
const queuedOrNot = (isQueued: boolean): WriteQueue =>
  ({ isQueued: () => isQueued, holdsUp: () => isQueued, line: { wait: () => new Promise(() => {}) } }) as unknown as WriteQueue;
const writes = queuedOrNot(true);

function open() {
  const breaker = createBreaker({ name: 'redis read' }, { clock: new ManualClock() });
  breaker.forceOpen();
  return breaker;
}

/** Waits as a queue of a server does. */
function looking(clock: ManualClock): WriteQueue {
  const queue = { depth: 1, has: () => true };
  return new WriteQueue({ queue, opened: Promise.resolve(), settled: true, onOpen: () => undefined } as unknown as QueueSlot, 'realm', clock);
}

function watching() {
  const clock = new ManualClock();
  return { clock, breaker: createBreaker({ name: 'redis write', mode: 'shadow' }, { clock }) };
}

const afterwards = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a command on a key with queued writes', () => {
  it('is left to its own open circuit', () => {
    expect(turnBehind(writes, clientThat('ready'), stateOf(true), open(), keys)).toBeUndefined();
    expect(turnBehind(writes, clientThat('connecting'), stateOf(false), open(), keys)).toBeUndefined();
  });

  it('is refused where that circuit would let it wait for a connection in the making: it would come before the queued writes', async () => {
    expect(await turnBehind(writes, clientThat('connecting'), stateOf(true), open(), keys)).toBeInstanceOf(BreakerOpenError);
    expect(turnBehind(queuedOrNot(false), clientThat('connecting'), stateOf(true), open(), keys)).toBeUndefined();
  });

  it('goes on in any case where nothing is refused, and waits only while the writes are being made', async () => {
    const { breaker, clock } = watching();
    expect(turnBehind(looking(clock), clientThat('reconnecting'), stateOf(true), breaker, keys)).toBeUndefined();
    const client = { status: 'ready', options: {} };
    const turn = turnBehind(looking(clock), client as RedisLike, stateOf(false), breaker, keys);
    client.status = 'close';
    clock.advance(20);
    expect(await turn).toBeUndefined();
    const late = turnBehind(looking(clock), clientThat('ready'), stateOf(false), breaker, keys);
    clock.advance(20_000);
    expect(await late).toBeUndefined();
  });

  it('goes on to wait in the queue itself, where it can, as soon as nobody before it in the line shares its keys', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker({ name: 'redis write' }, { clock });
    const queue = looking(clock);
    const client = clientThat('ready');
    const state = { isCluster: true, inTransaction: false, lastGroup: { refusing: false } } as unknown as ClientState;
    const went: string[] = [];
    let isFree = false;
    void queue.line.wait(keys, () => isFree).then(() => went.push('first'));
    void turnBehind(queue, client, state, breaker, keys, true)?.then(() => went.push('second'));
    void turnBehind(queue, client, state, breaker, ['realm 0 other'])?.then(() => went.push('behind the queue'));
    clock.advance(20);
    await afterwards();
    expect(went).toEqual([]);
    isFree = true;
    clock.advance(20);
    await afterwards();
    expect(went).toEqual(['first', 'second']);
  });

  it('joins no transaction that is begun while it waits', async () => {
    const clock = new ManualClock();
    const breaker = createBreaker({ name: 'redis write' }, { clock });
    let isQueued = true;
    const queue = { depth: 1, has: () => isQueued };
    const slot = { queue, opened: Promise.resolve(), settled: true, onOpen: () => undefined } as unknown as QueueSlot;
    const state = { isCluster: true, inTransaction: false, lastGroup: { refusing: false } } as unknown as ClientState;
    let went = false;
    void turnBehind(new WriteQueue(slot, 'realm', clock), clientThat('ready'), state, breaker, keys)?.then(() => {
      went = true;
    });
    state.inTransaction = true;
    isQueued = false;
    clock.advance(100);
    await afterwards();
    expect(went).toBe(false);
    state.inTransaction = false;
    clock.advance(20);
    await afterwards();
    expect(went).toBe(true);
  });
});
