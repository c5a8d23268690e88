import type { Breaker } from '../../src/breaker/breaker.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import type { ClientState } from './client-state.ts';
import { mayWait } from './release.ts';
import type { RedisLike } from './types.ts';
import { type Keys, longestWaitMs } from './waiting-line.ts';
import type { WriteQueue } from './write-queue.ts';

/**
 * The turn of a command behind queued writes of its keys: `undefined` where it need not wait, because none are, or because its
 * own circuit refuses it anyway. While writes cannot be made it is refused as they would be: sent now, it would miss or
 * overtake them. Else it waits until they are made, and whoever waits for the same keys before it has gone on; and for the end
 * of a transaction that was begun on its connection meanwhile, of which it would become a part.
 * Where nothing is refused it waits only while they are being made, and goes on in any case.
 * @param keys what it touches
 * @param mayQueue whether it can wait in the queue itself, and has nobody but those before it in the line to wait for
 */
export function turnBehind(
  writes: WriteQueue,
  client: RedisLike,
  state: ClientState,
  breaker: Breaker,
  keys: Keys,
  mayQueue = false,
): Promise<Error | undefined> | undefined {
  // Its own circuit lets it wait for a connection that is being made: it would be the first to be sent.
  const jumps = (): boolean => state.lastGroup?.refusing === true && mayWait(client);
  const own = (): Error | undefined => (jumps() ? breaker.refusal() : undefined);
  const isBehind = (): boolean => !mayQueue && writes.isQueued(keys);
  const isFree = (): boolean => !isBehind() && !state.inTransaction;
  if (!writes.holdsUp(keys)) return undefined;
  if (breaker.onlyWatches) {
    const goesOn = (): boolean => client.status !== 'ready';
    return goesOn() ? undefined : writes.line.wait(keys, isFree, goesOn).then(() => undefined);
  }
  if (refuses(breaker)) return jumps() && !mayQueue ? Promise.resolve(own()) : undefined;
  // A cluster's writes go to many nodes: none of them speaks for all.
  const making = state.isCluster ? undefined : state.lastGroup?.breaker('write');
  const away = (): Error | undefined => (making !== undefined && refuses(making) ? making.refusal() : undefined);
  const refusal = away();
  if (refusal !== undefined) return mayQueue ? undefined : Promise.resolve(refusal);
  return writes.line
    .wait(keys, isFree, () => refuses(breaker) || away() !== undefined)
    .then((inTime) => {
      if (!inTime) return new CallTimeoutError(breaker.name, longestWaitMs);
      if (!isBehind()) return undefined;
      return refuses(breaker) ? own() : away();
    });
}

function refuses({ state }: Breaker): boolean {
  return state === 'open' || state === 'forced_open';
}
