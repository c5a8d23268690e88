import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, ceilingMs } from '../../src/policies/backoff.ts';

const plan = fc.record({
  backoffMs: fc.integer({ min: 1, max: 1_000 }),
  maxBackoffMs: fc.integer({ min: 1_000, max: 60_000 }),
  n: fc.integer({ min: 1, max: 40 }),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  previousMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
});

describe('backoff', () => {
  it('without jitter doubles up to the cap', () => {
    const options = { backoffMs: 100, maxBackoffMs: 1_000, jitter: 'none' } as const;
    expect([1, 2, 3, 4, 5, 6].map((n) => backoffMs(options, n, 0.9))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('spreads as the source says: full from nothing, equal from half, decorrelated up to three times the last', () => {
    const options = { backoffMs: 100, maxBackoffMs: 10_000 };
    expect(backoffMs({ ...options, jitter: 'full' }, 3, 0.25)).toBe(100);
    expect(backoffMs({ ...options, jitter: 'equal' }, 3, 0.5)).toBe(300);
    expect(backoffMs({ ...options, jitter: 'decorrelated' }, 3, 0.5, 300)).toBe(500);
    expect(backoffMs({ ...options, jitter: 'decorrelated' }, 1, 0.5)).toBe(200);
  });

  it('never leaves its range', () => {
    fc.assert(
      fc.property(plan, ({ n, random, previousMs, ...options }) => {
        const ceiling = ceilingMs({ ...options, jitter: 'full' }, n);
        const full = backoffMs({ ...options, jitter: 'full' }, n, random, previousMs);
        const equal = backoffMs({ ...options, jitter: 'equal' }, n, random, previousMs);
        const decorrelated = backoffMs({ ...options, jitter: 'decorrelated' }, n, random, previousMs);
        expect(full >= 0 && full < ceiling).toBe(true);
        expect(equal >= ceiling / 2 && equal <= ceiling).toBe(true);
        expect(decorrelated >= options.backoffMs && decorrelated <= options.maxBackoffMs).toBe(true);
        expect(decorrelated <= Math.max(previousMs, options.backoffMs) * 3).toBe(true);
      }),
    );
  });
});
