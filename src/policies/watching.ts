import type { Breaker } from '../breaker/breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import type { Policies } from './compose.ts';
import { degradedModeOf } from './degraded.ts';
import { gateRefusal } from './gate.ts';

/**
 * What limits do to a call of a breaker that only watches: they count what they would have refused, at once, and the call goes
 * its own way. Led through the policies its answer would come a few turns later, after that of the next call on the same
 * connection, and callers can tell.
 * @param reads whether the call leaves what is stored as it is
 * @returns the place that it holds until it ends, to be given back by `leave()`; `undefined`: it holds none
 */
export function watchLimits(breaker: Breaker, policies: Policies, reads: boolean): Bulkhead | undefined {
  gateRefusal(breaker, policies, reads);
  const { bulkhead } = policies;
  if (bulkhead === undefined || degradedModeOf(breaker) === 'bypass') return undefined;
  if (!bulkhead.take()) {
    breaker.countRefusal('bulkhead_full', undefined);
    bulkhead.force();
  }
  return bulkhead;
}
