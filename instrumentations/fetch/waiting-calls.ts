import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Timer } from '../../src/core/clock.ts';
import { CallTimeoutError, withoutStack } from '../../src/core/errors.ts';
import { reportFault } from '../../src/core/fault.ts';
import { answerAfterMs } from './defaults.ts';

/** A call that has no answer yet. */
export interface WaitingCall {
  /** In ms of the breaker's clock. */
  readonly startedAt: number;
  /** Ends its request, and thereby the caller's wait. */
  giveUp(error: Error): void;
  /** Neighbours, and whether it is listed: the business of `WaitingCalls`. */
  older: WaitingCall | undefined;
  newer: WaitingCall | undefined;
  listed: boolean;
}

/**
 * The calls that wait for one origin. One that hangs never answers them, and `fetch` would wait for five minutes: they are
 * given up once the circuit has opened and its probes have kept silent for their whole lease too. There is no better question
 * to ask: time alone may mislead, and a call that was given up for nothing may have been carried out. What has outlasted
 * successes of later calls (a long poll) waits by its nature and is left alone.
 */
export class WaitingCalls {
  readonly #breaker: Breaker;
  /** Linked through the calls themselves, which costs nothing to collect. */
  #oldest: WaitingCall | undefined;
  #newest: WaitingCall | undefined;
  /** When the newest call had begun that was answered. */
  #answered = Number.NEGATIVE_INFINITY;
  #silent = false;
  #timer: Timer | undefined;

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
    breaker.on('transition', ({ to, trigger }) => {
      if (to === 'closed') this.#silent = false;
      if (to !== 'open' || trigger !== 'probe_lease') return;
      this.#silent = true;
      this.#look();
    });
  }

  add(call: WaitingCall): void {
    call.listed = true;
    call.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = call;
    else this.#newest.newer = call;
    this.#newest = call;
  }

  remove(call: WaitingCall): void {
    if (!call.listed) return;
    call.listed = false;
    const { older, newer } = call;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // A call that is over must not keep others alive.
    call.older = undefined;
    call.newer = undefined;
  }

  /** The origin has answered a call. */
  answered(startedAt: number): void {
    if (startedAt > this.#answered) this.#answered = startedAt;
    this.#silent = false;
  }

  #look(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock, state } = this.#breaker;
    if (!this.#silent || (state !== 'open' && state !== 'half_open')) return;
    const now = clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (let call = this.#oldest; call !== undefined; ) {
      const { newer, startedAt } = call;
      const due = startedAt < this.#answered ? Number.POSITIVE_INFINITY : startedAt + answerAfterMs;
      if (due <= now) this.#giveUp(call, Math.round(now - startedAt));
      else next = Math.min(next, due);
      call = newer;
    }
    if (next !== Number.POSITIVE_INFINITY) this.#timer = clock.setTimer(() => this.#look(), next - now);
  }

  #giveUp(call: WaitingCall, waitedMs: number): void {
    this.remove(call);
    try {
      call.giveUp(withoutStack((ms) => new CallTimeoutError(this.#breaker.name, ms), waitedMs));
    } catch (error) {
      reportFault(error, 'giving up a request to a silent server');
    }
  }
}
