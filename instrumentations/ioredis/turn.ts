import type { Breaker } from '../../src/breaker/breaker.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import type { ClientState } from './client-state.ts';
import { longestWaitMs, type WriteQueue } from './write-queue.ts';

/**
 * The turn of a command behind queued writes of its keys: `undefined` where it need not wait, because none are, or because its
 * own circuit refuses it anyway. While writes cannot be made it is refused as they would be: sent now, it would miss or
 * overtake them. Else it waits until they are made.
 * @param concerned whether writes of its keys are queued
 */
export function turnBehind(
  writes: WriteQueue,
  state: ClientState,
  breaker: Breaker,
  concerned: () => boolean,
): Promise<Error | undefined> | undefined {
  if (!concerned() || refuses(breaker)) return undefined;
  // A cluster's writes go to many nodes: none of them speaks for all.
  const making = state.isCluster ? undefined : state.lastGroup?.breaker('write');
  const away = (): Error | undefined => (making !== undefined && refuses(making) ? making.refusal() : undefined);
  const refusal = away();
  if (refusal !== undefined) return Promise.resolve(refusal);
  return writes
    .wait(() => !concerned() || refuses(breaker) || away() !== undefined)
    .then((inTime) => (inTime ? (concerned() && !refuses(breaker) ? away() : undefined) : new CallTimeoutError(breaker.name, longestWaitMs)));
}

function refuses({ state }: Breaker): boolean {
  return state === 'open' || state === 'forced_open';
}
