import type { Breaker } from '../breaker/breaker.ts';
import { rejectionReasons, stateNames } from '../breaker/meters.ts';
import type { RejectionReason, StateName } from '../core/errors.ts';
import { policyMetersOf } from '../policies/compose.ts';
import { fallbackTypes } from '../policies/meters.ts';

/**
 * What has been counted since a breaker was made. The first four grow with nearly every call; the others mostly stand still and
 * have rows of their own. `limited` are the rejections by a limit, not by the circuit.
 */
export const totals = ['succeeded', 'failed', 'rejected', 'served', 'limited', 'wouldReject', 'openings', 'failedProbes'] as const;
export type Total = (typeof totals)[number];

export const often = 4;
export const firstTotal = 5;
export const oftenWidth = firstTotal + often;
export const seldomWidth = 1 + totals.length - often;

/** Where a total stands. */
export function columnOf(total: Total): { readonly seldom: boolean; readonly column: number } {
  const index = totals.indexOf(total);
  return index < often ? { seldom: false, column: firstTotal + index } : { seldom: true, column: 1 + index - often };
}

/** A breaker of the name is no more. */
const goneBit = 1 << 5;
const failureRatioBit = 1 << 3;
const slowRatioBit = 1 << 4;
const mostInFlight = (1 << 24) - 1;

/** What is kept of a breaker at one moment. */
export interface Gauges {
  readonly state: StateName;
  readonly gone: boolean;
  readonly inFlight: number;
  readonly recorded: number;
  readonly failures: number;
  readonly slow: number;
  /** Whether there were enough calls for the ratios to mean anything, and whether the rule is in force. */
  readonly failureRatioKnown: boolean;
  readonly slowRatioKnown: boolean;
}

/** Fills columns 1 to 4. */
export function writeGauges(row: Uint32Array, breaker: Breaker): void {
  const { options } = breaker;
  const state = stateNames.indexOf(breaker.state);
  const { recorded, failures, slow } = breaker.window;
  const known = recorded >= options.minimumCalls ? failureRatioBit | (options.slowCallMs === undefined ? 0 : slowRatioBit) : 0;
  row[1] = state + known + Math.min(breaker.inFlight, mostInFlight) * 256;
  row[2] = recorded;
  row[3] = failures;
  row[4] = slow;
}

/** The same for one that is no more. */
export function writeGone(row: Uint32Array): void {
  row[1] = goneBit;
  row.fill(0, 2, 5);
}

/** @param word gives the row's columns */
export function readGauges(word: (column: number) => number): Gauges {
  const packed = word(1);
  return {
    state: stateNames[packed & 7] as StateName,
    gone: (packed & goneBit) !== 0,
    inFlight: packed >>> 8,
    recorded: word(2),
    failures: word(3),
    slow: word(4),
    failureRatioKnown: (packed & failureRatioBit) !== 0,
    slowRatioKnown: (packed & slowRatioBit) !== 0,
  };
}

const limits: readonly RejectionReason[] = ['bulkhead_full', 'rate_limited', 'throttled', 'queue_full'];

/** Totals by {@link totals}. */
export type Totals = number[];

/** Adds what a breaker's own counters tell; of openings and probes its moves do. In place: a thousand breakers are read at once. */
export function addTotals(into: Totals, { meters }: Breaker, served: number): void {
  into[0] = (into[0] as number) + meters.calls('success', false) + meters.calls('success', true);
  into[1] = (into[1] as number) + meters.calls('failure', false) + meters.calls('failure', true);
  for (const reason of rejectionReasons) {
    const refused = meters.rejections(reason);
    into[2] = (into[2] as number) + refused;
    if (refused > 0 && limits.includes(reason)) into[4] = (into[4] as number) + refused;
    into[5] = (into[5] as number) + meters.shadowRejections(reason);
  }
  into[3] = (into[3] as number) + served;
}

/** Calls that fallbacks have served. */
export function servedOf(breaker: Breaker): number {
  const meters = policyMetersOf(breaker);
  return meters === undefined ? 0 : fallbackTypes.reduce((total, type) => total + meters.fallbacks(type, 'success'), 0);
}
