import type { StateName } from '../core/errors.ts';
import type { Mode } from '../core/options.ts';
import type { HalfOpenTrial } from './half-open.ts';
import type { RampUp } from './ramp-up.ts';

interface Incarnation {
  /** Counts the states that a breaker has been in: a result is fenced by the state that admitted its call. */
  readonly generation: number;
  /** When it began, in ms of the breaker's clock. */
  readonly since: number;
  /** Runs beside the traffic: decides and reports, refuses nothing. */
  readonly shadow: boolean;
  /** Every call may go as it is: closed, without a ramp, and no faults are injected. */
  usual: boolean;
}

export interface ClosedState extends Incarnation {
  readonly kind: 'closed';
  /** Dropped when it is over. */
  ramp: RampUp | undefined;
}
export interface OpenState extends Incarnation {
  readonly kind: 'open';
  /** When it becomes half-open. */
  readonly until: number;
  /** Whether evidence that the server is back may end it before its time. */
  readonly mayEndEarly: boolean;
  /** Opened by evidence of the server's connection alone: no call of its own has failed. */
  readonly byEvidence: boolean;
}
export interface HalfOpenState extends Incarnation {
  readonly kind: 'half_open';
  readonly trial: HalfOpenTrial;
  /** Entered by evidence that the server is back, before the open time was over. */
  readonly early: boolean;
  /** Of the opening before. */
  readonly byEvidence: boolean;
}
export interface ForcedOpenState extends Incarnation {
  readonly kind: 'forced_open';
}
export interface DisabledState extends Incarnation {
  readonly kind: 'disabled';
}

/**
 * A state is a value, and a call keeps the one that admitted it: after the await a result whose state is over is dropped
 * (sources: cockatiel's `InnerState`, SmallRye Fault Tolerance `CircuitBreaker`).
 */
export type State = ClosedState | OpenState | HalfOpenState | ForcedOpenState | DisabledState;

type WithoutIncarnation<S> = S extends State ? Omit<S, 'generation' | 'since' | 'usual'> : never;

/** A state to come. */
export type Successor = WithoutIncarnation<State>;

/** Written out: a spread copy would have a hidden class of its own for every breaker, in memory and for each call that reads it. */
export function incarnate(next: Successor, generation: number, since: number, injected: boolean): State {
  const { shadow } = next;
  const usual = false;
  switch (next.kind) {
    case 'closed':
      return { kind: next.kind, generation, since, shadow, usual: next.ramp === undefined && !injected, ramp: next.ramp };
    case 'open':
      return { kind: next.kind, generation, since, shadow, usual, until: next.until, mayEndEarly: next.mayEndEarly, byEvidence: next.byEvidence };
    case 'half_open':
      return { kind: next.kind, generation, since, shadow, usual, trial: next.trial, early: next.early, byEvidence: next.byEvidence };
    default:
      return { kind: next.kind, generation, since, shadow, usual };
  }
}

export type CircuitKind = 'closed' | 'open' | 'half_open';

export function publicName(state: State): StateName {
  return state.shadow ? 'shadow' : state.kind;
}

/** The state that a mode begins in. */
export function homeState(mode: Mode): Successor {
  if (mode === 'off') return { kind: 'disabled', shadow: false };
  return { kind: 'closed', shadow: mode === 'shadow', ramp: undefined };
}
