import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CountWindow } from '../../src/breaker/window/count-window.ts';
import { createWindow } from '../../src/breaker/window/create-window.ts';
import { TimeWindow } from '../../src/breaker/window/time-window.ts';
import { bench, fail, succeed } from './harness.ts';

const counts = (window: { recorded: number; failures: number; slow: number }): number[] => [window.recorded, window.failures, window.slow];

describe('a count window', () => {
  test('holds the last results, and the oldest goes when a new one comes', () => {
    const window = new CountWindow(3);
    window.record(0, true, true);
    window.record(0, true, false);
    window.record(0, false, true);
    expect(counts(window)).toEqual([3, 2, 2]);
    window.record(0, false, false);
    expect(counts(window)).toEqual([3, 1, 1]);
    window.record(0, false, false);
    window.record(0, false, false);
    expect(counts(window)).toEqual([3, 0, 0]);
  });

  test('forgets nothing with time', () => {
    const window = new CountWindow(3);
    window.record(0, true, false);
    window.advance();
    expect(window.failures).toBe(1);
  });

  test('equals the last results of a plain list, whatever comes, cleared and resized at will', () => {
    const step = fc.oneof(
      { weight: 20, arbitrary: fc.record({ kind: fc.constant('record' as const), failed: fc.boolean(), slow: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('resize' as const), size: fc.integer({ min: 1, max: 8 }) }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 60 }), (first, steps) => {
        let window = new CountWindow(first);
        let list: { failed: boolean; slow: boolean }[] = [];
        for (const each of steps) {
          if (each.kind === 'record') {
            window.record(0, each.failed, each.slow);
            list = [...list, each].slice(-window.size);
          } else if (each.kind === 'clear') {
            window.clear();
            list = [];
          } else {
            window = window.resized(each.size);
            list = list.slice(-each.size);
          }
          expect(counts(window)).toEqual([list.length, list.filter((r) => r.failed).length, list.filter((r) => r.slow).length]);
        }
      }),
    );
  });
});

describe('a time window', () => {
  test('lets a result go no later than its duration, and no earlier than that minus one slice', () => {
    fc.assert(
      fc.property(
        fc.record({
          durationMs: fc.integer({ min: 100, max: 60_000 }),
          buckets: fc.integer({ min: 1, max: 100 }),
          origin: fc.integer({ max: 1e9, min: 0 }),
        }),
        fc.double({ min: 0, max: 200_000, noNaN: true }),
        ({ durationMs, buckets, origin }, after) => {
          const slice = durationMs / buckets;
          const at = origin + after;
          const holds = (age: number): boolean => {
            const window = new TimeWindow(durationMs, buckets, origin);
            window.record(at, true, false);
            window.advance(at + age);
            return window.recorded === 1;
          };
          // A hair for the rounding of doubles at such an origin.
          expect(holds(durationMs + 1e-4)).toBe(false);
          expect(holds(durationMs - slice - 1e-4)).toBe(true);
        },
      ),
    );
  });

  test('exact bounds: the slice that a result fell into begins anew', () => {
    const window = new TimeWindow(1_000, 10, 0);
    window.record(0, true, false);
    window.record(99.9, true, false);
    window.advance(999.9);
    expect(window.recorded).toBe(2);
    window.advance(1_000);
    expect(window.recorded).toBe(0);
  });

  test('its slices are aligned to its own creation', () => {
    const window = new TimeWindow(1_000, 10, 12_345);
    window.record(12_444, true, false);
    window.record(12_445, true, false);
    window.advance(13_345);
    expect(window.recorded).toBe(1);
  });

  test.each([1_000, 1_001, 1_999, 2_000, 10_050, 3.6e6, 1e12])('is empty after %d ms without a call, however long', (idle) => {
    const window = new TimeWindow(1_000, 10, 0);
    for (let t = 0; t < 1_000; t += 50) window.record(t, true, true);
    window.advance(1_000 + idle);
    expect(counts(window)).toEqual([0, 0, 0]);
    window.record(1_000 + idle, true, false);
    expect(counts(window)).toEqual([1, 1, 0]);
  });

  test('equals, slice by slice, a plain list of results with their times', () => {
    const step = fc.record({
      wait: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 3_000 })),
      failed: fc.boolean(),
      slow: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 7 }), (steps, buckets) => {
        const slice = 100;
        const window = new TimeWindow(slice * buckets, buckets, 0);
        const list: { slice: number; failed: boolean; slow: boolean }[] = [];
        let now = 0;
        for (const { wait, failed, slow } of steps) {
          now += wait;
          window.record(now, failed, slow);
          list.push({ slice: Math.floor(now / slice), failed, slow });
          const live = list.filter((r) => r.slice > Math.floor(now / slice) - buckets);
          expect(counts(window)).toEqual([live.length, live.filter((r) => r.failed).length, live.filter((r) => r.slow).length]);
        }
      }),
    );
  });
});

describe('other options in place', () => {
  const count = (size: number) => ({ type: 'count', size }) as const;
  const time = (durationMs: number, buckets: number) => ({ type: 'time', durationMs, buckets }) as const;

  test('a window of the same shape goes on as it is', () => {
    const byCount = createWindow(count(5), 0);
    const byTime = createWindow(time(1_000, 10), 0);
    expect(createWindow(count(5), 1, byCount)).toBe(byCount);
    expect(createWindow(time(1_000, 10), 1, byTime)).toBe(byTime);
  });

  test('a count window of another size keeps the newest', () => {
    const window = createWindow(count(5), 0);
    for (const failed of [true, true, true, false, true]) window.record(0, failed, false);
    expect(counts(createWindow(count(2), 0, window))).toEqual([2, 1, 0]);
    expect(counts(createWindow(count(50), 0, window))).toEqual([5, 4, 0]);
  });

  test('any other shape begins anew', () => {
    const window = createWindow(time(1_000, 10), 0);
    window.record(0, true, false);
    expect(createWindow(time(1_000, 5), 0, window).recorded).toBe(0);
    expect(createWindow(time(2_000, 10), 0, window).recorded).toBe(0);
    expect(createWindow(count(10), 0, window).recorded).toBe(0);
  });
});

describe('the window of a breaker', () => {
  test('one failure after an idle hour stands alone', () => {
    const { breaker, clock } = bench({ failureRatio: 0.5, minimumCalls: 2 });
    fail(breaker);
    clock.advance(3.6e6);
    fail(breaker);
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot().window).toEqual({ recorded: 1, failures: 1, slow: 0 });
  });

  test('a snapshot does not show what is gone', () => {
    const { breaker, clock } = bench({ window: { type: 'time', durationMs: 1_000, buckets: 10 }, minimumCalls: 1 });
    fail(breaker);
    clock.advance(1_000);
    expect(breaker.snapshot().window.recorded).toBe(0);
    expect(breaker.snapshot()).not.toHaveProperty('failureRatio');
  });

  test('ratios are absent below the minimum, and exact from it on', () => {
    const { breaker } = bench({ minimumCalls: 4, slowCallMs: 100 });
    succeed(breaker, 3);
    expect(breaker.snapshot()).not.toHaveProperty('failureRatio');
    expect(breaker.snapshot()).not.toHaveProperty('slowRatio');
    succeed(breaker, 1, 101);
    expect(breaker.snapshot()).toMatchObject({ failureRatio: 0, slowRatio: 0.25 });
  });

  test('a window by count decides over the last so many', () => {
    const { breaker } = bench({ window: { type: 'count', size: 4 }, minimumCalls: 4, failureRatio: 0.75 });
    fail(breaker, 2);
    succeed(breaker, 2);
    fail(breaker, 1);
    succeed(breaker, 1);
    fail(breaker, 1);
    expect(breaker.state).toBe('closed');
    fail(breaker, 1);
    expect(breaker.state).toBe('open');
  });
});
