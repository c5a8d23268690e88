import type { ResolvedRateLimit } from '../core/resolve-policies.ts';

/** Sums of fractions of a ms: whoever waits for exactly as long as told must be let in. */
const TOLERANCE_MS = 1e-6;

/**
 * At most `limit` calls per interval, evenly, and `burst` at once after a quiet time. The generic cell rate algorithm
 * (ITU-T I.371): one number, the time at which the bucket would be full again; equal to a token bucket, with no timer.
 */
export class RateLimiter {
  #everyMs = 0;
  #toleranceMs = 0;
  #theoreticalArrival = Number.NEGATIVE_INFINITY;

  constructor(options: ResolvedRateLimit) {
    this.setOptions(options);
  }

  /** Calls made count under the new options as well. */
  setOptions({ limit, intervalMs, burst }: ResolvedRateLimit, now?: number): void {
    this.#everyMs = intervalMs / limit;
    this.#toleranceMs = (burst - 1) * this.#everyMs;
    // Nobody waits longer than an empty bucket asks for.
    if (now !== undefined) this.#theoreticalArrival = Math.min(this.#theoreticalArrival, now + this.#toleranceMs + this.#everyMs);
  }

  /** Takes a call's place. @returns 0 when it may go, else the ms until one could; nothing is taken then */
  take(now: number): number {
    const waitMs = this.waitMs(now);
    if (waitMs === 0) this.#theoreticalArrival = Math.max(this.#theoreticalArrival, now) + this.#everyMs;
    return waitMs;
  }

  /** Milliseconds until a call could go; 0: now. */
  waitMs(now: number): number {
    const waitMs = this.#theoreticalArrival - now - this.#toleranceMs;
    return waitMs <= TOLERANCE_MS ? 0 : waitMs;
  }
}
