import { describe, expect, it } from 'vitest';
import type { ClientState } from '../../../instrumentations/ioredis/client-state.ts';
import { turnBehind } from '../../../instrumentations/ioredis/turn.ts';
import type { RedisLike } from '../../../instrumentations/ioredis/types.ts';
import { WriteQueue } from '../../../instrumentations/ioredis/write-queue.ts';
import { createBreaker } from '../../../src/breaker/create-breaker.ts';
import { BreakerOpenError } from '../../../src/core/errors.ts';
import { ManualClock } from '../../../src/testing.ts';

const clientThat = (status: string): RedisLike => ({ status, options: {} }) as RedisLike;
const stateOf = (refusing: boolean): ClientState => ({ isCluster: true, lastGroup: { refusing } }) as unknown as ClientState;
const writes = { wait: () => new Promise(() => {}) } as unknown as WriteQueue;

function open() {
  const breaker = createBreaker({ name: 'redis read' }, { clock: new ManualClock() });
  breaker.forceOpen();
  return breaker;
}

/** Waits as a queue of a server does. */
const looking = (clock: ManualClock): WriteQueue =>
  new WriteQueue({ queue: undefined, opened: Promise.resolve(), settled: true, onOpen: () => undefined }, 'realm', clock);

function watching() {
  const clock = new ManualClock();
  return { clock, breaker: createBreaker({ name: 'redis write', mode: 'shadow' }, { clock }) };
}

describe('a command on a key with queued writes', () => {
  it('is left to its own open circuit', () => {
    expect(turnBehind(writes, clientThat('ready'), stateOf(true), open(), () => true)).toBeUndefined();
    expect(turnBehind(writes, clientThat('connecting'), stateOf(false), open(), () => true)).toBeUndefined();
  });

  it('is refused where that circuit would let it wait for a connection in the making: it would come before the queued writes', async () => {
    expect(await turnBehind(writes, clientThat('connecting'), stateOf(true), open(), () => true)).toBeInstanceOf(BreakerOpenError);
    expect(turnBehind(writes, clientThat('connecting'), stateOf(true), open(), () => false)).toBeUndefined();
  });

  it('goes on in any case where nothing is refused, and waits only while the writes are being made', async () => {
    const { breaker, clock } = watching();
    expect(turnBehind(looking(clock), clientThat('reconnecting'), stateOf(true), breaker, () => true)).toBeUndefined();
    const client = { status: 'ready', options: {} };
    const turn = turnBehind(looking(clock), client as RedisLike, stateOf(false), breaker, () => true);
    client.status = 'close';
    clock.advance(20);
    expect(await turn).toBeUndefined();
    const late = turnBehind(looking(clock), clientThat('ready'), stateOf(false), breaker, () => true);
    clock.advance(20_000);
    expect(await late).toBeUndefined();
  });
});
