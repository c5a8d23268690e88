import type { Clock, Timer } from '../../src/core/clock.ts';
import { bodyGraceMs } from './defaults.ts';

/** A success that waits for its body. */
export interface Held {
  /** When the headers came, in ms of the clock. */
  readonly answeredAt: number;
  /** The body has had its time: the success counts. */
  release(): void;
}

/**
 * Successes held back for a moment after their headers, oldest first, with one timer for all of them. A body that nobody
 * reads never ends: its call must not hold a permit for longer than this.
 */
export class BodyGrace {
  readonly #clock: Clock;
  #held: Held[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hold(call: Held): void {
    this.#held.push(call);
    this.#timer ??= this.#clock.setTimer(() => this.#sweep(), bodyGraceMs);
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    let due = 0;
    for (const call of this.#held) {
      if (call.answeredAt + bodyGraceMs > now) break;
      due += 1;
      call.release();
    }
    this.#held.splice(0, due);
    const next = this.#held[0];
    if (next !== undefined) this.#timer ??= this.#clock.setTimer(() => this.#sweep(), next.answeredAt + bodyGraceMs - now);
  }
}
