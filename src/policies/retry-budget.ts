import type { ResolvedBudget } from '../core/resolve-policies.ts';

/** Repetitions saved up while few were needed: at most so many come at once. */
const MOST_SAVED = 100;
/** Thousands of calls add up fractions. */
const TOLERANCE = 1e-9;

/**
 * What repetitions may add to the load of a dependency that is already in trouble: every call pays in a fraction of one, and
 * a trickle comes with time, so that a service with few calls can repeat at all. Shared by all calls of a breaker. Sources:
 * Finagle's `RetryBudget`, gRPC's retry throttling, Google SRE book, "Handling Overload".
 */
export class RetryBudget {
  #options: ResolvedBudget;
  #saved = 0;
  #trickle: number;
  #at: number;

  /** @param now ms of any monotonic clock */
  constructor(options: ResolvedBudget, now: number) {
    this.#options = options;
    this.#trickle = most(options);
    this.#at = now;
  }

  setOptions(options: ResolvedBudget): void {
    this.#options = options;
    this.#trickle = Math.min(this.#trickle, most(options));
  }

  /** Repetitions that could be made now. */
  balance(now: number): number {
    this.#refill(now);
    return Math.floor(this.#saved + TOLERANCE) + Math.floor(this.#trickle + TOLERANCE);
  }

  /** A call begins. */
  deposit(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#options.ratio);
  }

  /** Takes one repetition, if there is one. */
  withdraw(now: number): boolean {
    this.#refill(now);
    if (this.#saved + TOLERANCE >= 1) {
      this.#saved -= 1;
      return true;
    }
    if (this.#trickle + TOLERANCE < 1) return false;
    this.#trickle -= 1;
    return true;
  }

  #refill(now: number): void {
    this.#trickle = Math.min(most(this.#options), this.#trickle + ((now - this.#at) * this.#options.minPerSecond) / 1_000);
    this.#at = now;
  }
}

/** A second's worth; of a slower trickle one, or it could never be taken. */
function most({ minPerSecond }: ResolvedBudget): number {
  return minPerSecond === 0 ? 0 : Math.max(1, minPerSecond);
}
