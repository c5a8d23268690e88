import type { RejectionReason, StateName } from './errors.ts';
import type { ResolvedInjection } from './injection.ts';
import type { CountedOutcome } from './outcome.ts';

/** What a tracer may know of a breaker without importing it. */
export interface TracedBreaker {
  readonly name: string;
  readonly state: StateName;
  /** Whether faults are being injected into its calls. */
  readonly injected?: boolean;
}

/** What a tracer may know of an injection without importing it. */
export interface TracedInjection {
  readonly fault: ResolvedInjection;
  /** For people: whose calls meet it. */
  readonly scope: string;
  readonly breakers: readonly TracedBreaker[];
  /** Calls that have met it. */
  readonly calls: number;
}

/**
 * The seam for what must happen inside a call's own async context, where listeners do not run: telemetry reads the
 * active span here. All methods are optional to care about, must be quick, and are isolated: a throw is reported and
 * changes nothing. With no tracer set, a call pays one comparison.
 *
 * A *trace* is whatever `admitted` returned: opaque to the engine, kept with the call, handed back at its end and
 * listed in the events that the call caused.
 */
export interface CallTracer {
  /** A call was admitted. `undefined` means: not interested, do not call `settled`. */
  admitted(breaker: TracedBreaker, probe: boolean): unknown;
  /** The call has settled; `state` is the one that admitted it. Never called for a call whose trace is `undefined`. */
  settled(trace: unknown, breaker: TracedBreaker, state: StateName, outcome: CountedOutcome, durationMs: number | undefined, error: unknown): void;
  /** A call was refused (`shadow`: would have been); `retryAfterMs` is when to ask again. */
  rejected(breaker: TracedBreaker, reason: RejectionReason, retryAfterMs: number | undefined, shadow: boolean): void;
  /** Runs a probe's function with the probe's span active; must call `fn` exactly once and return what it returns. */
  enter<R>(trace: unknown, fn: () => R): R;
  /** A call has met a fault that is injected on purpose: called in the call's own context. */
  injected?(trace: unknown, breaker: TracedBreaker, fault: ResolvedInjection): void;
  /** Injecting faults has begun, or has ended. */
  injecting?(injection: TracedInjection, began: boolean): void;
  /** A call begins that has policies around it. `undefined` means: not interested. Optional: a tracer may know nothing of policies. */
  around?(breaker: TracedBreaker): PolicyTrace | undefined;
  /** A call that could be retried has ended, after so many attempts. */
  retried?(breaker: TracedBreaker, attempts: number, outcome: CountedOutcome): void;
}

/** What tracing keeps with a call that has policies around it. A call that succeeds at once is told of by {@link ended} alone. */
export interface PolicyTrace {
  /** Runs an attempt, a tier or a handler; must call `fn` exactly once and return what it returns. */
  enter<R>(fn: () => R): R;
  /** The attempt of that number has failed and will be repeated. */
  repeated(attempt: number, error: unknown, waitMs: number): void;
  /** The whole call has run out of time; it may still be under way. */
  timedOut(totalMs: number): void;
  /** Something else has answered; `failure` is what it hides. `ageMs` of a stale answer. */
  served(type: string, failure: unknown, ageMs?: number): void;
  /** The caller has been answered. */
  ended(outcome: CountedOutcome, error: unknown): void;
}
