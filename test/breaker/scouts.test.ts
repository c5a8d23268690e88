import { describe, expect, test } from 'vitest';
import { type BreakerOptions, resolveOptions } from '../../src/core/options.ts';
import { admit, admitMany, type Bench, bench, fail, halfOpened, succeed, traffic } from './harness.ts';

// `halfOpen.scoutMs`: a target that hangs and can only be asked by calls is asked by few of them.

const halfOpen = { permits: 3, leaseMs: 3_000, scoutMs: 250 };

/** Healthy calls of 10 ms, then ten that hang: open after 100 ms, and half-open 500 ms later. */
function hanging(callMs = 10, options: BreakerOptions = {}): Bench {
  const made = bench({ stall: { afterMs: 100, calls: 10, factor: 4 }, open: { durationMs: 500, factor: 2 }, halfOpen, ...options });
  traffic(made, 20, callMs);
  admitMany(made.breaker, 10);
  while (made.breaker.state === 'closed') made.clock.advance(10);
  expect(made.moves.at(-1)?.trigger).toBe('stall');
  made.clock.advance(500);
  expect(made.breaker.state).toBe('half_open');
  return made;
}

describe('scouts of a half-open circuit', () => {
  test('go alone: the other permits follow the first answer, be it a success or a failure', () => {
    for (const outcome of ['success', 'failure'] as const) {
      const { breaker } = halfOpened({ failureRatio: 0.9, halfOpen });
      const scout = admit(breaker);
      expect(breaker.tryAcquire()).toBeUndefined();
      expect(breaker.rejection()).toMatchObject({ reason: 'half_open_limit', state: 'half_open', retryAfterMs: 1_000 });
      scout.settle(outcome, undefined);
      admitMany(breaker, 3);
      expect(breaker.tryAcquire()).toBeUndefined();
    }
  });

  test('follow each other over the lease, as many as there are permits', () => {
    const { breaker, clock } = halfOpened({ halfOpen });
    const sent: number[] = [];
    const began = clock.now();
    while (breaker.state === 'half_open') {
      if (breaker.tryAcquire() !== undefined) sent.push(clock.now() - began);
      clock.advance(50);
    }
    expect(sent).toEqual([0, 1_000, 2_000]);
    expect(clock.now() - began).toBe(3_000);
  });

  test('are followed at once where they prove nothing', () => {
    const { breaker } = halfOpened({ halfOpen });
    admit(breaker).cancel();
    admit(breaker).ignore();
    admit(breaker);
    expect(breaker.refusal()).toMatchObject({ reason: 'half_open_limit' });
  });

  test('close the circuit with the calls after them', () => {
    const { breaker, trail } = halfOpened({ halfOpen });
    succeed(breaker);
    for (const permit of admitMany(breaker, 2)) permit.succeed();
    expect(trail().at(-1)).toBe('half_open>closed probes_succeeded');
  });

  test('are waited for no longer than healthy calls take, where that is known', () => {
    const { breaker, clock, moves } = hanging();
    admit(breaker);
    clock.advance(249);
    expect(breaker.state).toBe('half_open');
    clock.advance(1);
    expect(breaker.state).toBe('open');
    expect(moves.at(-1)).toMatchObject({ trigger: 'probe_lease', value: 0.25, limit: 0.25, error: { code: 'ECALLTIMEOUT', timeoutMs: 250 } });
  });

  test('have as long as slow healthy calls take, one after the other', () => {
    const { breaker, clock, moves } = hanging(900);
    const began = clock.now();
    while (breaker.state === 'half_open') {
      breaker.tryAcquire();
      clock.advance(50);
    }
    expect(moves.at(-1)?.limit).toBeGreaterThanOrEqual(3.6);
    expect(clock.now() - began).toBeGreaterThanOrEqual(3_600);
    expect(breaker.inFlight).toBe(13);
  });

  test('have the whole lease where nothing is known', () => {
    const { breaker, clock } = halfOpened({ halfOpen, stall: {} });
    admit(breaker);
    clock.advance(2_999);
    expect(breaker.state).toBe('half_open');
    clock.advance(1);
    expect(breaker.state).toBe('open');
  });

  test('have twice the time of an answer that came late', () => {
    const { breaker, clock } = hanging();
    admit(breaker);
    clock.advance(250);
    expect(breaker.state).toBe('open');
    breaker.recovered({ waitedMs: 400 });
    expect(breaker.state).toBe('half_open');
    const scout = admit(breaker);
    clock.advance(799);
    scout.succeed();
    for (const permit of admitMany(breaker, 2)) permit.succeed();
    expect(breaker.state).toBe('closed');
  });

  test('have no more than the lease for it', () => {
    const { breaker, clock } = hanging();
    admit(breaker);
    clock.advance(250);
    breaker.recovered({ waitedMs: 20_000 });
    admit(breaker);
    clock.advance(2_999);
    expect(breaker.state).toBe('half_open');
    clock.advance(1);
    expect(breaker.state).toBe('open');
  });

  test('that find nobody do not lengthen the row of openings; twenty of their trials count as one', () => {
    const { breaker, clock, moves } = hanging();
    for (let trial = 0; trial < 40; trial += 1) {
      admit(breaker);
      clock.advance(250);
      expect(breaker.state).toBe('open');
      clock.advance(breaker.snapshot().retryAfterMs ?? 0);
    }
    const times = moves.filter(({ to }) => to === 'open').map(({ openForMs }) => openForMs);
    expect(times).toEqual([...Array<number>(20).fill(500), ...Array<number>(20).fill(1_000), 2_000]);
    fail(breaker);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', openings: 4, retryAfterMs: 4_000 });
  });

  test('are few, whatever the traffic, and a target that is back is in use within a second', () => {
    const { breaker, clock } = hanging(10, { open: { durationMs: 500, factor: 1.2 } });
    let sent = 0;
    const began = clock.now();
    for (; clock.now() - began < 20_000; clock.advance(2)) if (breaker.tryAcquire() !== undefined) sent += 1;
    expect(sent).toBeLessThan(30);
    const returned = clock.now();
    for (; breaker.state !== 'closed'; clock.advance(2)) breaker.tryAcquire()?.succeed();
    expect(clock.now() - returned).toBeLessThan(900);
  });
});

test('a scout that waits longer than any probe may makes no sense', () => {
  expect(() => resolveOptions({ halfOpen: { scoutMs: 20_000 } })).toThrow('halfOpen.scoutMs is 20000; allowed: at most halfOpen.leaseMs (10000)');
});
