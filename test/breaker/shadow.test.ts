import { describe, expect, test } from 'vitest';
import { resolveOptions } from '../../src/core/options.ts';
import { admit, admitMany, Boom, bench, fail, succeed } from './harness.ts';

const shadow = { mode: 'shadow', consecutiveFailures: 1 } as const;

describe('a breaker in shadow', () => {
  test('refuses nothing, and tells what it would have done', () => {
    const { breaker, moves, verdicts, rejections } = bench(shadow);
    fail(breaker);
    expect(breaker.state).toBe('shadow');
    expect(breaker.snapshot()).toMatchObject({ state: 'shadow', circuit: 'open', mode: 'shadow' });
    admitMany(breaker, 3);
    expect(moves).toEqual([]);
    expect(verdicts).toHaveLength(1);
    expect(verdicts[0]).toMatchObject({ from: 'closed', to: 'open', trigger: 'consecutive_failures', shadow: true, openForMs: 5_000 });
    expect(rejections).toHaveLength(3);
    expect(rejections[0]).toMatchObject({ state: 'shadow', reason: 'open', shadow: true, retryAfterMs: 5_000 });
    expect(breaker.snapshot()).toMatchObject({ rejections: {}, shadowRejections: { open: 3 } });
  });

  test('runs the same machine beside the traffic: probes decide, the rest would have been refused', () => {
    const { breaker, clock, verdicts } = bench({ ...shadow, halfOpen: { permits: 2 } });
    fail(breaker);
    clock.advance(5_000);
    expect(breaker.snapshot().circuit).toBe('half_open');
    const [first, second, third] = admitMany(breaker, 3);
    expect([first?.probe, second?.probe, third?.probe]).toEqual([true, true, false]);
    expect(breaker.snapshot().shadowRejections).toEqual({ half_open_limit: 1 });
    third?.fail(new Boom());
    expect(breaker.snapshot().circuit).toBe('half_open');
    first?.succeed();
    second?.succeed();
    expect(breaker.snapshot().circuit).toBe('closed');
    expect(verdicts.map(({ from, to, trigger }) => `${from}>${to} ${trigger}`)).toEqual([
      'closed>open consecutive_failures',
      'open>half_open open_elapsed',
      'half_open>closed probes_succeeded',
    ]);
  });

  test('counts the calls it would have refused as what they were, and decides nothing by them', () => {
    const { breaker, clock } = bench({ ...shadow, halfOpen: { permits: 1 } });
    fail(breaker);
    const during = admit(breaker);
    clock.advance(5_000);
    during.fail(new Boom());
    expect(breaker.snapshot()).toMatchObject({ circuit: 'half_open', window: { recorded: 0 }, calls: { failure: 2, stale: 0 } });
    succeed(breaker);
    expect(breaker.snapshot().circuit).toBe('closed');
  });

  test('a result of a call from before its verdict is late', () => {
    const { breaker } = bench(shadow);
    const late = admit(breaker);
    fail(breaker);
    late.succeed();
    expect(breaker.snapshot()).toMatchObject({ circuit: 'open', calls: { stale: 1, success: 0 } });
  });

  test('its rejection event costs no error, and rejection() is never needed', () => {
    const { breaker } = bench(shadow);
    fail(breaker);
    expect(breaker.tryAcquire()).toBeDefined();
  });

  test('put there by hand from an outage, begins anew, and given back goes home', () => {
    const { breaker, trail, moves } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    breaker.shadow('trying it out');
    expect(breaker.snapshot()).toMatchObject({ state: 'shadow', circuit: 'closed' });
    expect(moves.at(-1)).toMatchObject({ from: 'open', to: 'shadow', trigger: 'manual', reason: 'trying it out' });
    fail(breaker);
    expect(breaker.state).toBe('shadow');
    breaker.release();
    expect(breaker.state).toBe('closed');
    expect(trail()).toEqual(['closed>open consecutive_failures', 'open>shadow manual', 'shadow>closed manual']);
  });

  test('twice is once', () => {
    const { breaker, moves } = bench();
    breaker.shadow();
    breaker.shadow();
    expect(moves).toHaveLength(1);
  });

  test('brought to enforce by configuration during an outage, refuses from then on', () => {
    const { breaker, clock, moves } = bench(shadow);
    fail(breaker);
    clock.advance(1_000);
    breaker.setOptions(resolveOptions({ name: 'subject', ...shadow, mode: 'enforce' }));
    expect(breaker.state).toBe('open');
    expect(breaker.snapshot().retryAfterMs).toBe(4_000);
    expect(moves[0]).toMatchObject({ from: 'shadow', to: 'open', trigger: 'config', openForMs: 4_000 });
    expect(breaker.snapshot().lastTrip).toMatchObject({ trigger: 'consecutive_failures', agoMs: 1_000 });
    expect(breaker.tryAcquire()).toBeUndefined();
    clock.advance(4_000);
    expect(breaker.state).toBe('half_open');
  });

  test('brought to shadow by configuration during an outage, goes on deciding and lets all go', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1 });
    fail(breaker);
    breaker.setOptions(resolveOptions({ name: 'subject', ...shadow }));
    expect(breaker.snapshot()).toMatchObject({ state: 'shadow', circuit: 'open' });
    admitMany(breaker, 10);
    clock.advance(5_000);
    expect(breaker.snapshot().circuit).toBe('half_open');
  });

  test('its time is counted as shadow time', () => {
    const { breaker, clock } = bench(shadow);
    clock.advance(100);
    fail(breaker);
    clock.advance(100);
    expect(breaker.meters.stateTime('shadow', clock.now())).toBe(200);
    expect(breaker.meters.stateTime('open', clock.now())).toBe(0);
  });
});
