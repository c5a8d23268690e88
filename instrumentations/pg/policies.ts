import type { Breaker } from '../../src/breaker/breaker.ts';
import { isBreakerError } from '../../src/core/errors.ts';
import { isolated } from '../../src/core/isolated.ts';
import type { Bulkhead } from '../../src/policies/bulkhead.ts';
import { type Policies, policiesOf } from '../../src/policies/compose.ts';
import { gateRefusal } from '../../src/policies/gate.ts';
import { isRead } from '../../src/policies/policy-call.ts';
import { watchLimits } from '../../src/policies/watching.ts';
import type { Operation } from './operation.ts';
import type { PgCallback } from './types.ts';

/** The policies that a breaker's calls have. */
export function policiesFor(breaker: Breaker): Policies | undefined {
  const policies = policiesOf(breaker);
  if (policies?.options?.fallback?.queue !== undefined) warnOfQueue(breaker);
  return policies;
}

/**
 * What limits do to a statement of a breaker that only watches: it goes its own way, and may hold a place until it ends.
 * @param gated only read-only mode and the rate limit hold for it
 */
export function watch(policies: Policies, breaker: Breaker, gated: boolean): Bulkhead | undefined {
  if (!breaker.onlyWatches) return undefined;
  if (!gated) return watchLimits(breaker, policies, isRead(breaker.target.operation));
  refusalOf(policies, breaker);
  return undefined;
}

/** Whether a statement's answer is all there is to it: not so a LISTEN, or a COPY whose data flow at the pace of the application. */
export const maySettle = ({ operation, copy }: Operation): boolean => operation !== 'listen' && copy === undefined;

/** The refusal of what begins a transaction, of cursors and streams, of LISTEN: only read-only mode and the rate limit hold for them. */
export const refusalOf = (policies: Policies, breaker: Breaker): Error | undefined =>
  gateRefusal(breaker, policies, isRead(breaker.target.operation));

/** Hands on how a call has ended, in the form that its caller has chosen, as pg does. */
export function deliver(
  promise: PromiseConstructor | undefined,
  callback: PgCallback | undefined,
  nothing: null | undefined,
  run: Promise<unknown>,
): unknown {
  if (callback !== undefined) {
    // On a tick of its own: what it throws is an uncaught exception, not a rejection.
    run.then(
      (value) => process.nextTick(callback, nothing, value),
      (error: unknown) => process.nextTick(callback, error),
    );
    return undefined;
  }
  return new (promise ?? Promise)((resolve, reject) => {
    run.then(resolve, reject);
  }).catch((error: unknown) => {
    // As pg does, so that the trace leads back to who asked. Refusals have none.
    if (error instanceof Error && !isBreakerError(error)) isolated('the stack of an error', () => Error.captureStackTrace?.(error));
    throw error;
  });
}

let warned = false;

function warnOfQueue({ name }: Breaker): void {
  if (warned) return;
  warned = true;
  const message = `fallback.queue has no effect on ${name}: only writes to Redis can be queued. What PostgreSQL would have answered is not known without it`;
  process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_CONFIG' });
}
