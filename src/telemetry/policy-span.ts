import type { Attributes, Context, Span } from '@opentelemetry/api';
import { errorType, type RejectionReason } from '../core/errors.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import type { PolicyTrace, TracedBreaker } from '../core/tracer.ts';
import { context, SpanStatusCode, trace } from './api.ts';
import { attributes as a, limitReasons, rejectedErrorType, spanEventNames } from './names.ts';

/** A refusal that may yet be made good by a fallback. */
interface Refusal {
  readonly reason: RejectionReason;
  readonly retryAfterMs: number | undefined;
}

/** What a call's span needs of the tracer. */
export interface PolicySpanMaker {
  /** Starts the span of a call in the context in which it began. */
  start(breaker: TracedBreaker, startTime: number, active: Context): Span;
  /** Tells of a refusal that nothing has made good. */
  refused(breaker: TracedBreaker, refusal: Refusal, active: Context): void;
  /** Something else has answered. */
  served(breaker: TracedBreaker, active: Context): void;
}

/** The `error.type` of a refusal. */
export function refusalType(reason: RejectionReason): string {
  return limitReasons.has(reason) ? reason : rejectedErrorType;
}

/** Whose function runs now: what it is refused meanwhile is its own to tell of. */
let current: PolicySpan | undefined;

/** The call whose attempt is being made in this very turn of a breaker. */
export function policySpanOf(breaker: TracedBreaker): PolicySpan | undefined {
  return current?.breaker === breaker ? current : undefined;
}

/**
 * The span of a call that took more than one attempt, ran out of time or was served by a fallback; begun in the past, when it
 * turns out that there is something to tell. Attempts from then on are inside it, the first one is beside it.
 */
export class PolicySpan implements PolicyTrace {
  readonly breaker: TracedBreaker;
  readonly #maker: PolicySpanMaker;
  readonly #active: Context;
  readonly #startTime = Date.now();
  #span: Span | undefined;
  #inside: Context;
  #refusal: Refusal | undefined;
  #attempts = 0;
  #injected = false;

  constructor(breaker: TracedBreaker, maker: PolicySpanMaker, active: Context) {
    this.breaker = breaker;
    this.#maker = maker;
    this.#active = active;
    this.#inside = active;
  }

  enter<R>(fn: () => R): R {
    const outer = current;
    current = this;
    try {
      return this.#span === undefined ? fn() : context.with(this.#inside, fn);
    } finally {
      current = outer;
    }
  }

  /** @internal A breaker or a limit has refused it. */
  refused(refusal: Refusal): void {
    this.#refusal = refusal;
  }

  /** @internal An attempt has met an injected fault. */
  injected(): void {
    this.#injected = true;
    this.#span?.setAttribute(a.injected, true);
  }

  repeated(attempt: number, error: unknown, waitMs: number): void {
    this.#attempts = attempt + 1;
    this.#refusal = undefined;
    this.#open().addEvent(spanEventNames.attempt, { [a.retryAttempts]: attempt, [a.errorType]: errorType(error), [a.retryWait]: waitMs / 1_000 });
  }

  timedOut(totalMs: number): void {
    this.#open().setAttribute(a.totalTimeout, totalMs / 1_000);
  }

  served(type: string, failure: unknown, ageMs?: number): void {
    const span = this.#open();
    span.setAttribute(a.fallbackType, type);
    if (ageMs !== undefined) span.setAttribute(a.cacheAge, ageMs / 1_000);
    if (this.#refusal !== undefined) span.setAttributes(refusalAttributes(this.#refusal));
    if (failure !== undefined) span.addEvent(spanEventNames.exception, { [a.exceptionType]: errorType(failure) });
    this.#refusal = undefined;
    this.#maker.served(this.breaker, this.#active);
  }

  ended(outcome: CountedOutcome, error: unknown): void {
    const refusal = this.#refusal;
    const span = this.#span ?? (outcome === 'failure' && ranOutOfTime(error) ? this.#open() : undefined);
    if (span === undefined) {
      if (refusal !== undefined && outcome !== 'success') this.#maker.refused(this.breaker, refusal, this.#active);
      return;
    }
    if (this.#attempts > 1) span.setAttribute(a.retryAttempts, this.#attempts);
    span.setAttribute(a.outcome, refusal === undefined ? outcome : 'rejected');
    if (refusal !== undefined) span.setAttributes({ ...refusalAttributes(refusal), [a.errorType]: refusalType(refusal.reason) });
    else if (outcome === 'failure') span.setAttribute(a.errorType, errorType(error));
    if (refusal !== undefined || outcome === 'failure') span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  #open(): Span {
    if (this.#span === undefined) {
      this.#span = this.#maker.start(this.breaker, this.#startTime, this.#active);
      if (this.#injected) this.#span.setAttribute(a.injected, true);
      this.#inside = trace.setSpan(this.#active, this.#span);
    }
    return this.#span;
  }
}

function ranOutOfTime(error: unknown): boolean {
  return (error as { code?: unknown } | null | undefined)?.code === 'ECALLTIMEOUT';
}

function refusalAttributes({ reason, retryAfterMs }: Refusal): Attributes {
  const made: Attributes = { [a.rejectionReason]: reason };
  if (retryAfterMs !== undefined) made[a.retryAfter] = retryAfterMs / 1_000;
  return made;
}
