import type { CustomPolicy } from './custom-policy.ts';

/** How waiting times spread; see AWS, "Exponential Backoff And Jitter". */
export type Jitter = 'none' | 'full' | 'equal' | 'decorrelated';

export interface RetryBudgetOptions {
  /** Repetitions allowed per call, in [0, 1]. Default 0.2. */
  readonly ratio?: number;
  /** Repetitions per second allowed however few calls there are. Default 10. */
  readonly minPerSecond?: number;
}

export interface RetryOptions {
  /** All attempts, the first included. Default 3. */
  readonly attempts?: number;
  /** Wait before the first repetition, in ms; doubles with each. Default 100. */
  readonly backoffMs?: number;
  /** Longest wait, in ms. A server that asks for a longer one is not asked again. Default 2,000. */
  readonly maxBackoffMs?: number;
  /** Default `full`. */
  readonly jitter?: Jitter;
  /** What all calls of the breaker together may add to the load. On by default. */
  readonly budget?: RetryBudgetOptions | undefined;
  /** Whether calls that are not known to be idempotent are repeated as well. Default false. */
  readonly nonIdempotent?: boolean;
  /** Whether to repeat the call, from code only. Default: what counts as a failure. A throw is reported and reads as no. */
  readonly retryIf?: (error: unknown, attempt: number) => boolean;
}

export interface BulkheadOptions {
  /** Calls at a time. */
  readonly limit?: number;
  /** Calls that may wait for a place, first come first served. Default 0. */
  readonly queue?: number;
  /** Longest wait, in ms. Default: as long as the caller waits. */
  readonly queueTimeoutMs?: number | undefined;
}

export interface RateLimitOptions {
  /** Calls per interval. */
  readonly limit?: number;
  /** In ms. Default 1,000. */
  readonly intervalMs?: number;
  /** Calls that may come at once after a quiet time. Default: `limit`. */
  readonly burst?: number;
}

/** What a fallback stands in for: a refusal, a time-out, or what counts as a failure. */
export type FallbackReason = 'rejected' | 'timeout' | 'failure';

/** A breaker, as far as a tier needs one. */
export interface TierBreaker {
  readonly name: string;
  /** The error that a call would be refused with now. */
  refusal(): Error | undefined;
  run<T>(fn: () => T | PromiseLike<T>, options?: { readonly signal?: AbortSignal | undefined }): Promise<T>;
}

/** Another way to the same answer, of the same signature as the function it stands in for. */
export interface NamedTier<Args extends unknown[] = never[], R = unknown> {
  readonly name: string;
  /** Guards the tier: it is skipped while the circuit is open. */
  readonly breaker?: TierBreaker;
  run(...args: Args): R | PromiseLike<R>;
}

export type FallbackTier<Args extends unknown[] = never[], R = unknown> = ((...args: Args) => R | PromiseLike<R>) | NamedTier<Args, R>;

/** Of the cache of last good answers. */
export interface StaleOptions {
  /** How long an answer counts as fresh, in ms: it is served after a failure like any other, but not marked as stale. Default 0: all are stale. */
  readonly ttlMs?: number;
  /** Oldest answer served, in ms. Default 300,000 (five minutes). */
  readonly maxAgeMs?: number;
  /** The least recently used goes first. Default 10,000. */
  readonly maxEntries?: number;
  /** Default 64 MiB. */
  readonly maxBytes?: number;
  /** A larger answer is not kept. Default 1 MiB. */
  readonly maxEntryBytes?: number;
  /** A directory that keeps the answers over a restart. Default: memory only. */
  readonly path?: string;
}

/** Of the durable queue of writes. */
export interface QueueOptions {
  /** The directory of the queue. */
  readonly path?: string;
  /** Default 50,000. */
  readonly maxEntries?: number;
  /** Of what is written; all of it is in memory too. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Beside as many as come in meanwhile. Default 500. */
  readonly replayPerSecond?: number;
  /** Failed attempts, while the dependency works otherwise, after which a write is set aside. Default 5. */
  readonly maxAttempts?: number;
  /**
   * Redis commands that are to wait too: `hmset`, `lset`, `ltrim`, `pfmerge`, `rename`, in any letter case. Their only good reply is OK, but the
   * server may refuse them (another type, no such key): after the caller was told OK, as a dead letter. Default: none. Any other name is a
   * `ConfigError`: it waits anyway (`SET` and its kin), or never may.
   */
  readonly commands?: readonly string[];
}

/** What is tried when a call has failed: tiers, then a stale answer, the queue, the handler, the value, the empty result. */
export interface FallbackOptions<Args extends unknown[] = never[], R = unknown> {
  /** Served as it is. `undefined` is a value too. */
  readonly value?: R;
  /** Makes the answer, from code only. */
  readonly handler?: (error: unknown, ...args: Args) => R | PromiseLike<R>;
  /** Other ways to the answer, from code only; the first that works. */
  readonly tiers?: readonly FallbackTier<Args, R>[];
  /** Other origins, for `fetch`. */
  readonly origins?: readonly string[];
  /**
   * Whether other origins get requests that say who asks too: by a header (Authorization, Cookie, ...) or in the URL (a user; a parameter such as
   * `token`, `api_key` or `sig`). Default false: those fail as without other origins.
   */
  readonly forwardCredentials?: boolean;
  /** The order in which tiers are tried, from code only. Default: as listed. */
  readonly order?: (tiers: readonly NamedTier<Args, R>[], error: unknown) => readonly NamedTier<Args, R>[];
  /** The last good answer to the same question. */
  readonly stale?: StaleOptions | undefined;
  /** Writes are kept and made when the dependency is back. */
  readonly queue?: QueueOptions | undefined;
  /** For reads: the empty result of the client's own kind, or from code a function that makes it. */
  readonly empty?: boolean | (() => R);
  /** Which errors; from code also a function. Default: all three kinds. Never the caller's own abort. */
  readonly when?: readonly FallbackReason[] | ((error: unknown) => boolean);
}

/**
 * How calls are served while their dependency is known to be unwell: `read-only` refuses writes; `empty` answers reads
 * with an empty result without asking, and refuses writes; `bypass` leaves out all policies but the breaker.
 */
export type DegradedMode = 'read-only' | 'empty' | 'bypass';

export interface PolicyOptions {
  /** Longest time of a call with all its attempts and waits between them, in ms. */
  readonly totalTimeoutMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly bulkhead?: BulkheadOptions | undefined;
  readonly rateLimit?: RateLimitOptions | undefined;
  readonly fallback?: FallbackOptions | undefined;
  readonly degraded?: DegradedMode | undefined;
  /** Of third parties, from code only; from the outside in. */
  readonly customPolicies?: readonly CustomPolicy[] | undefined;
}
