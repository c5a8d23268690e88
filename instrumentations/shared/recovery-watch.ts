import type { Breaker } from '../../src/breaker/breaker.ts';
import type { TransitionEvent, Trigger } from '../../src/breaker/events.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';
import type { Verify } from './liveness.ts';

const firstDelayMs = 250;
const growth = 1.25;
/** Together with the question and the probes that follow less than a second: so long after its return is a server out of use. */
const longestDelayMs = 750;

/** Whom the watch tells, and asks. */
export interface RecoveryListener {
  /** Whether an answer of the server refutes what opened a circuit so, whatever came of earlier answers. */
  refutes(trigger: Trigger): boolean;
  /** Whether an error was a fault of the server's connections: its answering, or not, says something of it. */
  isOfConnection(error: unknown): boolean;
  /** The server answered. */
  recovered(): void;
  /** A circuit is half-open because its time was over, and the server is still not there: its probes wait in vain. */
  stillSilent(breaker: Breaker): void;
}

/**
 * What is known of a breaker's opening: whether the server is back is `unknown`; it has `answered` since; or it answers while
 * the breaker's own probes fail, so that its answer is `moot` until the circuit has closed, or has long had no reason to fail.
 */
type Trouble = 'unknown' | 'answered' | 'moot';

/**
 * Asks a server that stalled, refused connections or broke them whether it is back, and says so: its circuits need not wait
 * out a long open time, nor their probes hang. Asks only while one of them is open, every 250 ms at first, then less and less
 * often, down to every 750 ms, and once when one turns half-open.
 */
export class RecoveryWatch {
  readonly #verify: Verify;
  readonly #listener: RecoveryListener;
  readonly #clock: Clock;
  /** Breakers that opened for a reason which the question can refute. */
  readonly #troubled = new Map<Breaker, Trouble>();
  /** When each of them last turned half-open. */
  readonly #halfOpenSince = new WeakMap<Breaker, number>();
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
    breaker.on('transition', (event) => this.moved(event));
  }

  /** A breaker has moved: for those who do not have it {@link observe} one. */
  moved({ breaker, to, trigger, error }: TransitionEvent): void {
    const trouble = this.#troubled.get(breaker);
    if (to === 'half_open') this.#halfOpenSince.set(breaker, this.#clock.now());
    if (to === 'open') {
      if (this.#listener.refutes(trigger)) this.#troubled.set(breaker, 'unknown');
      // Of a class that is seldom asked: its connections have broken anew.
      else if (trouble !== undefined && this.#isOver(breaker) && this.#listener.isOfConnection(error)) this.#troubled.set(breaker, 'unknown');
      // The server answers, and the probes failed all the same: its answer means nothing for this breaker.
      else if (trouble === 'answered') this.#troubled.set(breaker, 'moot');
      // Counted faults of the connection: behind a proxy a dead server resets connections instead of refusing them.
      else if (trouble === undefined && this.#listener.isOfConnection(error)) this.#troubled.set(breaker, 'unknown');
    } else if (to !== 'half_open') {
      this.#troubled.delete(breaker);
    } else if (trouble === 'unknown') {
      if (trigger === 'open_elapsed') return void this.#ask();
      this.#troubled.set(breaker, 'answered');
    }
    this.#schedule();
  }

  /** Whether the outage that had opened a circuit is over: none of its probes has failed for as long as the open time is at first. */
  #isOver(breaker: Breaker): boolean {
    const since = this.#halfOpenSince.get(breaker);
    return since !== undefined && this.#clock.now() - since >= breaker.options.open.durationMs;
  }

  #schedule(): void {
    const asked = [...this.#troubled].filter(([, trouble]) => trouble !== 'moot');
    if (asked.length === 0) this.#delayMs = firstDelayMs;
    if (!asked.some(([{ state }]) => state === 'open')) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else if (this.#timer === undefined && !this.#asking) {
      this.#timer = this.#clock.setTimer(() => void this.#ask(), this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * growth, longestDelayMs);
    }
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#asking = true;
    const answered = await this.#verify().catch(() => false);
    this.#asking = false;
    for (const [breaker, trouble] of this.#troubled) {
      if (trouble !== 'unknown') continue;
      // While a hang is injected its answer is kept from the breaker.
      if (answered && !breaker.silenced) this.#troubled.set(breaker, 'answered');
      else if (breaker.state === 'half_open') this.#listener.stillSilent(breaker);
    }
    if (answered) this.#listener.recovered();
    this.#schedule();
  }
}
