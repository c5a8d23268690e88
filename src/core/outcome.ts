/**
 * How a call ended, in the breaker's eyes. Three of them decide (Netflix concurrency-limits `Limiter`):
 * `success` and `failure` are recorded in the window, `ignored` proves nothing about the dependency.
 */
export type Outcome = 'success' | 'failure' | 'ignored';

/** What a call may be counted as: an {@link Outcome}, cancelled by its caller, or settled after its state was over. */
export type CountedOutcome = Outcome | 'cancelled' | 'stale';

/** Every counted outcome, in the order of the counters. */
export const countedOutcomes = ['success', 'failure', 'ignored', 'cancelled', 'stale'] as const satisfies readonly CountedOutcome[];

/** What a call came to: handed to `classify`. */
export type CallResult = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** Maps what a call came to onto an outcome; `undefined` leaves it to the default. Must not throw: a throw is reported and ignored. */
export type Classify = (result: CallResult) => Outcome | undefined;
