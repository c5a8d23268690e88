import type { Breaker } from '../../src/breaker/breaker.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import type { ClientState } from './client-state.ts';
import { mayWait } from './release.ts';
import type { RedisLike } from './types.ts';
import { longestWaitMs, type WriteQueue } from './write-queue.ts';

/**
 * The turn of a command behind queued writes of its keys: `undefined` where it need not wait, because none are, or because its
 * own circuit refuses it anyway. While writes cannot be made it is refused as they would be: sent now, it would miss or
 * overtake them. Else it waits until they are made.
 * Where nothing is refused it waits only while they are being made, and goes on in any case.
 * @param concerned whether writes of its keys are queued
 */
export function turnBehind(
  writes: WriteQueue,
  client: RedisLike,
  state: ClientState,
  breaker: Breaker,
  concerned: () => boolean,
): Promise<Error | undefined> | undefined {
  // Its own circuit lets it wait for a connection that is being made: it would be the first to be sent.
  const jumps = (): boolean => state.lastGroup?.refusing === true && mayWait(client);
  const own = (): Error | undefined => (jumps() ? breaker.refusal() : undefined);
  if (!concerned()) return undefined;
  if (breaker.onlyWatches) return whileMade(writes, client, concerned);
  if (refuses(breaker)) return jumps() ? Promise.resolve(own()) : undefined;
  // A cluster's writes go to many nodes: none of them speaks for all.
  const making = state.isCluster ? undefined : state.lastGroup?.breaker('write');
  const away = (): Error | undefined => (making !== undefined && refuses(making) ? making.refusal() : undefined);
  const refusal = away();
  if (refusal !== undefined) return Promise.resolve(refusal);
  return writes
    .wait(() => !concerned() || refuses(breaker) || away() !== undefined)
    .then((inTime) => {
      if (!inTime) return new CallTimeoutError(breaker.name, longestWaitMs);
      if (!concerned()) return undefined;
      return refuses(breaker) ? own() : away();
    });
}

function whileMade(writes: WriteQueue, client: RedisLike, concerned: () => boolean): Promise<undefined> | undefined {
  const goesOn = (): boolean => client.status !== 'ready' || !concerned();
  return goesOn() ? undefined : writes.wait(goesOn).then(() => undefined);
}

function refuses({ state }: Breaker): boolean {
  return state === 'open' || state === 'forced_open';
}
