import { describe, expect, test } from 'vitest';
import { DurationHistogram, durationBoundsMs } from '../../src/breaker/duration-histogram.ts';
import { Meters, rejectionReasons, stateNames } from '../../src/breaker/meters.ts';
import { admit, Boom, bench, fail, opened, succeed } from './harness.ts';

describe('meters', () => {
  test('count calls by outcome and slowness, and only grow', () => {
    const { breaker } = bench({ slowCallMs: 100 });
    succeed(breaker, 2, 10);
    succeed(breaker, 1, 200);
    fail(breaker, 1, 200);
    admit(breaker).ignore();
    admit(breaker).cancel();
    const { meters } = breaker;
    const read = (outcome: Parameters<Meters['calls']>[0]) => [meters.calls(outcome, false), meters.calls(outcome, true)];
    expect([read('success'), read('failure'), read('ignored'), read('cancelled'), read('stale')]).toEqual([
      [2, 1],
      [0, 1],
      [1, 0],
      [1, 0],
      [0, 0],
    ]);
    breaker.reset();
    expect(read('success')).toEqual([2, 1]);
  });

  test('add up the time in each state, the present one up to now', () => {
    const { breaker, clock } = opened({ halfOpen: { permits: 1 } });
    clock.advance(5_000);
    clock.advance(700);
    succeed(breaker);
    clock.advance(1_000);
    const times = Object.fromEntries(stateNames.map((state) => [state, breaker.meters.stateTime(state, clock.now())]));
    expect(times).toEqual({ closed: 1_000, open: 5_000, half_open: 700, forced_open: 0, disabled: 0, shadow: 0 });
  });

  test('keep refusals and would-be refusals apart, by reason', () => {
    const meters = new Meters('closed', 0);
    for (const reason of rejectionReasons) {
      meters.countRejection(reason, false);
      meters.countRejection(reason, true);
      meters.countRejection(reason, true);
      expect([meters.rejections(reason), meters.shadowRejections(reason)]).toEqual([1, 2]);
    }
  });

  test('keep durations by outcome, and failures by error type, of bounded variety', () => {
    const { breaker } = bench();
    succeed(breaker, 1, 3);
    for (let i = 0; i < 100; i += 1) admit(breaker).fail(Object.assign(new Error(), { code: `E${i}` }), 1);
    const { durations } = breaker.meters;
    expect(durations.size).toBeLessThanOrEqual(17);
    expect(durations.get('failure:E0')).toMatchObject({ outcome: 'failure', errorType: 'E0', count: 1 });
    const failures = [...durations.values()].filter(({ outcome }) => outcome === 'failure');
    expect(failures.reduce((sum, { count }) => sum + count, 0)).toBe(100);
    expect(durations.get('failure:_OTHER')?.count).toBeGreaterThan(80);
  });
});

describe('a histogram of durations', () => {
  test('puts a value that equals a bound below it, as OpenTelemetry does', () => {
    for (const [index, bound] of durationBoundsMs.entries()) {
      const histogram = new DurationHistogram('success');
      histogram.record(bound);
      histogram.record(bound + 1e-6);
      expect([histogram.counts[index], histogram.counts[index + 1]]).toEqual([1, 1]);
    }
  });

  test('knows count, sum, least and greatest', () => {
    const histogram = new DurationHistogram('failure', 'EBOOM');
    for (const ms of [5, 1, 100_000]) histogram.record(ms);
    expect(histogram).toMatchObject({ count: 3, sumMs: 100_006, minMs: 1, maxMs: 100_000, outcome: 'failure', errorType: 'EBOOM' });
    expect(histogram.counts.at(-1)).toBe(1);
  });
});

describe('a snapshot', () => {
  test('is plain data that survives JSON', () => {
    const { breaker, clock } = opened({}, { target: { system: 'redis', server: 'redis://h:1' }, rule: 'breakers[0]' });
    clock.advance(40);
    expect(JSON.parse(JSON.stringify(breaker.snapshot()))).toEqual({
      name: 'subject',
      state: 'open',
      mode: 'enforce',
      generation: 1,
      target: { system: 'redis', server: 'redis://h:1' },
      rule: 'breakers[0]',
      sinceMs: 40,
      window: { recorded: 1, failures: 1, slow: 0 },
      consecutiveFailures: 0,
      inFlight: 0,
      probesInFlight: 0,
      injected: false,
      openings: 1,
      retryAfterMs: 4_960,
      lastTrip: { trigger: 'consecutive_failures', agoMs: 40, value: 1, limit: 1, errorType: 'EBOOM' },
      calls: { success: 0, failure: 1, ignored: 0, cancelled: 0, stale: 0 },
      rejections: {},
      shadowRejections: {},
    });
  });

  test('an error of no known kind has a type all the same', () => {
    const { breaker } = bench();
    for (const error of [new Boom(), new TypeError('x'), 'text', undefined, null, 7]) admit(breaker).fail(error, 1);
    expect([...breaker.meters.durations.keys()]).toEqual([
      'failure:EBOOM',
      'failure:TypeError',
      'failure:string',
      'failure:undefined',
      'failure:object',
      'failure:number',
    ]);
  });
});
