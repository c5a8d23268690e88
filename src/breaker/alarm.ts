import type { Clock, Timer } from '../core/clock.ts';

/** Whom an alarm wakes. */
export interface Sleeper {
  /** @param lateMs by how much the timer fired late: the event loop was busy */
  ring(now: number, lateMs: number): void;
}

/** One timer for a breaker, set to the earliest thing it waits for. */
export class Alarm {
  #timer: Timer | undefined;
  #due = 0;
  #awaited = false;
  readonly #clock: Clock;
  readonly #sleeper: Sleeper;

  constructor(clock: Clock, sleeper: Sleeper) {
    this.#clock = clock;
    this.#sleeper = sleeper;
  }

  get isSet(): boolean {
    return this.#timer !== undefined;
  }

  /** By how much it is late already: the event loop is busy, and has not let it ring. */
  lateMs(now: number): number {
    return this.#timer === undefined ? 0 : Math.max(0, now - this.#due);
  }

  /** Somebody's answer depends on it now: it keeps the process alive until it rings. */
  await(): void {
    if (this.#timer === undefined || this.#awaited) return;
    this.#timer.cancel();
    this.#set(this.#clock.now(), true);
  }

  /** Rings at `due`, unless it is set to ring earlier. */
  at(due: number, now: number): void {
    if (this.#timer !== undefined) {
      if (this.#due <= due) return;
      this.#timer.cancel();
    }
    this.#due = due;
    this.#set(now, false);
  }

  #set(now: number, awaited: boolean): void {
    const due = this.#due;
    this.#awaited = awaited;
    this.#timer = this.#clock.setTimer(
      () => {
        this.#timer = undefined;
        const then = this.#clock.now();
        // Timers may fire a fraction of a millisecond early.
        if (then < due) this.at(due, then);
        else this.#sleeper.ring(then, then - due);
      },
      due - now,
      awaited,
    );
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
