import type { Clock, Timer } from './core/clock.ts';

export type { Clock, Timer } from './core/clock.ts';

interface ManualTimer extends Timer {
  readonly due: number;
  readonly fn: () => void;
}

/**
 * A clock that only moves when told to: breakers in tests see hours pass in no time, and nothing sleeps.
 *
 * ```ts
 * const clock = new ManualClock();
 * const breaker = createBreaker({ name: 'billing' }, { clock });
 * clock.advance(5_000);
 * ```
 */
export class ManualClock implements Clock {
  #now: number;
  #timers: ManualTimer[] = [];
  /** What `random()` answers, in [0, 1). Default 0.5: jitter adds and takes nothing. */
  randomValue = 0.5;

  /** @param now where the scale begins, in ms */
  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.randomValue;
  }

  setTimer(fn: () => void, ms: number): Timer {
    const timer: ManualTimer = {
      due: this.#now + Math.max(0, ms),
      fn,
      cancel: () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
      },
    };
    this.#timers.push(timer);
    return timer;
  }

  /** How many timers are set. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Moves time on by `ms`, running each timer that falls due at its own time, in order. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a clock moves by 0 ms or more, not by ${ms}`);
    const end = this.#now + ms;
    for (let next = this.#earliest(end); next !== undefined; next = this.#earliest(end)) {
      this.#now = Math.max(this.#now, next.due);
      next.cancel();
      next.fn();
    }
    this.#now = end;
  }

  /** Moves time on without running the timers, as if the event loop were blocked meanwhile. */
  skip(ms: number): void {
    this.#now += ms;
  }

  #earliest(end: number): ManualTimer | undefined {
    let earliest: ManualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (earliest === undefined || timer.due < earliest.due)) earliest = timer;
    }
    return earliest;
  }
}
