import type { AlertMetric } from '../config/alerts-schema.ts';
import { policyMetersOf } from '../policies/compose.ts';
import type { BreakerSubject, PoolSubject } from './subjects.ts';

/**
 * What rules look at have one trouble in common where they look at the same: a server that fails, is slow, has too much to do,
 * leaves writes queued; or what somebody has done, or could do.
 */
export type Family = 'availability' | 'latency' | 'capacity' | 'queue' | 'control' | 'shadow';

/** How a value is written for people. */
export type Unit = 'share' | 'ms' | 'count' | 'times';

interface Described {
  readonly family: Family;
  readonly unit: Unit;
}

export type Measure = Described &
  (
    | { readonly of: 'breaker'; read(subject: BreakerSubject, ticks: number, minimumCalls: number): number | undefined }
    | { readonly of: 'pool'; read(subject: PoolSubject, ticks: number, minimumCalls: number): number | undefined }
  );

const open = ({ breaker }: BreakerSubject): boolean => breaker.state === 'open' || breaker.state === 'half_open';
const share = (part: number, all: number, minimum: number): number | undefined => (all === 0 || all < minimum ? undefined : part / all);

/** Calls that were asked for, however they ended. */
function asked(subject: BreakerSubject, ticks: number): number {
  return (['succeeded', 'failed', 'uncounted', 'rejected'] as const).reduce((sum, total) => sum + subject.grown(total, ticks), 0);
}

/** By metric: from plain numbers, `undefined` where there is nothing to judge by. */
export const measures: Readonly<Record<AlertMetric, Measure>> = {
  open: { of: 'breaker', family: 'availability', unit: 'count', read: (subject) => (open(subject) ? 1 : 0) },
  openings: { of: 'breaker', family: 'availability', unit: 'count', read: (subject, ticks) => subject.grown('openings', ticks) },
  failedProbes: {
    of: 'breaker',
    family: 'availability',
    unit: 'count',
    read: (subject, ticks) => (open(subject) ? subject.grown('failedProbes', ticks) : 0),
  },
  failureRatio: {
    of: 'breaker',
    family: 'availability',
    unit: 'share',
    read: (subject, ticks, minimum) => {
      const failed = subject.grown('failed', ticks);
      // Nearly always: nothing else has to be counted then.
      return failed === 0 ? 0 : share(failed, failed + subject.grown('succeeded', ticks), minimum);
    },
  },
  rejectionRatio: {
    of: 'breaker',
    family: 'availability',
    unit: 'share',
    read: (subject, ticks, minimum) => {
      const rejected = subject.grown('rejected', ticks);
      return rejected === 0 ? 0 : share(rejected, asked(subject, ticks), minimum);
    },
  },
  fallbackRatio: {
    of: 'breaker',
    family: 'availability',
    unit: 'share',
    read: (subject, ticks, minimum) => {
      const served = subject.grown('served', ticks);
      return served === 0 ? 0 : share(served, asked(subject, ticks), minimum);
    },
  },
  p95Ms: { of: 'breaker', family: 'latency', unit: 'ms', read: ({ latency }, _, minimum) => latency.p95(minimum) },
  p99Ms: { of: 'breaker', family: 'latency', unit: 'ms', read: ({ latency }, _, minimum) => latency.p99(minimum) },
  slowdown: { of: 'breaker', family: 'latency', unit: 'times', read: ({ latency }, _, minimum) => latency.slowdown(minimum) },
  limited: { of: 'breaker', family: 'capacity', unit: 'count', read: (subject, ticks) => subject.grown('limited', ticks) },
  poolWaiting: {
    of: 'pool',
    family: 'capacity',
    unit: 'count',
    read: ({ reading: { used, limit, waiting } }) => (used >= limit ? waiting : 0),
  },
  poolTimeouts: { of: 'pool', family: 'capacity', unit: 'count', read: (subject, ticks) => subject.timeouts(ticks) },
  queueAgeMs: { of: 'breaker', family: 'queue', unit: 'ms', read: ({ breaker }) => policyMetersOf(breaker)?.queue?.ageMs },
  queueDepth: { of: 'breaker', family: 'queue', unit: 'count', read: ({ breaker }) => policyMetersOf(breaker)?.queue?.depth },
  byHand: {
    of: 'breaker',
    family: 'control',
    unit: 'count',
    // Of a breaker in mode `off` that is no hand's work.
    read: ({ breaker: { state, mode } }) => (state === 'forced_open' || (state === 'disabled' && mode !== 'off') ? 1 : 0),
  },
  wouldReject: { of: 'breaker', family: 'shadow', unit: 'count', read: (subject, ticks) => subject.grown('wouldReject', ticks) },
};
