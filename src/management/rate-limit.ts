import type { Clock } from '../core/clock.ts';

export interface RateLimitOptions {
  /** How many at once. */
  readonly burst: number;
  /** Time, in ms, after which one more is allowed. */
  readonly everyMs: number;
  /** Keys remembered; beyond it the one asked for longest ago is forgotten. */
  readonly maxKeys?: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Token buckets by key: who asks, of bounded number. */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;
  readonly #options: RateLimitOptions;

  constructor(clock: Clock, options: RateLimitOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Milliseconds to wait; 0: may go on. Takes nothing. */
  waitMs(key: string): number {
    const { tokens } = this.#filled(key);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * this.#options.everyMs);
  }

  /** Takes one. */
  take(key: string): void {
    const { maxKeys = 1_000 } = this.#options;
    const bucket = this.#filled(key);
    bucket.tokens = Math.max(0, bucket.tokens - 1);
    // The newest last.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > maxKeys) this.#buckets.delete(this.#buckets.keys().next().value as string);
  }

  #filled(key: string): Bucket {
    const { burst, everyMs } = this.#options;
    const now = this.#clock.now();
    const known = this.#buckets.get(key);
    if (known === undefined) return { tokens: burst, at: now };
    known.tokens = Math.min(burst, known.tokens + (now - known.at) / everyMs);
    known.at = now;
    return known;
  }
}
