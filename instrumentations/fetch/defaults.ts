import type { BreakerOptions } from '../../src/core/options.ts';

/**
 * What a breaker of an origin starts from, where no configuration says otherwise.
 *
 * - `stall`: an upstream that accepts and never answers gives no error at all; ten waiting calls and a fifth of a second
 *   without a success tell, which bounds what reaches a dead server. Four times the learned 99th percentile keeps slow but
 *   healthy upstreams from looking so; one that only paused takes calls again with the first late answer (`HttpCall`).
 * - `open`: plain HTTP has no harmless request with which to ask whether the server is back, so traffic itself must. The
 *   first try comes after half a second; while answers are failures, each later one after a sixth of the outage so far, which
 *   bounds the delay after the server's return to the same share. `maxMs` stays long: it also limits how much of a
 *   Retry-After is honoured. After ten seconds without trouble the next outage is another one.
 * - `halfOpen.scoutMs`: while nothing is answered at all, one call goes ahead every three quarters of a second (a hundredth of
 *   the outage, if that is more), so that service is back within a second of the server's return.
 * - `halfOpen.leaseMs`: with nothing learned, as long as `stall` is patient then. Who never answered may take that long to.
 */
export const httpDefaults: BreakerOptions = {
  stall: { afterMs: 200, calls: 10, factor: 4 },
  open: { durationMs: 500, factor: 1.2, maxMs: 60_000, resetAfterMs: 10_000 },
  halfOpen: { scoutMs: 250, leaseMs: 30_000 },
};

/**
 * So many refused connections in a row, with no answer between, say that nobody listens, and open the circuit at once. Not
 * the first one: behind one name may stand several servers, of which one is being replaced.
 */
export const refusalsInARow = 5;

/**
 * How long, in ms, a success is held back after the headers, waiting for the body: one that breaks off within it makes
 * the call one failure rather than a success and a failure. Longer bodies, and those that nobody reads, settle then.
 */
export const bodyGraceMs = 100;

/** Origins whose parsed form is remembered; far beyond it the registry's cap applies anyway. */
export const maxRememberedOrigins = 1_000;

/** So long, in ms, nothing may be heard of an origin, its scouts included, until it has been found silent. */
export const silenceMs = 5_000;

/** How long, in ms, a call must have waited for an origin that has been found silent until its caller is answered. */
export const answerAfterMs = 2_000;

/** The same of one that has never answered: nobody knows how long it takes. */
export const answerUnknownAfterMs = 30_000;

/** The same, in ms, of a call that was made while the origin was silent, once it answers others again. */
export const answerLostAfterMs = 5_000;
