import { describe, expect, test } from 'vitest';
import { admit, Boom, bench, fail, halfOpened, opened, succeed } from './harness.ts';

describe('a closed circuit', () => {
  test('admits every call and records its result', () => {
    const { breaker } = bench();
    succeed(breaker, 3);
    fail(breaker, 2);
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot().window).toEqual({ recorded: 5, failures: 2, slow: 0 });
  });

  test('opens when a rule fires, and tells why', () => {
    const { breaker, moves } = bench({ consecutiveFailures: 2 });
    fail(breaker, 2);
    expect(breaker.state).toBe('open');
    expect(moves).toHaveLength(1);
    expect(moves[0]).toMatchObject({
      from: 'closed',
      to: 'open',
      trigger: 'consecutive_failures',
      value: 2,
      limit: 2,
      shadow: false,
      openForMs: 5_000,
    });
    expect(moves[0]?.counts).toEqual({ recorded: 2, failures: 2, slow: 0 });
    expect(moves[0]?.error).toBeInstanceOf(Boom);
  });
});

describe('an open circuit', () => {
  test('admits nothing, and each refusal says when to come again and what has happened', () => {
    const { breaker, clock, rejections } = opened();
    clock.advance(1_000);
    expect(breaker.tryAcquire()).toBeUndefined();
    const error = breaker.rejection();
    expect(error).toMatchObject({ code: 'EBREAKEROPEN', breaker: 'subject', state: 'open', reason: 'open', retryAfterMs: 4_000 });
    expect(error.cause).toBeInstanceOf(Boom);
    expect(rejections).toEqual([{ breaker, state: 'open', reason: 'open', shadow: false, retryAfterMs: 4_000 }]);
    expect(breaker.snapshot().rejections).toEqual({ open: 1 });
  });

  test('takes results of calls admitted earlier for telemetry only', () => {
    const { breaker, calls } = bench({ consecutiveFailures: 1 });
    const earlier = admit(breaker);
    fail(breaker);
    const before = breaker.snapshot().window;
    earlier.succeed();
    expect(breaker.snapshot().window).toEqual(before);
    expect(breaker.snapshot().calls).toMatchObject({ stale: 1, failure: 1, success: 0 });
    expect(calls.at(-1)).toMatchObject({ outcome: 'stale', state: 'closed' });
  });

  test('is half-open at exactly the end of its time when asked, even though no timer has run', () => {
    const { breaker, clock } = opened();
    clock.skip(4_999);
    expect(breaker.state).toBe('open');
    clock.skip(1);
    expect(breaker.state).toBe('half_open');
  });

  test('is half-open at exactly the end of its time for those who only watch', () => {
    const { clock, moves } = opened();
    clock.advance(4_999);
    expect(moves).toHaveLength(1);
    clock.advance(1);
    expect(moves[1]).toMatchObject({ from: 'open', to: 'half_open', trigger: 'open_elapsed', at: 5_000 });
  });

  test('admits a call that comes at exactly the end of its time', () => {
    const { breaker, clock } = opened();
    clock.skip(5_000);
    expect(breaker.tryAcquire()?.probe).toBe(true);
  });
});

describe('a half-open circuit', () => {
  test('admits as many probes as there are permits, and refuses the rest', () => {
    const { breaker, rejections } = halfOpened({ halfOpen: { permits: 2 } });
    expect(admit(breaker).probe).toBe(true);
    expect(admit(breaker).probe).toBe(true);
    expect(breaker.snapshot().probesInFlight).toBe(2);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.rejection()).toMatchObject({ state: 'half_open', reason: 'half_open_limit' });
    expect(rejections.at(-1)).toMatchObject({ reason: 'half_open_limit', retryAfterMs: 10_000 });
  });

  test('begins with a fresh window', () => {
    const { breaker } = halfOpened();
    expect(breaker.snapshot().window).toEqual({ recorded: 0, failures: 0, slow: 0 });
    admit(breaker).succeed();
    expect(breaker.snapshot().window.recorded).toBe(1);
  });

  test('closes with a fresh window too', () => {
    const { breaker, trail } = halfOpened({ halfOpen: { permits: 1 } });
    admit(breaker).succeed();
    expect(trail().at(-1)).toBe('half_open>closed probes_succeeded');
    expect(breaker.snapshot().window.recorded).toBe(0);
  });
});

describe('a circuit forced open', () => {
  test('admits and records nothing, and only a person ends it', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1 });
    const earlier = admit(breaker);
    breaker.forceOpen('maintenance');
    earlier.fail(new Boom());
    expect(breaker.snapshot().calls.stale).toBe(1);
    clock.advance(1e9);
    expect(breaker.state).toBe('forced_open');
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.rejection()).toMatchObject({ reason: 'forced_open', retryAfterMs: undefined, state: 'forced_open' });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a disabled breaker', () => {
  test('admits all, decides nothing, and counts for telemetry only', () => {
    const { breaker } = bench({ consecutiveFailures: 1, failureCount: 1 });
    breaker.disable();
    fail(breaker, 50);
    expect(breaker.state).toBe('disabled');
    expect(breaker.snapshot()).toMatchObject({ window: { recorded: 0 }, calls: { failure: 50, stale: 0 }, consecutiveFailures: 0 });
  });

  test('is what the mode off makes', () => {
    const { breaker } = bench({ mode: 'off', consecutiveFailures: 1 });
    fail(breaker, 5);
    expect(breaker.state).toBe('disabled');
  });

  test('counts a call that ends after control was given back as what it was, and decides nothing by it', () => {
    const { breaker } = bench({ consecutiveFailures: 1 });
    breaker.disable();
    const late = admit(breaker);
    breaker.release();
    late.fail(new Boom());
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot().calls).toMatchObject({ failure: 1, stale: 0 });
  });
});

describe('the cause of a refusal', () => {
  test('is the failure that has opened the circuit, a success that made its calls enough to judge notwithstanding', () => {
    const { breaker } = bench({ failureRatio: 0.5, minimumCalls: 2 });
    const error = new Boom();
    admit(breaker).fail(error);
    succeed(breaker);
    expect([breaker.state, breaker.refusal()?.cause]).toEqual(['open', error]);
  });

  test('is none of earlier: neither while a person refuses, nor where answers were slow', () => {
    const { breaker, moves } = bench({ consecutiveFailures: 9, slowCallMs: 10, slowRatio: 0.5, minimumCalls: 4, window: { type: 'count', size: 4 } });
    fail(breaker);
    succeed(breaker, 10);
    breaker.forceOpen('maintenance');
    expect(breaker.refusal()).not.toHaveProperty('cause');
    breaker.release();
    succeed(breaker, 2);
    for (let call = 0; call < 2; call += 1) admit(breaker).succeed(50);
    expect(breaker.snapshot()).toMatchObject({ state: 'open', lastTrip: { trigger: 'slow_ratio', errorType: undefined } });
    expect(breaker.refusal()).not.toHaveProperty('cause');
    expect(moves.at(-1)).toMatchObject({ trigger: 'slow_ratio', error: undefined });
  });

  test('stays while the circuit asks whether its dependency is back, whatever fails elsewhere meanwhile', () => {
    const { breaker, clock } = bench({ consecutiveFailures: 1, halfOpen: { permits: 1 } });
    const error = new Boom();
    admit(breaker).fail(error);
    clock.advance(breaker.options.open.durationMs);
    breaker.report(new Error('another'));
    admit(breaker);
    expect([breaker.state, breaker.refusal()?.cause]).toEqual(['half_open', error]);
  });
});
