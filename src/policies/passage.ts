import { enterIsolated, isolated } from '../breaker/isolated.ts';
import { isRejection, judgeError, judgeValue } from '../breaker/judge.ts';
import type { Clock } from '../core/clock.ts';
import { isInjectedFault } from '../core/injected-fault-error.ts';
import type { CountedOutcome, Outcome } from '../core/outcome.ts';
import { FailedResultError, RetryExhaustedError } from '../core/policy-errors.ts';
import type { PolicyTrace } from '../core/tracer.ts';
import { abortable } from './abortable.ts';
import type { PolicyMeters } from './meters.ts';
import type { Attempt, PolicyCall } from './policy-call.ts';

/** A call on its way through the policies, and what they know of it. */
export class Passage<T> implements Attempt {
  /** Attempts made so far. */
  number = 0;
  /** No attempt may begin later, in ms of the clock. */
  deadline = Number.POSITIVE_INFINITY;
  /** Set when the whole call has run out of time. */
  overdue: Error | undefined;
  /** What the result stands for that the caller gets for want of a better one. */
  lastFailure: { readonly error: unknown } | undefined;
  readonly trace: PolicyTrace | undefined;
  #controller: AbortController | undefined;
  #forward: (() => void) | undefined;
  #bounded = false;
  #retryable = false;
  #wake: ((error: unknown) => void) | undefined;

  constructor(
    readonly call: PolicyCall<T>,
    readonly clock: Clock,
    readonly meters: PolicyMeters,
  ) {
    const { breaker } = call;
    const { tracer } = breaker;
    this.trace = tracer === undefined ? undefined : isolated(() => tracer.around?.(breaker));
  }

  get signal(): AbortSignal | undefined {
    if (!this.#bounded) return this.call.signal;
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { signal } = this.call;
      if (this.overdue !== undefined) this.#controller.abort(this.overdue);
      else if (signal?.aborted === true) this.#controller.abort(signal.reason);
      else if (signal !== undefined) this.#follow(signal, this.#controller);
    }
    return this.#controller.signal;
  }

  /** The call may be ended by its time, not by its caller alone. */
  bound(deadline: number): void {
    this.#bounded = true;
    this.deadline = deadline;
  }

  /** Its time is over: ends the wait or aborts the attempt under way. */
  expire(error: Error): void {
    this.overdue = error;
    this.#controller?.abort(error);
    this.#wake?.(error);
  }

  /** The call may be repeated: how often it is will be counted. */
  mayRepeat(): void {
    this.#retryable = true;
  }

  /** Once per call, when its caller is answered; what an attempt comes to after that changes nothing. */
  countAttempts(outcome: CountedOutcome): void {
    if (!this.#retryable) return;
    this.#retryable = false;
    this.meters.countAttempts(this.number, outcome);
    const { breaker } = this.call;
    isolated(() => breaker.tracer?.retried?.(breaker, this.number, outcome));
  }

  /** Nothing of ours stays with a signal that outlives the call. */
  release(): void {
    if (this.#forward !== undefined) this.call.signal?.removeEventListener('abort', this.#forward);
  }

  /** Waits between attempts; ended at once by the caller's signal or the end of the call's time, with their reason. */
  wait(ms: number): Promise<void> {
    if (this.overdue !== undefined) return Promise.reject(this.overdue);
    return abortable(this.call.signal, (resolve, reject) => {
      const timer = this.clock.setTimer(resolve, ms, true);
      this.#wake = reject;
      return () => {
        timer.cancel();
        this.#wake = undefined;
      };
    });
  }

  /** Makes one attempt. A function that throws instead of rejecting is the same to every policy. */
  attempt(): Promise<T> {
    this.number += 1;
    try {
      return Promise.resolve(this.trace === undefined ? this.call.attempt(this) : this.enter(() => this.call.attempt(this)));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Runs something in the span of the call, if it has one by now. */
  enter<R>(fn: () => R): R {
    const { trace } = this;
    return trace === undefined ? fn() : enterIsolated({ enter: (_trace, run) => trace.enter(run) }, trace, fn);
  }

  tell(what: (trace: PolicyTrace) => void): void {
    const { trace } = this;
    if (trace !== undefined) isolated(() => what(trace));
  }

  /** The error that a result stands for, or `undefined` when it is a good one. */
  failureOf(value: T): unknown {
    const { failureOf, breaker } = this.call;
    if (failureOf !== undefined) return isolated(() => failureOf.call(this.call, value));
    const classify = this.call.classify ?? breaker.options.classify;
    return classify !== undefined && judgeValue(value, classify) === 'failure' ? FailedResultError.of(breaker.name, value) : undefined;
  }

  /** How an error counts. What stands around the call's own error is looked through. */
  outcomeOf(error: unknown): Outcome | 'cancelled' {
    const { call } = this;
    if (error instanceof RetryExhaustedError) return this.outcomeOf(error.cause);
    if (error === this.overdue && error !== undefined) return 'failure';
    if (error instanceof FailedResultError || isInjectedFault(error)) return 'failure';
    if (isRejection(error)) return 'ignored';
    if (call.signal?.aborted === true && error === call.signal.reason) return 'cancelled';
    const own = call.outcomeOf === undefined ? undefined : isolated(() => call.outcomeOf?.(error));
    return own ?? judgeError(error, call.classify ?? call.breaker.options.classify, call.signal);
  }

  /** What makes the empty result: what was configured, or what the client knows; `undefined` where there is none. */
  emptyWith(configured: unknown): (() => T) | undefined {
    if (typeof configured === 'function') return configured as () => T;
    const { empty } = this.call;
    return empty && (() => empty.call(this.call));
  }

  /** A limit has refused the call before anything was made of it. */
  refused(): void {
    if (this.call.breaker.options.policies?.fallback?.queue !== undefined) this.call.queue?.refused?.();
  }

  discard(value: T): void {
    isolated(() => this.call.discard?.(value));
  }

  ended(failed: { readonly error: unknown } | undefined = this.lastFailure): void {
    if (this.trace === undefined) return;
    const outcome = failed === undefined ? 'success' : this.outcomeOf(failed.error);
    this.tell((trace) => trace.ended(outcome, failed?.error));
  }

  #follow(signal: AbortSignal, controller: AbortController): void {
    this.#forward = () => controller.abort(signal.reason);
    signal.addEventListener('abort', this.#forward, { once: true });
  }
}
