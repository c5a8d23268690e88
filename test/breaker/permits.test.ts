import { describe, expect, test } from 'vitest';
import { admit, admitMany, Boom, bench, fail, halfOpened, succeed } from './harness.ts';

describe('a permit', () => {
  test('settles once: what comes later is ignored', () => {
    const { breaker, calls } = bench();
    const permit = admit(breaker);
    permit.succeed();
    permit.fail(new Boom());
    permit.ignore();
    permit.cancel();
    expect(calls.map(({ outcome }) => outcome)).toEqual(['success']);
    expect(breaker.snapshot()).toMatchObject({ inFlight: 0, window: { recorded: 1, failures: 0 } });
  });

  test('measures the duration, or takes the one it is given', () => {
    const { breaker, clock, calls } = bench();
    const measured = admit(breaker);
    clock.advance(120);
    measured.succeed();
    admit(breaker).fail(new Boom(), 33);
    expect(calls.map(({ durationMs }) => durationMs)).toEqual([120, 33]);
  });

  test.each([Number.NaN, -5, Number.POSITIVE_INFINITY, '5'])('measures where the duration given is none: %s', (given) => {
    const { breaker, clock, calls } = bench();
    const [one, other, third] = admitMany(breaker, 3);
    clock.advance(10);
    one?.succeed(given as number);
    other?.fail(new Boom(), given as number);
    third?.settle('success', undefined, given as number);
    expect(calls.map(({ durationMs }) => durationMs)).toEqual([10, 10, 10]);
    expect([...breaker.meters.durations.values()].map(({ sumMs }) => sumMs)).toEqual([20, 10]);
  });

  test.each(['ignore', 'cancel'] as const)('that ends by %s proves nothing', (end) => {
    const { breaker } = bench({ consecutiveFailures: 2 });
    fail(breaker);
    admit(breaker)[end]();
    expect(breaker.snapshot()).toMatchObject({ window: { recorded: 1 }, consecutiveFailures: 1, inFlight: 0 });
    fail(breaker);
    expect(breaker.state).toBe('open');
  });

  test('bound with `using` is given back unsettled when its scope ends', () => {
    const { breaker, calls } = bench();
    {
      using permit = admit(breaker);
      expect(breaker.inFlight).toBe(1);
      expect(permit.settled).toBe(false);
    }
    expect(breaker.inFlight).toBe(0);
    expect(calls.map(({ outcome }) => outcome)).toEqual(['ignored']);
  });

  test('bound with `using` keeps what it was settled with', () => {
    const { breaker, calls } = bench();
    {
      using permit = admit(breaker);
      permit.succeed();
    }
    expect(calls.map(({ outcome }) => outcome)).toEqual(['success']);
  });

  test('given back in half-open lets the next probe go, and never more than the limit', () => {
    const { breaker } = halfOpened({ halfOpen: { permits: 2 } });
    for (let round = 0; round < 20; round += 1) {
      const [first, second] = admitMany(breaker, 2);
      expect(breaker.tryAcquire()).toBeUndefined();
      first?.cancel();
      first?.cancel();
      second?.ignore();
      expect(breaker.snapshot().probesInFlight).toBe(0);
    }
    expect(breaker.state).toBe('half_open');
  });

  test('a value returned with a strange outcome by plain JavaScript does not unsettle the counts', () => {
    const { breaker } = bench();
    admit(breaker).settle('success');
    expect(breaker.snapshot().calls.success).toBe(1);
  });
});

describe('a result whose state is over', () => {
  test('changes nothing in the state after it', () => {
    const { breaker, clock, trail } = bench({ consecutiveFailures: 1, halfOpen: { permits: 1 } });
    const [lateFailure, lateSuccess, lateIgnored] = admitMany(breaker, 3);
    fail(breaker);
    clock.advance(5_000);
    expect(breaker.state).toBe('half_open');
    const probe = admit(breaker);
    lateFailure?.fail(new Boom());
    lateSuccess?.succeed();
    lateIgnored?.ignore();
    expect(breaker.state).toBe('half_open');
    expect(breaker.snapshot()).toMatchObject({ probesInFlight: 1, window: { recorded: 0 } });
    expect(breaker.tryAcquire()).toBeUndefined();
    probe.succeed();
    expect(trail().at(-1)).toBe('half_open>closed probes_succeeded');
    expect(breaker.snapshot().calls).toEqual({ success: 1, failure: 1, ignored: 0, cancelled: 0, stale: 3 });
  });

  test('a probe of an earlier half-open neither frees nor decides a later one', () => {
    const { breaker, clock } = halfOpened({ halfOpen: { permits: 2 }, open: { factor: 1 } });
    const [lost, failing] = admitMany(breaker, 2);
    failing?.fail(new Boom());
    clock.advance(5_000);
    expect(breaker.state).toBe('half_open');
    admitMany(breaker, 2);
    lost?.fail(new Boom());
    expect(breaker.state).toBe('half_open');
    expect(breaker.snapshot().probesInFlight).toBe(2);
  });

  test('does not count in the closed state that came two moves later', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1, halfOpen: { permits: 1 } });
    const late = admit(breaker);
    fail(breaker);
    clock.advance(5_000);
    succeed(breaker);
    expect(breaker.state).toBe('closed');
    late.fail(new Boom());
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot().consecutiveFailures).toBe(0);
  });

  test('of a call admitted before a reset changes nothing', () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    const late = admit(breaker);
    breaker.reset();
    late.fail(new Boom());
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot().calls.stale).toBe(1);
  });

  test('still running past slowCallMs does not open the circuit again', () => {
    const { breaker, clock } = bench({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 5, halfOpen: { permits: 1 } });
    admitMany(breaker, 10);
    clock.advance(150);
    expect(breaker.state).toBe('open');
    clock.advance(5_000);
    succeed(breaker);
    expect(breaker.state).toBe('closed');
    succeed(breaker, 3);
    clock.advance(1_000);
    expect(breaker.state).toBe('closed');
  });

  test('of calls that hang since before a reset is no stall', () => {
    const { breaker, clock } = bench({ stall: { afterMs: 500, calls: 2 } });
    succeed(breaker, 20, 5);
    admitMany(breaker, 5);
    breaker.reset();
    clock.advance(400);
    admit(breaker);
    clock.advance(400);
    expect(breaker.state).toBe('closed');
  });
});

describe('fencing and results that come in time', () => {
  test('results of calls overlapping one another within one state all count', () => {
    const { breaker } = bench();
    const permits = admitMany(breaker, 10);
    for (const permit of [...permits].reverse()) permit.succeed();
    expect(breaker.snapshot().window.recorded).toBe(10);
  });
});
