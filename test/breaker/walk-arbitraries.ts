import fc from 'fast-check';
import type { BreakerOptions } from '../../src/core/options.ts';
import { GRID_MS } from './naive-breaker.ts';

const off = undefined;
const ms = (from: number, to: number) => fc.integer({ min: from / GRID_MS, max: to / GRID_MS }).map((n) => n * GRID_MS);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: off });
const ratio = fc.constantFrom(0.1, 0.25, 0.34, 0.5, 0.75, 1);

const window = fc.oneof(
  fc.record({ type: fc.constant('count' as const), size: fc.integer({ min: 1, max: 12 }) }),
  fc
    .record({ slice: fc.constantFrom(50, 100, 400), buckets: fc.integer({ min: 1, max: 6 }) })
    .map(({ slice, buckets }) => ({ type: 'time' as const, durationMs: slice * buckets, buckets })),
);

/** Any options that go together. */
export const options: fc.Arbitrary<BreakerOptions> = fc
  .record({
    mode: fc.oneof(
      { weight: 6, arbitrary: fc.constant('enforce' as const) },
      { weight: 3, arbitrary: fc.constant('shadow' as const) },
      fc.constant('off' as const),
    ),
    window,
    minimumCalls: fc.integer({ min: 1, max: 6 }),
    failureRatio: maybe(ratio),
    failureCount: maybe(fc.integer({ min: 1, max: 6 })),
    consecutiveFailures: maybe(fc.integer({ min: 1, max: 4 })),
    slow: maybe(fc.record({ slowCallMs: fc.constantFrom(100, 250, 600), slowRatio: ratio, countInFlight: fc.boolean() })),
    open: fc.record({ durationMs: ms(50, 600), factor: fc.integer({ min: 1, max: 3 }), maxMs: ms(600, 2_000), resetAfterMs: ms(0, 1_500) }),
    halfOpen: fc
      .record({
        permits: fc.integer({ min: 1, max: 4 }),
        short: fc.integer({ min: 0, max: 3 }),
        failureRatio: maybe(ratio),
        leaseMs: ms(50, 800),
        scout: maybe(ms(50, 400)),
        ramp: maybe(ms(50, 1_000)),
      })
      .map(({ permits, short, failureRatio, leaseMs, scout, ramp }) => {
        const successThreshold = Math.max(1, permits - short);
        const scoutMs = scout && Math.min(scout, leaseMs);
        return { permits, successThreshold, leaseMs, scoutMs, rampUpMs: ramp ?? 0, ...(failureRatio !== undefined && { failureRatio }) };
      }),
  })
  .map(({ slow, ...rest }) => {
    const { window, minimumCalls, failureCount } = rest;
    const size = window.type === 'count' ? window.size : Number.POSITIVE_INFINITY;
    return {
      ...rest,
      ...(slow ?? {}),
      minimumCalls: Math.min(minimumCalls, size),
      failureCount: failureCount === undefined ? undefined : Math.min(failureCount, size),
    };
  });

export type Step =
  | { readonly do: 'acquire'; readonly times: number }
  | {
      readonly do: 'settle';
      readonly which: number;
      readonly outcome: 'success' | 'failure' | 'ignored' | 'cancelled';
      readonly retryAfterMs: number;
    }
  | { readonly do: 'advance' | 'skip'; readonly ms: number }
  | { readonly do: 'byHand'; readonly verb: 'forceOpen' | 'disable' | 'shadow' | 'release' | 'reset' }
  | { readonly do: 'report'; readonly refused: boolean }
  | { readonly do: 'recovered' };

/** Whatever may happen to a breaker. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('acquire' as const), times: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(),
      outcome: fc.constantFrom('success', 'success', 'failure', 'failure', 'failure', 'ignored', 'cancelled'),
      retryAfterMs: fc.constantFrom(0, 0, 0, 900, 10_000),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: ms(50, 900) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('skip' as const), ms: ms(50, 900) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('byHand' as const), verb: fc.constantFrom('forceOpen', 'disable', 'shadow', 'release', 'reset') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('report' as const), refused: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('recovered' as const) }) },
);
