import type { StateName } from '../core/errors.ts';
import type { Trigger } from './events.ts';
import type { WindowCounts } from './window/window.ts';

/** Why a circuit moves. */
export interface Cause {
  readonly trigger: Trigger;
  readonly value?: number | undefined;
  readonly limit?: number | undefined;
  readonly error?: unknown;
  readonly reason?: string | undefined;
  readonly trace?: unknown;
  readonly retryAfterMs?: number | undefined;
  readonly openForMs?: number | undefined;
}

/** A move just made. */
export interface Move {
  readonly from: StateName;
  readonly to: StateName;
  /** Of the machine that runs beside the traffic: nothing changes for callers. */
  readonly beside: boolean;
  readonly at: number;
  /** The window before the move. */
  readonly counts: WindowCounts;
  /** The failure that has last opened the circuit, if it was one. */
  readonly tripError: unknown;
  readonly cause: Cause;
}
