import type { Breaker } from '../../src/breaker/breaker.ts';
import type { TransitionEvent } from '../../src/breaker/events.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';
import type { Verify } from './liveness.ts';

const firstDelayMs = 250;
const growth = 1.25;
const longestDelayMs = 2_000;

/** Whom the watch tells. */
export interface RecoveryListener {
  /** The server answered. */
  recovered(): void;
  /** A circuit is half-open because its time was over, and the server is still not there: its probes wait in vain. */
  stillSilent(breaker: Breaker): void;
}

/**
 * Asks a server that stalled or refused connections whether it is back, and says so: its circuits need not wait out a long
 * open time, nor their probes hang. Asks only while one of them is open, every 250 ms at first, then less and less often,
 * down to every 2 s, and once when one turns half-open.
 */
export class RecoveryWatch {
  readonly #verify: Verify;
  readonly #listener: RecoveryListener;
  readonly #clock: Clock;
  /** Breakers that opened for a reason which the question can refute; the value: whether it has been. */
  readonly #troubled = new Map<Breaker, boolean>();
  #timer: Timer | undefined;
  #asking = false;
  #delayMs = firstDelayMs;

  constructor(verify: Verify, listener: RecoveryListener, clock: Clock) {
    this.#verify = verify;
    this.#listener = listener;
    this.#clock = clock;
  }

  /** Watches over a breaker from now on. */
  observe(breaker: Breaker): void {
    breaker.on('transition', (event) => this.#moved(event));
  }

  #moved({ breaker, to, trigger }: TransitionEvent): void {
    const refuted = this.#troubled.get(breaker);
    if (to === 'open') {
      if (trigger === 'stall' || trigger === 'connection') this.#troubled.set(breaker, false);
      // The server answers, and the probes failed all the same: its answer means nothing for this breaker.
      else if (refuted === true) this.#troubled.delete(breaker);
    } else if (to !== 'half_open') {
      this.#troubled.delete(breaker);
    } else if (refuted === false) {
      if (trigger === 'open_elapsed') return void this.#ask();
      this.#troubled.set(breaker, true);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#troubled.size === 0) this.#delayMs = firstDelayMs;
    if (!this.#someOpen()) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else if (this.#timer === undefined && !this.#asking) {
      this.#timer = this.#clock.setTimer(() => void this.#ask(), this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * growth, longestDelayMs);
    }
  }

  #someOpen(): boolean {
    for (const breaker of this.#troubled.keys()) if (breaker.state === 'open') return true;
    return false;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#asking = true;
    const answered = await this.#verify().catch(() => false);
    this.#asking = false;
    for (const [breaker, refuted] of this.#troubled) {
      if (answered) this.#troubled.set(breaker, true);
      else if (!refuted && breaker.state === 'half_open') this.#listener.stillSilent(breaker);
    }
    if (answered) this.#listener.recovered();
    this.#schedule();
  }
}
