import type { RejectionReason, StateName } from '../core/errors.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import type { Breaker } from './breaker.ts';
import type { WindowCounts } from './window/window.ts';

/** What moved a circuit; a third party's trip rule adds its own name. */
export type Trigger =
  | 'failure_ratio'
  | 'failure_count'
  | 'consecutive_failures'
  | 'slow_ratio'
  | 'stall'
  | 'connection'
  | 'open_elapsed'
  | 'probes_succeeded'
  | 'probes_failed'
  | 'probe_lease'
  | 'ramp_up_failed'
  | 'manual'
  | 'config'
  | (string & {});

export interface FailureRecord {
  readonly errorType: string;
  /** What the tracer kept with the call; `undefined` for connection evidence. */
  readonly trace: unknown;
}

/** A move of the circuit, or as `verdict` the move that it would have made in shadow mode. */
export interface TransitionEvent {
  readonly breaker: Breaker;
  readonly from: StateName;
  readonly to: StateName;
  readonly trigger: Trigger;
  /** Only in `verdict` events: nothing was refused. */
  readonly shadow: boolean;
  /** The number of the state that begins. */
  readonly generation: number;
  /** Milliseconds of the breaker's clock. */
  readonly at: number;
  /** What the rule measured when it fired, and its limit. */
  readonly value: number | undefined;
  readonly limit: number | undefined;
  /** The window before the move. */
  readonly counts: WindowCounts;
  /** How long the circuit stays open, in ms; only in moves to `open`. */
  readonly openForMs: number | undefined;
  /** The last failure. */
  readonly error: unknown;
  /** Who or why, of a move by hand. */
  readonly reason: string | undefined;
  /** What the tracer kept with the call that caused the move; `undefined` when a timer or a person did. */
  readonly trace: unknown;
  /** The last failures, at most 32, the newest last. */
  readonly failures: readonly FailureRecord[];
  /** Faults were being injected on purpose. */
  readonly injected: boolean;
  /** What the tracer kept with the calls still under way, at most 32, the oldest first. */
  readonly waiting: readonly unknown[];
}

export interface RejectedEvent {
  readonly breaker: Breaker;
  readonly state: StateName;
  readonly reason: RejectionReason;
  /** It would have been refused; the call was made. */
  readonly shadow: boolean;
  readonly retryAfterMs: number | undefined;
}

export interface CallEvent {
  readonly breaker: Breaker;
  /** The state that admitted it. */
  readonly state: StateName;
  readonly outcome: CountedOutcome;
  readonly durationMs: number;
  readonly slow: boolean;
  readonly error: unknown;
}

export interface BreakerEvents {
  transition: TransitionEvent;
  verdict: TransitionEvent;
  rejected: RejectedEvent;
  call: CallEvent;
}
