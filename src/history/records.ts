import type { TransitionEvent } from '../breaker/events.ts';
import { errorType, type StateName } from '../core/errors.ts';

/** A move of a circuit, or as `shadow` one that a breaker in shadow mode would have made. */
export interface MoveRecord {
  readonly breaker: string;
  /** Epoch ms. */
  readonly at: number;
  readonly from: StateName;
  readonly to: StateName;
  readonly trigger: string;
  readonly value: number | undefined;
  readonly limit: number | undefined;
  readonly errorType: string | undefined;
  /** Who or why, of a move by hand. */
  readonly reason: string | undefined;
  readonly shadow: boolean;
  readonly openForMs: number | undefined;
}

/** A breaker at one moment, and what it has counted since the one before. */
export interface Sample {
  /** Epoch ms. */
  readonly at: number;
  readonly state: StateName;
  readonly inFlight: number;
  /** What the rules looked at. */
  readonly recorded: number;
  readonly failures: number;
  readonly slow: number;
  /** Absent below the minimum number of calls. */
  readonly failureRatio: number | undefined;
  /** Absent also where nothing counts as slow. */
  readonly slowRatio: number | undefined;
  /** Since the sample before. */
  readonly succeeded: number;
  readonly failed: number;
  readonly rejected: number;
  /** By fallbacks. */
  readonly served: number;
}

/** @param at epoch ms */
export function moveRecord(event: TransitionEvent, at: number): MoveRecord {
  const { breaker, from, to, trigger, value, limit, error, reason, shadow, openForMs } = event;
  return {
    breaker: breaker.name,
    at,
    from,
    to,
    trigger,
    value,
    limit,
    errorType: error === undefined ? undefined : errorType(error),
    reason,
    shadow,
    openForMs,
  };
}
