import type { Attributes } from '@opentelemetry/api';
import type { FailureRecord, TransitionEvent } from '../breaker/events.ts';
import { attributes as a } from './names.ts';

const maxErrorTypes = 5;

/**
 * Adds what moved a circuit: trigger, value and limit, and the window it was decided on. To an object that is there:
 * spreads and literals with computed keys cost a transition many times as much.
 */
export function addTrip(made: Attributes, { trigger, value, limit, counts, reason }: TransitionEvent): Attributes {
  made[a.trigger] = trigger;
  made[a.windowRecorded] = counts.recorded;
  made[a.windowFailures] = counts.failures;
  made[a.windowSlow] = counts.slow;
  if (value !== undefined) made[a.tripValue] = value;
  if (limit !== undefined) made[a.tripLimit] = limit;
  if (reason !== undefined) made[a.reason] = reason;
  return made;
}

/** The most frequent error types of the last failures, the most frequent first. */
export function errorSummary(failures: readonly FailureRecord[]): Attributes {
  if (failures.length === 0) return {};
  const counts = new Map<string, number>();
  for (const { errorType } of failures) counts.set(errorType, (counts.get(errorType) ?? 0) + 1);
  const top = [...counts].sort(([, left], [, right]) => right - left).slice(0, maxErrorTypes);
  return { [a.errorTypes]: top.map(([type]) => type), [a.errorCounts]: top.map(([, count]) => count) };
}
