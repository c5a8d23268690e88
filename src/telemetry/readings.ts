import type { Attributes } from '@opentelemetry/api';
import type { Breaker } from '../breaker/breaker.ts';
import { rejectionReasons, stateNames } from '../breaker/meters.ts';
import { ratiosOf } from '../breaker/snapshot.ts';
import { injectionKinds } from '../core/injection.ts';
import { countedOutcomes } from '../core/outcome.ts';
import type { metrics } from './names.ts';
import { readPolicies } from './policy-readings.ts';
import type { Series } from './series.ts';

export type ReadMetric = Exclude<keyof typeof metrics, 'callDuration' | 'retryAttempts'>;

/** Told of one series' present value. The attribute object of a series is the same one each time. */
export type Tell = (metric: ReadMetric, value: number, attributes: Attributes) => void;

/** The ratios that a breaker decides by are left out below the minimum number of calls. */
export const ratios = ['failureRatio', 'slowRatio'] as const satisfies readonly ReadMetric[];

/** States that a breaker passes through by itself: their time is told from the start. */
const automatic: ReadonlySet<string> = new Set(['closed', 'open', 'half_open']);

/** Reads all numbers of one breaker. Series that alert rules look for are there from creation, at 0; rare ones once they occur. */
export function readBreaker(breaker: Breaker, series: Series, now: number, tell: Tell): void {
  const { meters, options, state, window } = breaker;
  for (const each of stateNames) {
    const current = each === state;
    tell('status', current ? 1 : 0, series.state.of(each));
    const ms = meters.stateTime(each, now);
    if (ms > 0 || current || automatic.has(each)) tell('stateTime', ms / 1_000, series.state.of(each));
  }
  for (const outcome of countedOutcomes) {
    const decides = outcome === 'success' || outcome === 'failure';
    const fast = meters.calls(outcome, false);
    if (fast > 0 || decides) tell('calls', fast, series.calls(outcome, false));
    const slow = meters.calls(outcome, true);
    if (slow > 0 || (decides && options.slowCallMs !== undefined)) tell('calls', slow, series.calls(outcome, true));
  }
  for (const reason of rejectionReasons) {
    const usual = reason === 'open' || reason === 'half_open_limit';
    const refused = meters.rejections(reason);
    if (refused > 0 || usual) tell('rejections', refused, series.reason.of(reason));
    const shadow = meters.shadowRejections(reason);
    if (shadow > 0 || (usual && state === 'shadow')) tell('shadowRejections', shadow, series.reason.of(reason));
  }
  for (const kind of injectionKinds) {
    const met = meters.injections(kind);
    if (met > 0) tell('faultsInjected', met, series.fault(kind));
  }
  for (const { count, attributes } of series.transitions) tell('transitions', count, attributes);
  tell('windowCalls', window.recorded - window.failures, series.window.of('success'));
  tell('windowCalls', window.failures, series.window.of('failure'));
  tell('inFlight', breaker.inFlight, series.base);
  readPolicies(breaker, series, tell);
  const { failureRatio, slowRatio } = ratiosOf(window, options);
  if (failureRatio !== undefined) tell('failureRatio', failureRatio, series.base);
  if (options.failureRatio !== undefined) tell('failureRatioLimit', options.failureRatio, series.base);
  // Without a limit for the single call no call is slow, and the ratio would say nothing.
  if (options.slowCallMs === undefined) return;
  if (slowRatio !== undefined) tell('slowRatio', slowRatio, series.base);
  if (options.slowRatio !== undefined) tell('slowRatioLimit', options.slowRatio, series.base);
}
