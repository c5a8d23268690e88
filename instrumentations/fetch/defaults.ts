import type { BreakerOptions } from '../../src/core/options.ts';

/**
 * What a breaker of an origin starts from, where no configuration says otherwise.
 *
 * - `stall`: an upstream that accepts and never answers gives no error at all; ten waiting calls and a quarter of a second
 *   without a success tell, which bounds what reaches a dead server. Four times the learned 99th percentile keeps slow but
 *   healthy upstreams from looking so; one that only paused takes calls again with the first late answer (`HttpCall`).
 * - `open`: plain HTTP has no harmless request with which to ask whether the server is back, so traffic itself must. The
 *   first try comes after a second, and each later one after a sixth of the outage so far, which bounds the delay after
 *   the server's return to the same share. `maxMs` stays long: it also limits how much of a Retry-After is honoured.
 * - `halfOpen.leaseMs`: probes sent into a server that still hangs must not keep the circuit half-open for long.
 */
export const httpDefaults: BreakerOptions = {
  stall: { afterMs: 250, calls: 10, factor: 4 },
  open: { durationMs: 1_000, factor: 1.2, maxMs: 60_000 },
  halfOpen: { leaseMs: 5_000 },
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

/** How long, in ms, a call must have waited for an origin that has been found silent until its caller is answered. */
export const answerAfterMs = 2_000;
