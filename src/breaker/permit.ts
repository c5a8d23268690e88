import type { Outcome } from '../core/outcome.ts';
import type { State } from './state.ts';

/** Where permits go back to. */
export interface PermitOwner {
  readonly name: string;
  settle(permit: Permit, outcome: Outcome | 'cancelled', error: unknown, durationMs: number | undefined): void;
  enter<R>(permit: Permit, fn: () => R): R;
}

/**
 * The right to make one call. It settles once; a second settling is ignored. Whoever holds one must settle it, or bind
 * it with `using`: a permit let go unsettled proves nothing and is given back.
 */
export class Permit<Owner extends PermitOwner = PermitOwner> {
  /** What telemetry keeps with the call. */
  trace: unknown;
  /** A Retry-After of the server's, in ms. */
  retryAfterMs = 0;
  settled = false;
  /** Counted, but neither recorded nor fenced: shadow mode would have refused it, or the breaker is disabled. */
  unrecorded = false;
  /** Counted as slow while running. */
  overdue = false;
  /** The success count when the call began: tells whether anything has succeeded since. */
  era = 0;
  /** The state's number when the call began, and its place among the calls under way. */
  term = 0;
  place = 0;

  constructor(
    readonly breaker: Owner,
    /** The state that admitted the call: its result counts only while that state lasts. */
    public state: State,
    public startedAt: number,
    /** Whether the call is a half-open circuit's probe. */
    public probe: boolean,
    /** Exempt from everything that time decides: slow calls, stall, durations. For calls that wait by their nature. */
    public untimed: boolean,
  ) {}

  /** @internal Makes a settled permit a new one. */
  renew(state: State, startedAt: number, probe: boolean): this {
    this.state = state;
    this.startedAt = startedAt;
    this.probe = probe;
    this.settled = false;
    this.overdue = false;
    this.trace = undefined;
    this.retryAfterMs = 0;
    return this;
  }

  /** The call succeeded. @param durationMs measured unless given */
  succeed(durationMs?: number): void {
    this.breaker.settle(this, 'success', undefined, durationMs);
  }

  /** The call failed, and the dependency is to blame. @param durationMs measured unless given */
  fail(error: unknown, durationMs?: number): void {
    this.breaker.settle(this, 'failure', error, durationMs);
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
    this.breaker.settle(this, outcome, error, durationMs);
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
