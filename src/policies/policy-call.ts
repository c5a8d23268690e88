import type { Breaker } from '../breaker/breaker.ts';
import type { Classify, Outcome } from '../core/outcome.ts';
import type { NamedTier } from '../core/policy-options.ts';
import type { QueueHook, StaleHook } from './ports.ts';

/** One attempt of a call, as told to whoever makes it. */
export interface Attempt {
  /** From 1. */
  readonly number: number;
  /**
   * Aborted when the caller gives up, with the caller's reason, or when the total time is over, with the CallTimeoutError.
   * Made when first asked for: whoever cannot abort pays nothing.
   */
  readonly signal: AbortSignal | undefined;
}

/** A call as the policies see it: made by `protect`, or by an instrumentation that knows its client. */
export interface PolicyCall<T> {
  readonly breaker: Breaker;
  /** The class of operation: `read`, `write`, `scan`, ... Unsaid counts as a write. */
  readonly operation?: string | undefined;
  /** Whether making the call twice is the same as making it once. */
  readonly idempotent: boolean;
  /** The caller's. */
  readonly signal?: AbortSignal | undefined;

  /** Makes the call once, admission by the breaker and the time-out of the attempt included. */
  attempt(attempt: Attempt): PromiseLike<T>;

  /** Instead of the breaker's. */
  readonly classify?: Classify | undefined;
  /** How the breaker counted an error. Default: by the breaker's `classify`. */
  outcomeOf?(error: unknown): Outcome | 'cancelled';
  /** Of a result that counts as a failure, an error that says so, with `retryAfterMs` where the server asked to wait. */
  failureOf?(value: T): unknown;
  /** A result that nobody will see is let go: a response's body would keep its connection. */
  discard?(value: T): void;
  /** Whether a failure is one that may pass; unsaid, every failure is. */
  isTransient?(error: unknown): boolean;
  /** The last attempt's own error instead of RetryExhaustedError: for clients whose callers know the client's errors. */
  readonly keepsErrors?: boolean;

  /** What was asked, for tiers and handlers. */
  readonly args?: readonly unknown[];
  /** Other origins made into tiers. */
  tiersOf?(origins: readonly string[]): readonly NamedTier<never[], T>[];
  /** A configured value made into what the client would have answered. */
  served?(value: unknown): T;
  /** The empty result of the client's own kind; absent where none could be told from the truth. */
  readonly empty?: (() => T) | undefined;
  readonly stale?: StaleHook<T> | undefined;
  readonly queue?: QueueHook<T> | undefined;
}

const reads: ReadonlySet<string> = new Set(['read', 'scan', 'pubsub', 'listen', 'connect']);

/** Whether a class of operation leaves what is stored as it is. */
export function isRead(operation: string | undefined): boolean {
  return operation !== undefined && reads.has(operation);
}
