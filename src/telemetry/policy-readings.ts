import type { Attributes } from '@opentelemetry/api';
import type { Breaker } from '../breaker/breaker.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import { policyMetersOf } from '../policies/compose.ts';
import { cacheResults, fallbackTypes } from '../policies/meters.ts';
import { attributes as a } from './names.ts';
import type { ReadMetric, Tell } from './readings.ts';
import type { Series } from './series.ts';

/** The attribute objects of one breaker's policies, each made once. */
class PolicySeries {
  static readonly #known = new WeakMap<Attributes, PolicySeries>();
  readonly #made = new Map<string, Attributes>();

  static of({ base }: Series): PolicySeries {
    let series = PolicySeries.#known.get(base);
    if (series === undefined) {
      series = new PolicySeries(base);
      PolicySeries.#known.set(base, series);
    }
    return series;
  }

  private constructor(private readonly base: Attributes) {}

  with(key: string, more: Attributes): Attributes {
    let made = this.#made.get(key);
    if (made === undefined) {
      made = { ...this.base, ...more };
      this.#made.set(key, made);
    }
    return made;
  }
}

/** Of one series of `breaker.retry.attempts`. */
export function attemptAttributes(series: Series, outcome: CountedOutcome): Attributes {
  return PolicySeries.of(series).with(`attempts ${outcome}`, { [a.outcome]: outcome });
}

/** Gauges, which an SDK's instrument repeats for ever unless told otherwise. */
export const policyGauges = ['queueDepth', 'queueAge', 'bulkheadActive', 'bulkheadQueued', 'bulkheadLimit'] as const satisfies readonly ReadMetric[];

/** Reads the numbers of the policies around a breaker, if there are any. Rare series appear once they occur. */
export function readPolicies(breaker: Breaker, series: Series, tell: Tell): void {
  const meters = policyMetersOf(breaker);
  if (meters === undefined) return;
  const labels = PolicySeries.of(series);
  for (const type of fallbackTypes) {
    for (const outcome of ['success', 'failure'] as const) {
      const calls = meters.fallbacks(type, outcome);
      if (calls > 0) tell('fallbackCalls', calls, labels.with(`${type} ${outcome}`, { [a.fallbackType]: type, [a.outcome]: outcome }));
    }
  }
  for (const result of cacheResults) {
    const lookups = meters.lookups(result);
    if (lookups > 0) tell('cacheLookups', lookups, labels.with(`lookup ${result}`, { [a.cacheResult]: result }));
  }
  const { bulkhead, queue } = meters;
  if (bulkhead !== undefined) {
    tell('bulkheadActive', bulkhead.active, series.base);
    tell('bulkheadQueued', bulkhead.queued, series.base);
    tell('bulkheadLimit', bulkhead.limit, series.base);
  }
  if (queue === undefined) return;
  tell('queueDepth', queue.depth, series.base);
  tell('queueAge', queue.ageMs / 1_000, series.base);
}
