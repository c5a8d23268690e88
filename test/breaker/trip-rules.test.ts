import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { failureRatio } from '../../src/breaker/trip/ratio-rules.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { TripRule } from '../../src/core/trip-rule.ts';
import { admit, admitMany, bench, fail, succeed } from './harness.ts';

afterEach(() => void setFaultReporter(undefined));

describe('failureRatio', () => {
  test('opens when failures / recorded reach it, from the minimum of calls on', () => {
    const { breaker, moves } = bench({ failureRatio: 0.5, minimumCalls: 4 });
    fail(breaker, 3);
    expect(breaker.state).toBe('closed');
    succeed(breaker);
    expect(breaker.state).toBe('open');
    expect(moves[0]).toMatchObject({ trigger: 'failure_ratio', value: 0.75, limit: 0.5 });
  });

  test('a success may be the result that makes up the minimum and opens', () => {
    const { breaker } = bench({ failureRatio: 0.5, minimumCalls: 2 });
    fail(breaker);
    succeed(breaker);
    expect(breaker.state).toBe('open');
  });

  test('stays closed just below', () => {
    const { breaker } = bench({ failureRatio: 0.5, minimumCalls: 3 });
    succeed(breaker, 2);
    fail(breaker);
    expect(breaker.state).toBe('closed');
    fail(breaker);
    expect(breaker.state).toBe('open');
  });

  test('fires for every ratio at exactly failures / recorded', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 1_000 }), (a, b) => {
        const [failures, recorded] = [Math.min(a, b), Math.max(a, b)];
        const view = { recorded, failures, slow: 0, minimumCalls: 1, consecutiveFailures: 0, inFlight: 0, overdue: 0 };
        expect(failureRatio(failures / recorded).trips(view)).toBeDefined();
      }),
    );
  });

  test('7 failures of 100 reach 0.07', () => {
    const { breaker } = bench({ failureRatio: 0.07, minimumCalls: 100 });
    succeed(breaker, 93);
    fail(breaker, 7);
    expect(breaker.state).toBe('open');
  });

  test('ignored and cancelled results count on neither side', () => {
    const { breaker } = bench({ failureRatio: 0.5, minimumCalls: 2 });
    fail(breaker);
    for (let i = 0; i < 10; i += 1) admit(breaker).ignore();
    for (let i = 0; i < 10; i += 1) admit(breaker).cancel();
    expect(breaker.snapshot().window.recorded).toBe(1);
    expect(breaker.state).toBe('closed');
  });

  test('switched off, nothing opens by it', () => {
    const { breaker } = bench({ failureRatio: undefined });
    fail(breaker, 200);
    expect(breaker.state).toBe('closed');
  });
});

describe('failureCount', () => {
  test('opens at so many failures in the window, with no minimum', () => {
    const { breaker, moves } = bench({ failureCount: 3, minimumCalls: 1_000 });
    succeed(breaker, 50);
    fail(breaker, 2);
    succeed(breaker, 50);
    expect(breaker.state).toBe('closed');
    fail(breaker);
    expect(moves[0]).toMatchObject({ trigger: 'failure_count', value: 3, limit: 3 });
  });

  test('failures that have left the window do not count', () => {
    const { breaker, clock } = bench({ failureCount: 2, window: { type: 'time', durationMs: 1_000 } });
    fail(breaker);
    clock.advance(1_000);
    fail(breaker);
    expect(breaker.state).toBe('closed');
  });
});

describe('consecutiveFailures', () => {
  test('opens after so many in a row', () => {
    const { breaker, moves } = bench({ consecutiveFailures: 3 });
    fail(breaker, 2);
    succeed(breaker);
    fail(breaker, 2);
    expect(breaker.state).toBe('closed');
    fail(breaker);
    expect(moves[0]).toMatchObject({ trigger: 'consecutive_failures', value: 3, limit: 3 });
  });

  test('ignored results do not interrupt the row', () => {
    const { breaker } = bench({ consecutiveFailures: 3 });
    fail(breaker, 2);
    admit(breaker).ignore();
    admit(breaker).cancel();
    fail(breaker);
    expect(breaker.state).toBe('open');
  });

  test('looks at no window: failures hours apart are a row', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 2 });
    fail(breaker);
    clock.advance(3.6e6);
    fail(breaker);
    expect(breaker.state).toBe('open');
  });
});

describe('slowRatio', () => {
  test('a call is slow when it takes longer than slowCallMs, whatever its outcome', () => {
    const { breaker, calls, moves } = bench({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 4 });
    succeed(breaker, 1, 100);
    succeed(breaker, 1, 100.1);
    succeed(breaker, 1, 1);
    expect(calls.map(({ slow }) => slow)).toEqual([false, true, false]);
    fail(breaker, 1, 101);
    expect(moves[0]).toMatchObject({ trigger: 'slow_ratio', value: 0.5, limit: 0.5 });
  });

  test('by default opens only when all are slow', () => {
    const { breaker } = bench({ slowCallMs: 100, minimumCalls: 3, window: { type: 'count', size: 3 } });
    succeed(breaker, 1, 1);
    succeed(breaker, 2, 200);
    expect(breaker.state).toBe('closed');
    succeed(breaker, 1, 200);
    expect(breaker.state).toBe('open');
  });

  test('calls still running past slowCallMs count, so a hanging dependency opens the circuit before its first time-out', () => {
    const { breaker, clock, moves } = bench({ slowCallMs: 100, slowRatio: 0.8, minimumCalls: 5 });
    admitMany(breaker, 5);
    clock.advance(100);
    expect(breaker.state).toBe('closed');
    clock.advance(1);
    expect(breaker.state).toBe('open');
    expect(moves[0]).toMatchObject({ trigger: 'slow_ratio', value: 1, at: 101 });
  });

  test('counts a call that was slow while running once when it ends', () => {
    const { breaker, clock } = bench({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 10 });
    const permits = admitMany(breaker, 4);
    clock.advance(500);
    for (const permit of permits) permit.succeed();
    expect(breaker.snapshot().window).toEqual({ recorded: 4, failures: 0, slow: 4 });
    succeed(breaker, 5, 1);
    expect(breaker.state).toBe('closed');
  });

  test('does not count them where that is switched off', () => {
    const { breaker, clock } = bench({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 5, countInFlight: false });
    const permits = admitMany(breaker, 20);
    clock.advance(10_000);
    expect(breaker.state).toBe('closed');
    for (const permit of permits.slice(0, 5)) permit.succeed();
    expect(breaker.state).toBe('open');
  });

  test('a call in a queue of the caller’s own is not late before it begins, and then from there', () => {
    const { breaker, clock, calls } = bench({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 5 });
    const permits = admitMany(breaker, 5);
    for (const permit of permits) permit.queue();
    clock.advance(10_000);
    expect([breaker.state, clock.pendingTimers]).toEqual(['closed', 0]);
    permits[0]?.begin();
    clock.advance(50);
    permits[0]?.succeed();
    expect(calls[0]).toMatchObject({ durationMs: 50, slow: false });
    for (const permit of permits) permit.begin();
    clock.advance(100);
    expect(breaker.state).toBe('closed');
    permits[1]?.begin();
    clock.advance(1);
    expect(breaker.snapshot().window).toEqual({ recorded: 1, failures: 0, slow: 0 });
    expect(breaker.state).toBe('open');
  });

  test('of the calls running some are late and some are not: exact counts', () => {
    const { breaker, clock } = bench({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 4 });
    succeed(breaker, 2, 1);
    admit(breaker);
    clock.advance(60);
    admit(breaker);
    clock.advance(41);
    // Two quick ones, one late one: three are fewer than four.
    expect(breaker.state).toBe('closed');
    clock.advance(60);
    expect(breaker.state).toBe('open');
  });

  test('results that have left the window are not counted with calls still running', () => {
    const { breaker, clock } = bench({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 5, window: { type: 'time', durationMs: 1_000 } });
    succeed(breaker, 4, 200);
    clock.advance(10_000);
    admit(breaker);
    clock.advance(500);
    expect(breaker.state).toBe('closed');
  });

  test('calls that wait by their nature are never slow', () => {
    const { breaker, clock, calls } = bench({ slowCallMs: 100, slowRatio: 0.1, minimumCalls: 1, stall: { calls: 1 } });
    const waiting = breaker.tryAcquire({ untimed: true });
    clock.advance(3.6e6);
    expect(breaker.state).toBe('closed');
    waiting?.succeed();
    expect(breaker.state).toBe('closed');
    expect(calls[0]).toMatchObject({ slow: false, outcome: 'success' });
    expect([...breaker.meters.durations.keys()]).toEqual([]);
  });
});

describe('several rules', () => {
  test('the first that fires names the transition', () => {
    const { breaker, moves } = bench({ failureRatio: 0.5, minimumCalls: 1, failureCount: 1, consecutiveFailures: 1 });
    fail(breaker);
    expect(moves.map(({ trigger }) => trigger)).toEqual(['consecutive_failures']);
  });
});

describe("a rule of one's own", () => {
  const rule = (trips: TripRule['trips']): TripRule => ({ name: 'my_rule', trips });

  test('sees the counts of the result just recorded, and names the transition', () => {
    const seen: unknown[] = [];
    const mine = rule((view) => {
      seen.push({ ...view });
      return view.recorded >= 2 ? { value: view.recorded, limit: 2 } : undefined;
    });
    const { breaker, moves } = bench({ rules: [mine], minimumCalls: 7 });
    fail(breaker);
    expect(seen).toEqual([{ recorded: 1, failures: 1, slow: 0, minimumCalls: 7, consecutiveFailures: 1, inFlight: 0, overdue: 0 }]);
    succeed(breaker);
    expect(moves[0]).toMatchObject({ trigger: 'my_rule', value: 2, limit: 2 });
  });

  test('that throws reads as no, and is reported', () => {
    const faults: string[] = [];
    setFaultReporter((_error, where) => void faults.push(where));
    const broken = rule(() => {
      throw new Error('rule is broken');
    });
    const { breaker } = bench({ rules: [broken], consecutiveFailures: 2 });
    expect(() => fail(breaker)).not.toThrow();
    fail(breaker);
    expect(breaker.state).toBe('open');
    expect(faults).toEqual(["trip rule 'my_rule'"]);
  });
});
