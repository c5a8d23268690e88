import type { FailureRecord, TransitionEvent } from '../breaker/events.ts';
import { addTarget, type Named } from './attributes.ts';

const maxErrorTypes = 5;

/** Which breaker's circuit moved and what moved it: trigger, value and limit, and the window it was decided on. */
export function tripAttributes({ breaker, trigger, value, limit, counts, reason, shadow, injected }: TransitionEvent): Named {
  const made: Named = {
    'breaker.name': breaker.name,
    'breaker.trigger': trigger,
    'breaker.window.recorded': counts.recorded,
    'breaker.window.failures': counts.failures,
    'breaker.window.slow': counts.slow,
  };
  addTarget(made, breaker);
  if (shadow) made['breaker.shadow'] = true;
  if (injected) made['breaker.injected'] = true;
  if (value !== undefined) made['breaker.trip.value'] = value;
  if (limit !== undefined) made['breaker.trip.limit'] = limit;
  if (reason !== undefined) made['breaker.reason'] = reason;
  return made;
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
