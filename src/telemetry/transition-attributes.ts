import type { AttributeValue } from '@opentelemetry/api';
import type { FailureRecord, TransitionEvent } from '../breaker/events.ts';
import { attributes as a } from './names.ts';

const maxErrorTypes = 5;

/**
 * Attributes by names that are written out, which the compiler holds against `names.ts`: V8 stores to a name that it reads
 * in the text in a tenth of the time that one out of a variable takes.
 */
export type Named = { [Name in (typeof a)[keyof typeof a]]?: AttributeValue };

/** Adds what moved a circuit: trigger, value and limit, and the window it was decided on. */
export function addTrip(made: Named, { trigger, value, limit, counts, reason }: TransitionEvent): void {
  made['breaker.trigger'] = trigger;
  made['breaker.window.recorded'] = counts.recorded;
  made['breaker.window.failures'] = counts.failures;
  made['breaker.window.slow'] = counts.slow;
  if (value !== undefined) made['breaker.trip.value'] = value;
  if (limit !== undefined) made['breaker.trip.limit'] = limit;
  if (reason !== undefined) made['breaker.reason'] = reason;
}

/** Adds the most frequent error types of the last failures, the most frequent first. */
export function addErrors(made: Named, failures: readonly FailureRecord[]): void {
  const [first] = failures;
  if (first === undefined) return;
  if (failures.every(({ errorType }) => errorType === first.errorType)) {
    made['breaker.error.types'] = [first.errorType];
    made['breaker.error.counts'] = [failures.length];
    return;
  }
  const counts = new Map<string, number>();
  for (const { errorType } of failures) counts.set(errorType, (counts.get(errorType) ?? 0) + 1);
  const top = [...counts].sort(([, left], [, right]) => right - left).slice(0, maxErrorTypes);
  made['breaker.error.types'] = top.map(([type]) => type);
  made['breaker.error.counts'] = top.map(([, count]) => count);
}
