import { describe, expect, test } from 'vitest';
import type { Mode } from '../../src/core/options.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { admit, admitMany, Boom, bench, fail, halfOpened, opened, succeed } from './harness.ts';

describe('control by hand', () => {
  test('every move has the trigger manual and the reason given', () => {
    const { breaker, moves } = bench();
    breaker.forceOpen('a');
    breaker.disable('b');
    breaker.shadow('c');
    breaker.release('d');
    expect(moves.map(({ from, to, trigger, reason }) => [from, to, trigger, reason])).toEqual([
      ['closed', 'forced_open', 'manual', 'a'],
      ['forced_open', 'disabled', 'manual', 'b'],
      ['disabled', 'shadow', 'manual', 'c'],
      ['shadow', 'closed', 'manual', 'd'],
    ]);
  });

  test('who holds it and why is told for as long as it is held', () => {
    const { breaker } = bench();
    const reason = () => breaker.snapshot().heldReason;
    expect(reason()).toBeUndefined();
    breaker.forceOpen('by alice: restore');
    expect(reason()).toBe('by alice: restore');
    breaker.forceOpen('by bob');
    expect(reason()).toBe('by bob');
    breaker.release('by bob');
    expect(reason()).toBeUndefined();
    breaker.disable('by alice');
    breaker.reset();
    expect(reason()).toBeUndefined();
  });

  test('a move to where it is already is none', () => {
    const { breaker, moves } = bench();
    breaker.forceOpen();
    breaker.forceOpen();
    expect(moves).toHaveLength(1);
    breaker.disable();
    breaker.disable();
    expect(moves).toHaveLength(2);
  });

  test('works from every state, and never throws', () => {
    const verbs = ['forceOpen', 'disable', 'shadow', 'release', 'reset'] as const;
    for (const mode of ['enforce', 'shadow', 'off'] as const) {
      for (const first of verbs) {
        for (const second of verbs) {
          for (const prepare of [bench, opened, halfOpened]) {
            const { breaker } = prepare({ mode, consecutiveFailures: 1 });
            breaker[first]();
            breaker[second]();
            breaker.release();
            expect(breaker.state).toBe({ enforce: 'closed', shadow: 'shadow', off: 'disabled' }[mode].replace('closed', breaker.state));
          }
        }
      }
    }
  });

  test('release gives back only what was held: an open circuit stays open', () => {
    const { breaker, moves } = opened();
    breaker.release();
    expect(breaker.state).toBe('open');
    expect(moves).toHaveLength(1);
  });

  test.each([
    ['enforce', 'closed'],
    ['shadow', 'shadow'],
    ['off', 'disabled'],
  ] as const)('release goes home: %s', (mode, home) => {
    const { breaker } = bench({ mode });
    breaker.forceOpen();
    breaker.release();
    expect(breaker.state).toBe(home);
  });

  test('forcing a half-open circuit open loses its probes, and their results are late', () => {
    const { breaker } = halfOpened();
    const probe = admit(breaker);
    breaker.forceOpen();
    probe.succeed();
    expect(breaker.state).toBe('forced_open');
    expect(breaker.snapshot().calls.stale).toBe(1);
  });
});

describe('reset', () => {
  test('closes an open circuit and forgets what it has seen', () => {
    const { breaker, trail } = opened({ consecutiveFailures: 2, failureRatio: 0.5, minimumCalls: 2 });
    fail(breaker);
    breaker.reset('fixed');
    expect(trail().at(-1)).toBe('open>closed manual');
    expect(breaker.snapshot()).toMatchObject({ window: { recorded: 0 }, consecutiveFailures: 0, openings: 0 });
    fail(breaker);
    expect(breaker.state).toBe('closed');
    fail(breaker);
    expect(breaker.state).toBe('open');
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.rejection().cause).toBeInstanceOf(Boom);
  });

  test('of a closed circuit publishes nothing, but begins a new generation', () => {
    const { breaker, moves } = bench({ consecutiveFailures: 2 });
    fail(breaker);
    const { generation } = breaker;
    breaker.reset();
    expect(moves).toEqual([]);
    expect(breaker.generation).toBe(generation + 1);
    fail(breaker);
    expect(breaker.state).toBe('closed');
  });

  test('leaves the totals', () => {
    const { breaker } = bench();
    succeed(breaker, 3);
    breaker.reset();
    expect(breaker.snapshot().calls.success).toBe(3);
  });

  test('leaves no cause of an earlier outage behind', () => {
    const { breaker } = opened();
    breaker.reset();
    breaker.report(new Boom());
    breaker.reset();
    breaker.forceOpen();
    breaker.tryAcquire();
    expect(breaker.rejection()).not.toHaveProperty('cause');
  });
});

describe('other options in place', () => {
  const options = (mode: Mode, more = {}) => resolveOptions({ name: 'subject', failureRatio: undefined, mode, ...more });

  test('listeners, state, counts and calls under way stay', () => {
    const { breaker, calls } = bench({ consecutiveFailures: 5 });
    fail(breaker, 2);
    const running = admit(breaker);
    const { generation } = breaker;
    breaker.setOptions(options('enforce', { consecutiveFailures: 4 }), 'breakers[0]');
    expect(breaker.generation).toBe(generation);
    expect(breaker.snapshot()).toMatchObject({ window: { recorded: 2, failures: 2 }, consecutiveFailures: 2, rule: 'breakers[0]' });
    running.fail(new Boom());
    expect(breaker.snapshot().calls.stale).toBe(0);
    fail(breaker);
    expect(breaker.state).toBe('open');
    expect(calls).toHaveLength(4);
  });

  test('an open circuit keeps its time', () => {
    const { breaker, clock } = opened();
    breaker.setOptions(options('enforce', { consecutiveFailures: 1, open: { durationMs: 50_000 } }));
    expect(breaker.snapshot().retryAfterMs).toBe(5_000);
    clock.advance(5_000);
    expect(breaker.state).toBe('half_open');
  });

  test('the window of another size keeps its newest results', () => {
    const { breaker } = bench({ window: { type: 'count', size: 10 } });
    succeed(breaker, 4);
    fail(breaker, 4);
    breaker.setOptions(options('enforce', { window: { type: 'count', size: 5 } }));
    expect(breaker.snapshot().window).toEqual({ recorded: 5, failures: 4, slow: 0 });
  });

  test.each([
    ['forceOpen', 'forced_open', 'enforce', 'shadow'],
    ['forceOpen', 'forced_open', 'enforce', 'off'],
    ['disable', 'disabled', 'enforce', 'shadow'],
    ['disable', 'disabled', 'shadow', 'enforce'],
    ['shadow', 'shadow', 'enforce', 'off'],
    ['shadow', 'shadow', 'off', 'enforce'],
  ] as const)('what a person holds by %s (%s) another mode does not take away: %s to %s', (verb, held, before, after) => {
    const { breaker } = bench({ mode: before });
    breaker[verb]();
    breaker.setOptions(options(after));
    expect(breaker.state).toBe(held);
    breaker.release();
    expect(breaker.state).toBe({ enforce: 'closed', shadow: 'shadow', off: 'disabled' }[after]);
  });

  test.each([
    ['disable', 'disabled', 'enforce', 'off', 'enforce'],
    ['disable', 'disabled', 'off', 'enforce', 'shadow'],
    ['shadow', 'shadow', 'enforce', 'shadow', 'enforce'],
    ['shadow', 'shadow', 'shadow', 'enforce', 'off'],
  ] as const)('what a person holds by %s (%s) two other modes do not take away either: %s to %s to %s', (verb, held, before, between, after) => {
    const { breaker } = bench({ mode: before });
    breaker[verb]();
    for (const mode of [between, after]) breaker.setOptions(options(mode));
    expect([breaker.state, breaker.held]).toEqual([held, true]);
    breaker.release();
    expect([breaker.state, breaker.held]).toEqual([{ enforce: 'closed', shadow: 'shadow', off: 'disabled' }[after], false]);
    breaker.setOptions(options('enforce'));
    expect(breaker.state).toBe('closed');
  });

  test.each(['forceOpen', 'disable', 'shadow'] as const)('whoever hears of %s finds it held, and one that releases it has the last word', (verb) => {
    const { breaker } = bench();
    const held: boolean[] = [];
    breaker.on('transition', ({ to }) => {
      held.push(breaker.held);
      if (to !== 'closed') breaker.release();
    });
    breaker[verb]();
    expect([held, breaker.state, breaker.held]).toEqual([[true, false], 'closed', false]);
  });

  test('a reset ends what a person holds', () => {
    const { breaker } = bench();
    breaker.shadow();
    breaker.reset();
    breaker.setOptions(options('off'));
    expect(breaker.state).toBe('disabled');
  });

  test.each([
    ['enforce', 'off', 'disabled'],
    ['off', 'enforce', 'closed'],
    ['off', 'shadow', 'shadow'],
    ['shadow', 'off', 'disabled'],
    ['shadow', 'enforce', 'closed'],
    ['enforce', 'shadow', 'shadow'],
  ] as const)('the mode goes from %s to %s: %s, by the trigger config', (before, after, state) => {
    const { breaker, moves } = bench({ mode: before });
    breaker.setOptions(options(after));
    expect(breaker.state).toBe(state);
    expect(moves.map(({ trigger }) => trigger)).toEqual(['config']);
  });

  test('a half-open circuit brought to shadow begins its trial anew, its old probes being late', () => {
    const { breaker } = halfOpened({ halfOpen: { permits: 2 } });
    const old = admitMany(breaker, 2);
    breaker.setOptions(options('shadow', { consecutiveFailures: 1, halfOpen: { permits: 2 } }));
    for (const permit of old) permit.fail(new Boom());
    expect(breaker.snapshot()).toMatchObject({ circuit: 'half_open', probesInFlight: 0 });
    for (const permit of admitMany(breaker, 2)) permit.succeed();
    expect(breaker.snapshot().circuit).toBe('closed');
  });
});
