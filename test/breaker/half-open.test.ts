import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HalfOpenTrial } from '../../src/breaker/half-open.ts';
import type { HalfOpenOptions } from '../../src/core/options.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { admit, admitMany, Boom, fail, halfOpened, succeed } from './harness.ts';

/** What a row of results (`s`, `f`, one after the other) decides, and after how many. */
function decision(options: HalfOpenOptions & { failureRatio?: number | undefined }, results: string): string {
  const { breaker } = halfOpened({ halfOpen: options });
  let used = 0;
  for (const result of results) {
    if (breaker.state !== 'half_open') break;
    if (result === 's') succeed(breaker);
    else fail(breaker);
    used += 1;
  }
  return `${breaker.state} after ${used}`;
}

describe('the decision of a half-open circuit', () => {
  test.each([
    // By default so many successes as permits, and the first failure re-opens where no ratio is set.
    [{ permits: 3 }, 'sss', 'closed after 3'],
    [{ permits: 3 }, 'ss', 'half_open after 2'],
    [{ permits: 3 }, 'f', 'open after 1'],
    [{ permits: 3 }, 'ssf', 'open after 3'],
    [{ permits: 1 }, 's', 'closed after 1'],
    [{ permits: 5, successThreshold: 1 }, 's', 'closed after 1'],
    // A ratio of half over three probes: the second failure is certain.
    [{ permits: 3, failureRatio: 0.5 }, 'fsss', 'closed after 4'],
    [{ permits: 3, failureRatio: 0.5 }, 'ff', 'open after 2'],
    [{ permits: 3, failureRatio: 0.5 }, 'sfs', 'half_open after 3'],
    [{ permits: 3, failureRatio: 0.5 }, 'sfsf', 'open after 4'],
    [{ permits: 10, failureRatio: 0.5 }, 'ffff', 'half_open after 4'],
    [{ permits: 10, failureRatio: 0.5 }, 'fffff', 'open after 5'],
    [{ permits: 10, failureRatio: 0.5, successThreshold: 2 }, 'ffffss', 'closed after 6'],
    [{ permits: 4, failureRatio: 0.25 }, 'f', 'open after 1'],
    [{ permits: 5, failureRatio: 0.25 }, 'f', 'half_open after 1'],
    [{ permits: 3, failureRatio: 1 }, 'sfff', 'open after 4'],
    [{ permits: 1, failureRatio: 1 }, 'f', 'open after 1'],
  ])('%j, results %s: %s', (options, results, expected) => {
    expect(decision(options, results)).toBe(expected);
  });

  test('takes the failure ratio of the breaker where none is set for half-open', () => {
    const { breaker } = halfOpened({ failureRatio: 0.9, halfOpen: { permits: 3 } });
    fail(breaker, 2);
    expect(breaker.state).toBe('half_open');
    fail(breaker);
    expect(breaker.state).toBe('open');
  });

  test('always comes within permits + successThreshold results, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 10 }),
        fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { nil: undefined }),
        fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        (permits, threshold, failureRatio, results) => {
          const successThreshold = Math.min(threshold, permits);
          const { halfOpen } = resolveOptions({ failureRatio, halfOpen: { permits, successThreshold } });
          const trial = new HalfOpenTrial(halfOpen);
          const counts = { s: 0, f: 0 };
          for (const failed of results) {
            trial.admit(0);
            const verdict = trial.record(0, failed);
            counts[failed ? 'f' : 's'] += 1;
            if (verdict === 'close') expect(counts.s).toBe(successThreshold);
            if (verdict === 'reopen') expect(counts.f).toBeGreaterThan(0);
            if (verdict !== undefined) return;
            expect(counts.s + counts.f).toBeLessThan(permits + successThreshold);
          }
          expect.unreachable();
        },
      ),
    );
  });

  test('names its reason', () => {
    const closing = halfOpened({ halfOpen: { permits: 1 } });
    succeed(closing.breaker);
    expect(closing.moves.at(-1)).toMatchObject({
      from: 'half_open',
      to: 'closed',
      trigger: 'probes_succeeded',
      counts: { recorded: 1, failures: 0 },
    });
    const failing = halfOpened({ failureRatio: 0.5, halfOpen: { permits: 2 } });
    fail(failing.breaker);
    expect(failing.moves.at(-1)).toMatchObject({ trigger: 'probes_failed', value: 1, limit: 0.5, counts: { recorded: 1, failures: 1 } });
    expect(failing.moves.at(-1)?.error).toBeInstanceOf(Boom);
  });

  test('says nothing of a time to wait while a probe may go', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { permits: 2 } });
    expect(breaker.snapshot().retryAfterMs).toBeUndefined();
    admit(breaker);
    expect(breaker.snapshot().retryAfterMs).toBeUndefined();
    clock.advance(1_000);
    admit(breaker);
    expect(breaker.snapshot().retryAfterMs).toBe(9_000);
  });
});

describe('asking whether a call would be refused', () => {
  test('counts nothing and takes no permit', () => {
    const { breaker, clock, rejections } = halfOpened({ halfOpen: { permits: 1 } });
    expect(breaker.refusal()).toBeUndefined();
    admit(breaker);
    expect(breaker.refusal()).toMatchObject({ code: 'EBREAKEROPEN', reason: 'half_open_limit', state: 'half_open' });
    clock.advance(breaker.options.halfOpen.leaseMs);
    expect(breaker.refusal()).toMatchObject({ reason: 'open', state: 'open' });
    expect(rejections).toEqual([]);
    breaker.forceOpen();
    expect(breaker.refusal()).toMatchObject({ reason: 'forced_open' });
    breaker.disable();
    expect(breaker.refusal()).toBeUndefined();
  });
});

describe('the lease of a probe', () => {
  test('a probe that has not settled by its end is lost: the circuit re-opens by the timer', () => {
    const { breaker, clock, moves, trail } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    const lost = admit(breaker);
    clock.advance(1_999);
    expect(breaker.state).toBe('half_open');
    clock.advance(1);
    expect(trail().at(-1)).toBe('half_open>open probe_lease');
    expect(moves.at(-1)).toMatchObject({ value: 2, limit: 2, error: { code: 'ECALLTIMEOUT', timeoutMs: 2_000 } });
    lost.succeed();
    expect(breaker.state).toBe('open');
    expect(breaker.snapshot().calls.stale).toBe(1);
  });

  test('ends when asked, without a timer', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    admit(breaker);
    clock.skip(2_000);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.rejection()).toMatchObject({ state: 'open', reason: 'open' });
  });

  test('a result that comes after the end of the lease is late, timer or not', () => {
    const { breaker, clock, trail } = halfOpened({ halfOpen: { permits: 1, leaseMs: 2_000 } });
    const probe = admit(breaker);
    clock.skip(2_000);
    probe.succeed();
    expect(trail().at(-1)).toBe('half_open>open probe_lease');
    expect(breaker.snapshot().calls).toMatchObject({ stale: 1, success: 0 });
  });

  test('runs from the oldest probe that is out', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    admit(breaker);
    clock.advance(1_500);
    admit(breaker);
    clock.advance(500);
    expect(breaker.state).toBe('open');
  });

  test('a result renews it for the others, each from its own beginning', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    const first = admit(breaker);
    clock.advance(1_500);
    admit(breaker);
    first.succeed();
    clock.advance(1_999);
    expect(breaker.state).toBe('half_open');
    clock.advance(1);
    expect(breaker.state).toBe('open');
  });

  test('probes cancelled in an endless row do not renew it', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    const began = clock.now();
    while (breaker.state === 'half_open') {
      expect(clock.now() - began).toBeLessThan(2_000);
      const probe = admit(breaker);
      clock.advance(90);
      probe.cancel();
    }
    expect(breaker.state).toBe('open');
  });

  test('does not run while nobody asks', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { leaseMs: 2_000, permits: 1 } });
    clock.advance(3.6e6);
    expect(breaker.state).toBe('half_open');
    admit(breaker).ignore();
    clock.advance(3.6e6);
    expect(breaker.state).toBe('half_open');
    succeed(breaker);
    expect(breaker.state).toBe('closed');
  });

  test('hung probes never wedge the circuit: it goes on asking, and closes when the target is back', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { permits: 3, leaseMs: 1_000 }, open: { durationMs: 1_000, maxMs: 4_000 } });
    for (let round = 0; round < 50; round += 1) {
      while (breaker.tryAcquire() !== undefined) {
        // Every one of them hangs.
      }
      clock.advance(500);
    }
    clock.advance(5_000);
    expect(breaker.state).toBe('half_open');
    for (const permit of admitMany(breaker, 3)) permit.succeed();
    expect(breaker.state).toBe('closed');
  });
});

describe('a half-open circuit that is asked and never proved', () => {
  test.each(['ignore', 'cancel'] as const)('re-opens at the end of the lease, though every probe is given back at once (%s)', (end) => {
    const { breaker, clock, moves, trail } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    const began = clock.now();
    while (breaker.state === 'half_open') {
      expect(clock.now() - began).toBeLessThanOrEqual(2_000);
      breaker.tryAcquire()?.[end]();
      clock.advance(100);
    }
    expect(trail().at(-1)).toBe('half_open>open probe_lease');
    expect(moves.at(-1)).toMatchObject({ at: began + 2_000, value: 2, limit: 2 });
  });

  test('is not re-opened by somebody who asks once in a while', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    for (let i = 0; i < 20; i += 1) {
      admit(breaker).ignore();
      clock.advance(2_000);
    }
    expect(breaker.state).toBe('half_open');
  });

  test('the call that finds the lease over is refused, and told why', () => {
    const { breaker, clock, rejections } = halfOpened({ halfOpen: { leaseMs: 2_000 } });
    admit(breaker).ignore();
    clock.advance(1_500);
    admit(breaker).ignore();
    clock.advance(1_000);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(rejections.at(-1)).toMatchObject({ reason: 'open', state: 'open' });
    expect(breaker.rejection()).toMatchObject({ state: 'open' });
  });

  test('proof of any kind begins the lease anew', () => {
    const { breaker, clock } = halfOpened({ failureRatio: 0.9, halfOpen: { leaseMs: 2_000, permits: 3 } });
    for (let i = 0; i < 2; i += 1) {
      clock.advance(1_500);
      admit(breaker).ignore();
      clock.advance(400);
      succeed(breaker);
    }
    expect(breaker.state).toBe('half_open');
  });
});
