import { describe, expect, test } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { ManualClock } from '../../src/testing.ts';
import { admit, type Bench, Boom, fail, opened, succeed } from './harness.ts';

/** How long each of the next openings lasts, each re-opened by its first probe. */
function openings({ breaker, clock, moves }: Bench, count: number): (number | undefined)[] {
  for (let i = 1; i < count; i += 1) {
    clock.advance(breaker.snapshot().retryAfterMs ?? 0);
    fail(breaker);
  }
  return moves.filter(({ to }) => to === 'open').map(({ openForMs }) => openForMs);
}

describe('open time', () => {
  test('grows by its factor with each opening in a row, up to its maximum', () => {
    expect(openings(opened({ open: { durationMs: 1_000, factor: 3, maxMs: 20_000 } }), 5)).toEqual([1_000, 3_000, 9_000, 20_000, 20_000]);
  });

  test('stays as it is with a factor of 1', () => {
    expect(openings(opened({ open: { durationMs: 1_000, factor: 1 } }), 4)).toEqual([1_000, 1_000, 1_000, 1_000]);
  });

  test('does not overflow, however long the row', () => {
    const times = openings(opened({ open: { durationMs: 1_000, factor: 100, maxMs: 1_000 } }), 300);
    expect(times.at(-1)).toBe(1_000);
  });

  test.each([
    [0, 4_000],
    [0.5, 5_000],
    [0.999999, 6_000],
  ])('jitter takes or adds its share: at random %d', (random, expected) => {
    const clock = new ManualClock();
    clock.randomValue = random;
    const breaker = createBreaker({ consecutiveFailures: 1, open: { jitter: 0.2 } }, { clock });
    fail(breaker);
    expect(breaker.snapshot().retryAfterMs).toBeCloseTo(expected, 0);
  });

  test('a row goes on over a short spell in closed, and is not forgotten by closing', () => {
    const { breaker, clock } = opened({ open: { durationMs: 1_000, resetAfterMs: 60_000 }, halfOpen: { permits: 1 } });
    clock.advance(1_000);
    succeed(breaker);
    clock.advance(59_999);
    fail(breaker);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', openings: 2, retryAfterMs: 2_000 });
  });

  test('a row is forgotten after resetAfterMs in closed', () => {
    const { breaker, clock } = opened({ open: { durationMs: 1_000, resetAfterMs: 60_000 }, halfOpen: { permits: 1 } });
    clock.advance(1_000);
    succeed(breaker);
    clock.advance(59_999);
    expect(breaker.snapshot().openings).toBe(1);
    clock.advance(1);
    expect(breaker.snapshot().openings).toBe(0);
    fail(breaker);
    expect(breaker.snapshot()).toMatchObject({ openings: 1, retryAfterMs: 1_000 });
  });

  test('time spent open or half-open does not count as stable', () => {
    const { breaker, clock } = opened({ open: { durationMs: 50_000, maxMs: 200_000, resetAfterMs: 10_000 } });
    clock.advance(50_000);
    clock.advance(100_000);
    fail(breaker);
    expect(breaker.snapshot()).toMatchObject({ openings: 2, retryAfterMs: 100_000 });
  });

  test('a Retry-After of the server lengthens the opening, up to the maximum', () => {
    for (const [asked, expected] of [
      [1_000, 5_000],
      [20_000, 20_000],
      [1e9, 60_000],
    ] as const) {
      const { breaker } = opened({ consecutiveFailures: 2 });
      const permit = admit(breaker);
      permit.retryAfter(asked);
      permit.fail(new Boom());
      expect(breaker.snapshot().retryAfterMs).toBe(expected);
    }
  });

  test('a Retry-After on a failed probe is honoured too', () => {
    const { breaker, clock } = opened({ open: { durationMs: 1_000 } });
    clock.advance(1_000);
    const probe = admit(breaker);
    probe.retryAfter(30_000);
    probe.fail(new Boom());
    expect(breaker.snapshot().retryAfterMs).toBe(30_000);
  });

  test.each([0, -5, Number.NaN])('a Retry-After of %d is none', (asked) => {
    const { breaker } = opened({ consecutiveFailures: 2 });
    const permit = admit(breaker);
    permit.retryAfter(asked);
    permit.fail(new Boom());
    expect(breaker.snapshot().retryAfterMs).toBe(5_000);
  });

  test('a jump of the wall clock changes nothing', () => {
    const real = Date.now;
    try {
      const { breaker, clock } = opened();
      Date.now = () => 0;
      expect(breaker.state).toBe('open');
      clock.advance(5_000);
      expect(breaker.state).toBe('half_open');
    } finally {
      Date.now = real;
    }
  });
});
