import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { judge, judgeAnswer } from '../shared/admission.ts';
import type { BodyGrace, Held } from './body-grace.ts';
import { isRefused, isServerFault, outcomeOfAbort, outcomeOfError, outcomeOfStatus } from './classify.ts';
import { refusalsInARow } from './defaults.ts';
import { handOver } from './hand-over.ts';
import { httpStatusError } from './http-status-error.ts';
import { retryAfterMs, statusesWithRetryAfter } from './retry-after.ts';
import type { UndiciRequest } from './types.ts';
import type { Upstream } from './upstream.ts';
import type { WaitingCall } from './waiting-calls.ts';

export interface Answer {
  readonly status: number;
  /** What a user's `classify` is shown. */
  readonly value: unknown;
  /** Read only for the statuses with which it means something. */
  readonly retryAfter: () => string | null | undefined;
  /** Another origin answered, to which this one had redirected: all it says of this one is that it works. */
  readonly elsewhere?: boolean;
}

/** Who tells a call's answer: the promise of `fetch`, which comes after redirects, or the request itself. */
export type ToldBy = 'promise' | 'request';

/**
 * One admitted call of HTTP and what becomes of it: an answer or an error, then the end of the body or its breaking off.
 * Whoever observes the call tells it so, in any order and as often as he likes; the permit settles once.
 */
export class HttpCall implements Held, WaitingCall {
  answeredAt = 0;
  /** Whether somebody will tell how the body ends. */
  observed = false;
  /** The connection on which the request went out, once it has. */
  socket: unknown;
  /** Its latest request. */
  request: UndiciRequest | undefined;
  older: WaitingCall | undefined;
  newer: WaitingCall | undefined;
  listed = false;
  /** In a bulkhead that only counts, until the headers are here. */
  place: { leave(): void } | undefined;
  /** How its error was counted. */
  outcome: Outcome | 'cancelled' | undefined;
  #phase: 'waiting' | 'answered' | 'streaming' | 'over' = 'waiting';
  /** The first exchange was over before the answer was known: its body has come whole, has broken off, or it was a redirect. */
  #early: { readonly error: unknown } | undefined;
  #taken: { readonly reason: unknown } | undefined;
  readonly #generation: number;

  constructor(
    private readonly upstream: Upstream,
    readonly permit: Permit<Breaker>,
    private readonly grace: BodyGrace,
    readonly toldBy: ToldBy,
    /** The caller's. */
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#generation = permit.breaker.generation;
    upstream.waiting.add(this);
  }

  get startedAt(): number {
    return this.permit.startedAt;
  }

  /** Ends its request as an error of its connection would. One that undici knows nothing of stays as it is. */
  giveUp(error: Error): void {
    const { request } = this;
    // Until undici takes it up there is nothing to abort.
    if (typeof request?.abort === 'function') request.abort(error);
    else request?.onError?.(error);
  }

  get origin(): string {
    return this.upstream.origin;
  }

  /** Neither an answer nor an error yet. */
  get waiting(): boolean {
    return this.#phase === 'waiting';
  }

  /** A request has been made for it: the first one, the next one of a redirect, or a retry of one that failed. */
  sent(): void {
    this.observed = true;
    if (this.#early === undefined || !isServerFault(this.#early.error)) return;
    this.#early = undefined;
    handOver.following -= 1;
  }

  /** The headers have come. */
  answered(answer: Answer): void {
    if (!this.#waitsNoMore()) return;
    const { permit } = this;
    this.upstream.refusals = 0;
    this.upstream.waiting.answered(permit.startedAt);
    const byStatus = answer.elsewhere === true ? 'success' : outcomeOfStatus(answer.status);
    const { breaker } = permit;
    const outcome = judgeAnswer(breaker, answer.value, byStatus);
    if (outcome === 'success') this.#answeredLate();
    if (outcome === 'failure') {
      if (statusesWithRetryAfter.has(answer.status)) permit.retryAfter(retryAfterMs(answer.retryAfter()));
      permit.fail(httpStatusError(this.origin, answer.status));
    } else if (outcome === 'ignored') {
      permit.ignore();
    } else if (this.#early !== undefined && this.#blamesServer(this.#early.error)) {
      permit.fail(this.#early.error);
    } else if (this.#early !== undefined || !this.observed) {
      permit.succeed();
    } else {
      this.#phase = 'answered';
      this.answeredAt = breaker.clock.now();
      this.grace.hold(this);
    }
  }

  /** A server that was given up for its silence has answered after all: there is no need to wait the open time out. */
  #answeredLate(): void {
    const { breaker } = this.permit;
    if (this.#current || breaker.state !== 'open') return;
    const trigger = breaker.snapshot().lastTrip?.trigger;
    if (trigger === 'stall' || trigger === 'probe_lease') breaker.recovered({ waitedMs: breaker.clock.now() - this.startedAt });
  }

  /** No answer, but an error. */
  failed(error: unknown): void {
    if (!this.#waitsNoMore()) return;
    const { permit } = this;
    const outcome = this.#judgeError(error);
    this.outcome = outcome;
    permit.settle(outcome, outcome === 'cancelled' ? undefined : error);
    // Of a circuit that has moved on since, a late refusal proves nothing.
    if (outcome !== 'failure' || !isRefused(error) || !this.#current) return;
    this.upstream.refusals += 1;
    if (this.upstream.refusals >= refusalsInARow) permit.breaker.report(error, { refused: true, trace: permit.trace });
  }

  /** The body has come whole. */
  ended(): void {
    if (this.#phase === 'waiting') this.#endedEarly(undefined);
    else this.#finish();
  }

  /** The exchange broke off. Before an answer it is for the caller's own error to tell what that means. */
  broke(error: unknown): void {
    if (this.#phase === 'waiting') {
      if (this.toldBy === 'request') this.failed(error);
      else this.#endedEarly(error);
      return;
    }
    const blame = this.#blamesServer(error);
    if (this.#phase === 'answered' && blame) {
      this.#phase = 'over';
      this.permit.fail(error, this.#durationMs);
    } else if (this.#phase === 'streaming' && blame && this.#current) {
      this.#phase = 'over';
      this.permit.breaker.report(error, { trace: this.permit.trace });
    } else {
      this.#finish();
    }
  }

  /** The caller took the call back by other means than a signal that is known here. */
  taken(reason: unknown): void {
    this.#taken ??= { reason };
  }

  /** The client refused the request in its own words: nothing was sent. */
  unsent(): void {
    if (this.#waitsNoMore()) this.permit.ignore();
  }

  release(): void {
    if (this.#phase !== 'answered') return;
    this.#phase = 'streaming';
    this.permit.succeed(this.#durationMs);
  }

  #endedEarly(error: unknown): void {
    if (this.#early !== undefined) return;
    this.#early = { error };
    handOver.following += 1;
  }

  /** Whether it has waited until now. */
  #waitsNoMore(): boolean {
    if (this.#phase !== 'waiting') return false;
    this.#phase = 'over';
    this.upstream.waiting.remove(this);
    this.place?.leave();
    if (this.#early !== undefined) handOver.following -= 1;
    return true;
  }

  #finish(): void {
    this.release();
    this.#phase = 'over';
    // The grace lets go of it a moment later: no request is to be found alive by the garbage collector for that.
    this.request = undefined;
    this.socket = undefined;
  }

  get #durationMs(): number {
    return this.answeredAt - this.permit.startedAt;
  }

  get #current(): boolean {
    return this.permit.breaker.generation === this.#generation;
  }

  /** Once the headers are here, how long the caller goes on reading is up to him: even his deadline is no fault of the server's. */
  #blamesServer(error: unknown): boolean {
    return this.#taken === undefined && this.signal?.aborted !== true && isServerFault(error);
  }

  #judgeError(error: unknown): Outcome | 'cancelled' {
    if (this.#taken !== undefined && isOf(this.#taken.reason, error)) return outcomeOfAbort(this.#taken.reason);
    if (this.signal?.aborted === true && isOf(this.signal.reason, error)) return outcomeOfAbort(this.signal.reason);
    // The server had answered, by a redirect: what failed is where that led.
    if (this.#early !== undefined && !isServerFault(this.#early.error)) return 'ignored';
    const outcome = outcomeOfError(error);
    return outcome === 'cancelled' ? outcome : judge(this.permit.breaker, { ok: false, error }, outcome);
  }
}

/** Whether an error came of an abort with that reason. */
function isOf(reason: unknown, error: unknown): boolean {
  if (error === reason) return true;
  const { cause, name } = (error ?? {}) as { cause?: unknown; name?: unknown };
  return (cause !== undefined && cause === reason) || name === 'AbortError';
}
