import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Bulkhead } from '../../src/policies/bulkhead.ts';
import { type Policies, policiesOf } from '../../src/policies/compose.ts';
import { degradedModeOf } from '../../src/policies/degraded.ts';
import { gateRefusal } from '../../src/policies/gate.ts';
import { takePlace } from '../../src/policies/limits.ts';
import { isRead } from '../../src/policies/policy-call.ts';
import { watchLimits } from '../../src/policies/watching.ts';
import type { ClientState } from './client-state.ts';
import { selectedBy } from './queue-replay.ts';
import { turnBehind } from './turn.ts';
import type { PipelineLike } from './types.ts';

/** A refusal, or the place that a batch holds until it has ended; `undefined`: it holds none. */
export type Entry = Error | Bulkhead | undefined;

/**
 * Pipelines and transactions: one call for the limits, behind queued writes of any of their keys. They are neither repeated nor
 * answered by anything else: what has been carried out of them, nobody can tell.
 */
export function enterBatch(breaker: Breaker, state: ClientState, pipeline: PipelineLike, operation: string): Entry | Promise<Entry> {
  const policies = policiesOf(breaker);
  const turn = state.writes === undefined ? undefined : inTurn(breaker, state, pipeline);
  if (turn === undefined) return policies && passLimits(breaker, policies, operation);
  return turn.then((refusal) => refusal ?? (policies && passLimits(breaker, policies, operation)));
}

function passLimits(breaker: Breaker, policies: Policies, operation: string): Entry | Promise<Entry> {
  const reads = operation === 'admin' || isRead(operation);
  if (breaker.onlyWatches) return watchLimits(breaker, policies, reads);
  if (degradedModeOf(breaker) === 'bypass') return undefined;
  const refusal = gateRefusal(breaker, policies, reads);
  const { bulkhead } = policies;
  if (refusal !== undefined || bulkhead === undefined || bulkhead.take()) return refusal ?? bulkhead;
  return takePlace(breaker, bulkhead, undefined).then((full) => full ?? bulkhead);
}

/** As for single commands. */
function inTurn(breaker: Breaker, state: ClientState, pipeline: PipelineLike): Promise<Error | undefined> | undefined {
  const { writes } = state;
  if (writes === undefined) return undefined;
  const keys = writes.keysOf(pipeline._queue, selectedBy(pipeline.redis));
  return keys && turnBehind(writes, pipeline.redis, state, breaker, keys);
}
