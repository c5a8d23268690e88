import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Timer } from '../../src/core/clock.ts';
import { CallTimeoutError, withoutStack } from '../../src/core/errors.ts';
import { reportFault } from '../../src/core/fault.ts';
import { answerAfterMs, answerLostAfterMs, answerUnknownAfterMs, silenceMs } from './defaults.ts';

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
 * given up once the circuit has opened and nothing has been heard for seconds, of the probes that were sent meanwhile either.
 * There is no better question to ask: time alone may mislead, and a call that was given up for nothing may have been carried
 * out. What has outlasted successes of later calls (a long poll) waits by its nature and is left alone.
 */
export class WaitingCalls {
  readonly #breaker: Breaker;
  /** Linked through the calls themselves, which costs nothing to collect. */
  #oldest: WaitingCall | undefined;
  #newest: WaitingCall | undefined;
  /** When the newest call had begun that was answered. */
  #answered = Number.NEGATIVE_INFINITY;
  /** Since when the circuit has been open without a word of the origin; infinity while it speaks. */
  #silentSince = Number.POSITIVE_INFINITY;
  /** The last time of silence: the calls from then that nobody has answered. */
  #silence = { from: 0, to: 0 };
  #timer: Timer | undefined;

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
  }

  /** From now on, for the life of the breaker. */
  follow(): void {
    this.#breaker.on('transition', ({ to, trigger, at }) => {
      if (to === 'closed') this.#silentSince = Number.POSITIVE_INFINITY;
      if (to !== 'open' || (trigger !== 'stall' && trigger !== 'probe_lease')) return;
      this.#silentSince = Math.min(this.#silentSince, at);
      if (trigger === 'probe_lease') this.#look();
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
    if (this.#silentSince !== Number.POSITIVE_INFINITY) this.#speaks(startedAt);
  }

  /** Whoever has forgotten the calls of a time does not answer them because he answers again. */
  #speaks(to: number): void {
    const { clock, state } = this.#breaker;
    const from = this.#silentSince;
    this.#silentSince = Number.POSITIVE_INFINITY;
    if ((state !== 'open' && state !== 'half_open') || clock.now() - from < silenceMs) return;
    this.#silence = { from, to };
    this.#look();
  }

  #look(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { clock } = this.#breaker;
    const now = clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (let call = this.#oldest; call !== undefined; ) {
      const { newer } = call;
      const due = this.#due(call);
      if (due <= now) this.#giveUp(call, Math.round(now - call.startedAt));
      else next = Math.min(next, due);
      call = newer;
    }
    if (next !== Number.POSITIVE_INFINITY) this.#timer = clock.setTimer(() => this.#look(), next - now);
  }

  /** When a call that is still waiting is to be given up; infinity: as far as can be seen, not at all. */
  #due({ startedAt }: WaitingCall): number {
    const { from, to } = this.#silence;
    if (startedAt >= from && startedAt < to) return startedAt + answerLostAfterMs;
    const { state } = this.#breaker;
    if (startedAt < this.#answered || (state !== 'open' && state !== 'half_open')) return Number.POSITIVE_INFINITY;
    const patienceMs = this.#answered === Number.NEGATIVE_INFINITY ? answerUnknownAfterMs : answerAfterMs;
    return Math.max(this.#silentSince + silenceMs, startedAt + patienceMs);
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
