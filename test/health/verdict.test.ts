import { describe, expect, it } from 'vitest';
import { SteadyState } from '../../src/health/steady-state.ts';
import { Verdict } from '../../src/health/verdict.ts';
import type { HealthState } from '../../src/registry/health-board.ts';

describe('the verdict of results', () => {
  it.each([
    ['+', { failures: 2, successes: 1 }, 'up'],
    ['-', { failures: 2, successes: 1 }, 'unknown'],
    ['--', { failures: 2, successes: 1 }, 'down'],
    ['-+-', { failures: 2, successes: 1 }, 'up'],
    ['+-+-+-', { failures: 2, successes: 1 }, 'up'],
    ['+--', { failures: 2, successes: 1 }, 'down'],
    ['+--+', { failures: 2, successes: 1 }, 'up'],
    ['--+', { failures: 2, successes: 2 }, 'down'],
    ['--+-+', { failures: 2, successes: 2 }, 'down'],
    ['--++', { failures: 2, successes: 2 }, 'up'],
    ['-', { failures: 1, successes: 1 }, 'down'],
    ['+', { failures: 1, successes: 3 }, 'unknown'],
  ] as const)('%s with %j is %s', (results, patience, status) => {
    const verdict = new Verdict();
    for (const result of results) verdict.record(result === '+', patience);
    expect(verdict.status).toBe(status);
  });

  it('is in doubt until there is one, and after a result against it', () => {
    const verdict = new Verdict();
    const doubts = [...'+-+--+'].map((result) => {
      verdict.record(result === '+', { failures: 2, successes: 2 });
      return verdict.inDoubt;
    });
    expect(new Verdict().inDoubt).toBe(true);
    expect(doubts).toEqual([true, true, true, true, false, true]);
  });
});

describe('the state that counts', () => {
  const steadyMs = 5_000;
  /** What is seen at which second, and what counts then. */
  const seen = (...steps: readonly (readonly [second: number, seen: HealthState])[]): HealthState[] => {
    const steady = new SteadyState(0);
    return steps.map(([second, state]) => {
      steady.see(state, second * 1_000, steadyMs);
      return steady.current;
    });
  };

  it('is worse at once', () => {
    expect(seen([0, 'degraded'], [0.001, 'emergency'])).toEqual(['degraded', 'emergency']);
  });

  it('is better when that has lasted', () => {
    expect(seen([0, 'critical'], [1, 'healthy'], [5.9, 'healthy'], [6, 'healthy'])).toEqual(['critical', 'critical', 'critical', 'healthy']);
  });

  it('is not better when it was worse again in between', () => {
    expect(seen([0, 'critical'], [1, 'healthy'], [4, 'critical'], [5, 'healthy'], [9, 'healthy'], [10, 'healthy'])).toEqual([
      'critical',
      'critical',
      'critical',
      'critical',
      'critical',
      'healthy',
    ]);
  });

  it('becomes the worst of the time, one after the other', () => {
    expect(seen([0, 'emergency'], [1, 'healthy'], [3, 'degraded'], [4, 'healthy'], [6, 'healthy'], [10, 'healthy'], [11, 'healthy'])).toEqual([
      'emergency',
      'emergency',
      'emergency',
      'emergency',
      'degraded',
      'degraded',
      'healthy',
    ]);
  });

  it('goes by what it is at the end of the time, too', () => {
    expect(seen([0, 'emergency'], [1, 'healthy'], [7, 'critical'])).toEqual(['emergency', 'emergency', 'critical']);
  });

  it('says what it will be, and when', () => {
    const steady = new SteadyState(0);
    expect(steady.next(steadyMs)).toBeUndefined();
    steady.see('critical', 0, steadyMs);
    steady.see('healthy', 2_000, steadyMs);
    expect([steady.next(steadyMs), steady.since]).toEqual([{ state: 'healthy', at: 7_000 }, 0]);
    steady.see('healthy', 7_000, steadyMs);
    expect([steady.next(steadyMs), steady.since]).toEqual([undefined, 7_000]);
  });

  it('takes no time where none is wanted', () => {
    const steady = new SteadyState(0);
    steady.see('critical', 0, 0);
    expect(steady.see('healthy', 0, 0)).toBe(true);
  });
});
