import type { Breaker } from '../breaker/breaker.ts';
import { rejectionReasons, stateNames } from '../breaker/meters.ts';
import type { RejectionReason, StateName } from '../core/errors.ts';
import { countedOutcomes } from '../core/outcome.ts';
import { policyMetersOf } from '../policies/compose.ts';
import { fallbackTypes } from '../policies/meters.ts';

/**
 * What has been counted since a breaker was made. The first five grow with nearly every call; the others mostly stand still and
 * have rows of their own. `uncounted` are calls that ended neither well nor badly, `limited` the rejections by a limit and not by
 * the circuit.
 */
export const totals = ['succeeded', 'failed', 'uncounted', 'rejected', 'served', 'limited', 'wouldReject', 'openings', 'failedProbes'] as const;
export type Total = (typeof totals)[number];

export const often = 5;
export const firstTotal = 5;
export const oftenWidth = firstTotal + often;
export const seldomWidth = 1 + totals.length - often;

/** Where a total stands. */
export const columnOf = Object.fromEntries(
  totals.map((total, index) => [total, index < often ? { seldom: false, column: firstTotal + index } : { seldom: true, column: 1 + index - often }]),
) as Readonly<Record<Total, { readonly seldom: boolean; readonly column: number }>>;

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
  const add = (index: number, count: number): void => {
    into[index] = (into[index] as number) + count;
  };
  for (const outcome of countedOutcomes) {
    const index = outcome === 'success' ? 0 : outcome === 'failure' ? 1 : 2;
    add(index, meters.calls(outcome, false) + meters.calls(outcome, true));
  }
  for (const reason of rejectionReasons) {
    const refused = meters.rejections(reason);
    if (refused > 0) {
      add(3, refused);
      if (limits.includes(reason)) add(5, refused);
    }
    add(6, meters.shadowRejections(reason));
  }
  add(4, served);
}

/** Calls that fallbacks have served. */
export function servedOf(breaker: Breaker): number {
  const meters = policyMetersOf(breaker);
  return meters === undefined ? 0 : fallbackTypes.reduce((total, type) => total + meters.fallbacks(type, 'success'), 0);
}
