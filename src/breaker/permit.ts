import type { Outcome } from '../core/outcome.ts';
import type { Injection } from './injection.ts';
import type { State } from './state.ts';

/** Where permits go back to. */
export interface PermitOwner {
  readonly name: string;
  /** The way of nearly all calls: a success whose duration is measured. */
  succeed(permit: Permit): void;
  /** The same for a failure. */
  fail(permit: Permit, error: unknown): void;
  settle(permit: Permit, outcome: Outcome | 'cancelled', error: unknown, durationMs: number | undefined): void;
  enter<R>(permit: Permit, fn: () => R): R;
  begin(permit: Permit): void;
}

/**
 * The right to make one call. It settles once; a second settling is ignored. Whoever holds one must settle it, or bind
 * it with `using`: a permit let go unsettled proves nothing and is given back.
 */
export class Permit<Owner extends PermitOwner = PermitOwner> {
  /** The state that admitted the call: its result counts only while that state lasts. */
  state!: State;
  startedAt = 0;
  /** Whether the call is a half-open circuit's probe. */
  probe = false;
  settled = false;
  /** Counted, but neither recorded nor fenced: shadow mode would have refused it, or the breaker is disabled. */
  unrecorded = false;
  /** Counted as slow while running. */
  overdue = false;
  /** Its call waits for something of the caller's own, and is not late while it does. */
  queued = false;
  /** Those next to it among the calls under way. */
  older: Permit | undefined = undefined;
  newer: Permit | undefined = undefined;
  /** A Retry-After of the server's, in ms. */
  retryAfterMs = 0;
  /** What telemetry keeps with the call. */
  trace: unknown = undefined;
  /** What its call meets, unless an injected error has ended it by now. Whoever has asked for such a permit heeds it. */
  injection: Injection | undefined = undefined;
  /** What whoever made the call keeps with it, to be found by those who look through the calls under way. */
  holder: unknown = undefined;

  constructor(
    readonly breaker: Owner,
    /** Exempt from everything that time decides: slow calls, stall, durations. For calls that wait by their nature. */
    readonly untimed: boolean,
  ) {}

  /** @internal Makes one whose call has ended ready for another. */
  renew(): void {
    this.probe = false;
    this.settled = false;
    this.unrecorded = false;
    this.overdue = false;
    this.trace = undefined;
  }

  /** The call succeeded. @param durationMs measured unless given, or if it is no duration */
  succeed(durationMs?: number): void {
    if (durationMs === undefined) this.breaker.succeed(this);
    else this.breaker.settle(this, 'success', undefined, durationMs);
  }

  /** The call failed, and the dependency is to blame. @param durationMs measured unless given, or if it is no duration */
  fail(error: unknown, durationMs?: number): void {
    if (durationMs === undefined) this.breaker.fail(this, error);
    else this.breaker.settle(this, 'failure', error, durationMs);
  }

  /** The call proves nothing about the dependency. */
  ignore(error?: unknown): void {
    this.breaker.settle(this, 'ignored', error, undefined);
  }

  /** The caller gave up the call. */
  cancel(): void {
    this.breaker.settle(this, 'cancelled', undefined, undefined);
  }

  settle(outcome: Outcome | 'cancelled', error?: unknown, durationMs?: number): void {
    if (outcome === 'success' && error === undefined) this.succeed(durationMs);
    else if (outcome === 'failure') this.fail(error, durationMs);
    else this.breaker.settle(this, outcome, error, durationMs);
  }

  /** The call waits for something of the caller's own, such as a connection that is in use: it is not late until it {@link begin}s. */
  queue(): void {
    this.queued = true;
  }

  /** A call that has waited in a queue begins now: its duration is measured from here. */
  begin(): void {
    if (this.queued) this.breaker.begin(this);
  }

  /** What the server asked for, in ms: should this call's failure open the circuit, it stays open for so long at least. */
  retryAfter(ms: number): void {
    if (ms > 0) this.retryAfterMs = ms;
  }

  /** Runs the call's function so that telemetry sees it inside a probe's span. */
  enter<R>(fn: () => R): R {
    return this.breaker.enter(this, fn);
  }

  [Symbol.dispose](): void {
    this.ignore();
  }
}
