import { describe, expect, it } from 'vitest';
import type { ClientState } from '../../../instrumentations/ioredis/client-state.ts';
import { turnBehind } from '../../../instrumentations/ioredis/turn.ts';
import type { RedisLike } from '../../../instrumentations/ioredis/types.ts';
import type { WriteQueue } from '../../../instrumentations/ioredis/write-queue.ts';
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

describe('a command on a key with queued writes', () => {
  it('is left to its own open circuit', () => {
    expect(turnBehind(writes, clientThat('ready'), stateOf(true), open(), () => true)).toBeUndefined();
    expect(turnBehind(writes, clientThat('connecting'), stateOf(false), open(), () => true)).toBeUndefined();
  });

  it('is refused where that circuit would let it wait for a connection in the making: it would come before the queued writes', async () => {
    expect(await turnBehind(writes, clientThat('connecting'), stateOf(true), open(), () => true)).toBeInstanceOf(BreakerOpenError);
    expect(turnBehind(writes, clientThat('connecting'), stateOf(true), open(), () => false)).toBeUndefined();
  });
});
