import type { BreakerOptions } from '../../src/core/options.ts';

/**
 * What holds for PostgreSQL unless configured otherwise; everything else is the engine's default.
 * pg has no time-out of its own: on a frozen server every call waits for ever, so stall detection must be on. It asks the
 * server before it convicts, which is why ten calls that wait for a twentieth of a second are enough to ask (fewer: half a
 * second), and slow healthy queries are safe.
 */
export const pgDefaults: BreakerOptions = { stall: { afterMs: 50, calls: 10, factor: 4 } };

/**
 * Where the server cannot be asked (a `stream` of the application's own) slow and frozen look alike: only time can tell, and
 * healthy statements that take seconds are usual with a database.
 */
export const pgDefaultsUnverified: BreakerOptions = { stall: { afterMs: 5_000, calls: 10, factor: 4 } };

/** How long the server may take to answer a question that needs neither a login nor a query, in ms. */
export const LIVENESS_TIMEOUT_MS = 500;

/** The same where its queries and its answers so far have been quick: a process of its own answers, however busy the others are. */
export const LIVENESS_LEAST_MS = 80;

/** A connection attempt without an answer for so long makes us ask the server, in ms: a healthy log-in takes tens of them. */
export const CONNECT_SUSPICION_MS = 1_000;

/** After so long, in ms, a call made before the opening asks whether the server is silent; if so its caller has an answer within two seconds. */
export const ANSWER_AFTER_MS = 1_500;

/**
 * Of the calls under way on a silent server only those are answered that began at most this long before the newest
 * successful one, in ms: an older one has outlasted successes, so that it is slow by nature and its caller patient.
 */
export const VICTIM_SLACK_MS = 1_000;

/** How often the queue of a pool is looked at while calls wait in it, in ms; a call that waits for so long means that the pool is exhausted. */
export const POOL_LOOK_MS = 1_000;

/** Without anybody waiting for long or giving up for so long, in ms, an exhausted pool is so no more. */
export const POOL_CALM_MS = 5_000;

/** Log-ins that failed in a row, for a reason that is none of the connection's (password, database, too many), open `connect`. */
export const FAILED_LOGINS = 5;

/** Refused connections in a row that open the circuits of a server which has never answered; of one that has, the first does. */
export const REFUSALS_UNMET = 5;
