import type { Clock } from '../../core/clock.ts';

/** A token bucket: so many per second, evenly, in small handfuls. */
export class Pace {
  readonly #clock: Clock;
  #perMs = 0;
  #burst = 1;
  #tokens: number;
  #at: number;
  /** On top of the rate, never lost. */
  #extra = 0;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#at = clock.now();
    this.setRate(perSecond);
    this.#tokens = this.#burst;
  }

  /** From now on so many. */
  setRate(perSecond: number): void {
    this.#perMs = perSecond / 1_000;
    // A twentieth of a second's worth: timers are no finer than that under load.
    this.#burst = Math.max(1, perSecond / 20);
  }

  /** Allows one more: work that came in while working must not make the backlog endless. */
  grant(): void {
    this.#extra++;
  }

  /** 0 and a token is taken, or the ms until there is one. */
  take(): number {
    const now = this.#clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#extra > 0) {
      this.#extra--;
      return 0;
    }
    // Sums of fractions fall short of the whole by a hair.
    if (this.#tokens < 1 - 1e-9) return (1 - this.#tokens) / this.#perMs;
    this.#tokens = Math.max(0, this.#tokens - 1);
    return 0;
  }

  /** Gives back a token that was not used. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }
}
