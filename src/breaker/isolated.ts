import { reportFault } from '../core/fault.ts';
import type { CallTracer } from '../core/tracer.ts';
import type { TripRule, TripVerdict, TripView } from '../core/trip-rule.ts';

/** A tracer's fault is reported and changes nothing. */
export function isolated<R>(fn: () => R): R | undefined {
  try {
    return fn();
  } catch (fault) {
    reportFault(fault, 'call tracer');
    return undefined;
  }
}

/** The call is made exactly once, and its result is its own, whatever the tracer does. */
export function enterIsolated<R>(tracer: Pick<CallTracer, 'enter'>, trace: unknown, fn: () => R): R {
  let result: { readonly value: R } | { readonly error: unknown } | undefined;
  const once = (): R => {
    if (result === undefined) {
      try {
        result = { value: fn() };
      } catch (error) {
        result = { error };
      }
    }
    if ('error' in result) throw result.error;
    return result.value;
  };
  try {
    tracer.enter(trace, once);
  } catch (fault) {
    if (result === undefined || !('error' in result) || result.error !== fault) reportFault(fault, 'call tracer');
  }
  return once();
}

/** A rule that throws says no. */
export function askIsolated(rule: TripRule, view: TripView): TripVerdict | undefined {
  try {
    return rule.trips(view);
  } catch (fault) {
    reportFault(fault, `trip rule '${rule.name}'`);
    return undefined;
  }
}
