import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import { judge, judgeAnswer } from '../shared/admission.ts';
import { classifyConnectError, classifyQueryError, type Verdict } from './classify.ts';
import { isConnectError } from './connect-errors.ts';
import type { Database } from './database.ts';

/** A call has its result. Without a permit (it was never to be refused) there is nothing to learn from it. */
export function settleResult({ server }: Database, permit: Permit<Breaker> | undefined, value: unknown): void {
  if (permit === undefined) return;
  const { breaker } = permit;
  const outcome = judgeAnswer(breaker, value, 'success');
  if (outcome === 'success') server.pending.succeeded(permit.startedAt);
  permit.settle(outcome);
}

/** A call failed: with its query, or (`connecting`) with getting a connection for it. */
export function settleError({ server }: Database, permit: Permit<Breaker> | undefined, error: unknown, connecting = false): Verdict {
  const verdict = connecting && isConnectError(error) ? classifyConnectError(error) : classifyQueryError(error);
  if (permit === undefined) {
    if (verdict.connection) server.group.fault(error);
    return verdict;
  }
  const outcome = judge(permit.breaker, { ok: false, error }, verdict.outcome);
  if (outcome === 'success') server.pending.succeeded(permit.startedAt);
  // Whoever says that this error is no failure does not want it told to others either.
  if (outcome === 'failure') server.group.settleWithFault(permit, error, verdict.connection);
  else permit.settle(outcome, error);
  return verdict;
}

/** A stream whose call had succeeded with its first answer broke off later. */
export function settleLate({ server }: Database, breaker: Breaker, error: unknown): void {
  const verdict = classifyQueryError(error);
  if (judge(breaker, { ok: false, error }, verdict.outcome) !== 'failure') return;
  if (verdict.connection) server.group.fault(error);
  else breaker.report(error);
}

/**
 * A permit for a call that must never be refused, so that its result counts; `undefined` where asking for one would
 * count as a rejection, or take a probe's place.
 */
export function observe(breaker: Breaker): Permit<Breaker> | undefined {
  const { state } = breaker;
  const closed = state === 'closed' || state === 'disabled' || (state === 'shadow' && breaker.snapshot().circuit === 'closed');
  return closed && breaker.options.halfOpen.rampUpMs === 0 ? breaker.tryAcquire({ faults: 'none' }) : undefined;
}
