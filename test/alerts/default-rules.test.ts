import { describe, expect, test } from 'vitest';
import { sharedPolicies } from '../../src/policies/compose.ts';
import { minute, Rig, redis, second } from './rig.ts';

/** No circuit opens by itself. */
const lenient = { resolve: () => ({ options: { failureRatio: undefined } }) };

describe('BreakerOpen', () => {
  test('fires when a circuit has been open for five minutes, probes and all, and is over half a minute after it has closed', () => {
    const rig = new Rig();
    const down = { a: { failing: 10 } };
    const fired = rig.until(true, 'BreakerOpen', down) ?? 0;
    expect(fired).toBeGreaterThanOrEqual(300);
    expect(fired).toBeLessThanOrEqual(320);
    expect(rig.firing).toMatchObject([{ name: 'BreakerOpen', summary: 'a has been open for more than 5 minutes' }]);
    expect(rig.firing).toMatchObject([{ severity: 'critical', breaker: 'a', breakers: ['a'], value: 1, limit: 0, state: 'firing' }]);
    // Closed by the next probes, within a minute.
    const over = rig.until(false, 'BreakerOpen', { a: { well: 10 } }) ?? 0;
    expect(over).toBeGreaterThanOrEqual(30);
    expect(over).toBeLessThanOrEqual(100);
  });

  test('does not fire for what is over before', () => {
    const rig = new Rig();
    rig.pass(4 * minute, { a: { failing: 10 } });
    rig.pass(10 * minute, { a: { well: 10 } });
    expect(rig.told.filter((text) => text.includes('BreakerOpen'))).toEqual([]);
  });

  test('does not fire in shadow mode, where nothing is refused', () => {
    const rig = new Rig([], { resolve: () => ({ options: { mode: 'shadow' } }) });
    rig.pass(10 * minute, { a: { failing: 10 } });
    expect(rig.names).not.toContain('BreakerOpen');
    expect(rig.names).toContain('BreakerShadowWouldReject');
  });
});

describe('BreakerShadowWouldReject', () => {
  test('says how many calls, and that the circuit was in shadow mode where it is no longer', () => {
    const rig = new Rig([], { resolve: () => ({ options: { mode: 'shadow', failureRatio: undefined, consecutiveFailures: 2 } }) });
    rig.pass(second, { a: { failing: 3 } });
    rig.pass(10 * second);
    const summaries = () => rig.firing.map(({ summary }) => summary);
    expect(summaries()).toEqual(['a is in shadow mode, would have refused 1 call in 10 minutes']);
    rig.registry.configure(() => ({ options: { mode: 'enforce', failureRatio: undefined, consecutiveFailures: 2 } }));
    rig.pass(10 * second);
    expect(summaries()).toEqual(['a was in shadow mode, would have refused 1 call in 10 minutes']);
    rig.registry.configure(() => ({ options: { mode: 'shadow', failureRatio: undefined, consecutiveFailures: 2 } }));
    rig.pass(10 * second, { a: { failing: 1 } });
    expect(summaries()[0]).toMatch(/^a is in shadow mode, would have refused \d+ calls in 10 minutes$/);
  });
});

describe('failure rate', () => {
  test('above 80 % is critical after a minute', () => {
    const rig = new Rig([], lenient);
    expect(rig.until(true, 'BreakerFailureRateCritical', { a: { failing: 9, well: 1 } })).toBeLessThanOrEqual(70);
    expect(rig.told).toEqual(['firing BreakerFailureRateCritical critical: a fails 90 % of its calls']);
    rig.pass(2 * minute, { a: { failing: 9, well: 1 } });
    expect(rig.firing[0]).toMatchObject({ value: 0.9, limit: 0.8, rules: ['BreakerFailureRateCritical'] });
  });

  test('above 70 % is a warning after two, and nothing below', () => {
    const rig = new Rig([], lenient);
    expect(rig.until(true, 'BreakerFailureRateHigh', { a: { failing: 3, well: 1 }, b: { failing: 2, well: 1 } })).toBeLessThanOrEqual(130);
    rig.pass(10 * minute, { a: { failing: 3, well: 1 }, b: { failing: 2, well: 1 } });
    expect(rig.told).toEqual(['firing BreakerFailureRateHigh warning: a fails 75 % of its calls']);
  });

  test('of a handful of calls is nothing', () => {
    const rig = new Rig([], lenient);
    for (let each = 0; each < 40; each += 1) {
      rig.pass(second, { a: { failing: 1 } });
      rig.pass(19 * second);
    }
    expect(rig.told).toEqual([]);
  });

  test('is over soon after the failures are, though they are within five minutes still, and not for a short improvement', () => {
    const rig = new Rig([], lenient);
    rig.pass(3 * minute, { a: { failing: 10 } });
    rig.pass(20 * second, { a: { well: 1 } });
    expect(rig.names).toEqual(['BreakerFailureRateCritical']);
    rig.pass(2 * minute, { a: { well: 10 } });
    expect(rig.told.at(-1)).toMatch(/^resolved /);
  });

  test('goes on between the limit and the threshold at which it is over', () => {
    const rig = new Rig([], lenient);
    rig.pass(3 * minute, { a: { failing: 9, well: 1 } });
    // 65 % is below the limit of 70 %, and above the 60 % at which it would be over.
    rig.pass(10 * minute, { a: { failing: 13, well: 7 } });
    expect(rig.names).toEqual(['BreakerFailureRateHigh']);
    rig.pass(3 * minute, { a: { failing: 1, well: 1 } });
    expect(rig.names).toEqual([]);
  });
});

describe('BreakerFlapping', () => {
  test('fires at the fourth opening within a quarter of an hour, and is over when there has been none for five minutes', () => {
    const rig = new Rig([], { resolve: () => ({ options: { open: { durationMs: 5_000, factor: 1, jitter: 0 } } }) });
    for (let each = 0; each < 4; each += 1) {
      expect(rig.names).not.toContain('BreakerFlapping');
      rig.pass(3 * second, { a: { failing: 200 } });
      rig.pass(2 * minute, { a: { well: 10 } });
    }
    expect(rig.firing).toMatchObject([{ name: 'BreakerFlapping', value: 4, summary: 'a opens and closes again and again: 4 times in 15 minutes' }]);
    const over = rig.until(false, 'BreakerFlapping', { a: { well: 10 } }) ?? 0;
    expect(over).toBeGreaterThanOrEqual(170);
    expect(over).toBeLessThanOrEqual(200);
  });
});

describe('BreakerProbesFailing', () => {
  test('fires when a circuit is still open after a minute of probes that failed', () => {
    const rig = new Rig();
    const fired = rig.until(true, 'BreakerProbesFailing', { a: { failing: 10 } }) ?? 0;
    expect(fired).toBeGreaterThanOrEqual(80);
    expect(fired).toBeLessThanOrEqual(160);
  });

  test('does not fire for a circuit that has closed by then', () => {
    const rig = new Rig([], { resolve: () => ({ options: { open: { durationMs: 1_000, factor: 1, jitter: 0 } } }) });
    rig.pass(20 * second, { a: { failing: 10 } });
    rig.pass(10 * minute, { a: { well: 10 } });
    expect(rig.told).toEqual([]);
  });
});

describe('refusals and fallbacks', () => {
  test('more than 5 % refused for two minutes', () => {
    const rig = new Rig();
    rig.breaker('a').forceOpen();
    expect(rig.until(true, 'BreakerRejecting', { a: { well: 10 } })).toBeLessThanOrEqual(130);
    expect(rig.told).toEqual(['firing BreakerRejecting warning: a refuses 100 % of its calls']);
    rig.breaker('a').release();
    expect(rig.until(false, 'BreakerRejecting', { a: { well: 10 } })).toBeLessThanOrEqual(100);
  });

  test('calls refused by a limit for five minutes', () => {
    const rig = new Rig();
    const breaker = rig.breaker('a');
    for (let each = 0; each < 400 && !rig.names.includes('BreakerLimitReached'); each += 1) {
      breaker.countRefusal('bulkhead_full', undefined);
      rig.pass(second, { a: { well: 100 } });
    }
    expect(rig.firing).toMatchObject([{ name: 'BreakerLimitReached', id: 'capacity a' }]);
    expect(rig.until(false, 'BreakerLimitReached', { a: { well: 100 } })).toBeLessThanOrEqual(130);
  });

  test('more than half of the calls served by fallbacks for five minutes', () => {
    const rig = new Rig([], lenient);
    const { meters } = sharedPolicies(rig.breaker('a'));
    for (let each = 0; each < 320; each += 1) {
      for (let call = 0; call < 3; call += 1) meters.countFallback('stale', 'success');
      rig.pass(second, { a: { well: 5 } });
    }
    expect(rig.told).toEqual(['firing BreakerFallbackOveruse warning: a serves 60 % of its calls by fallbacks']);
    expect(rig.until(false, 'BreakerFallbackOveruse', { a: { well: 5 } })).toBeLessThanOrEqual(100);
  });
});

describe('slowness', () => {
  test('more than five seconds at the 99th percentile for five minutes', () => {
    const rig = new Rig();
    const fired = rig.until(true, 'BreakerSlowCalls', { a: { well: 2, ms: 7_000 } }) ?? 0;
    expect(fired).toBeGreaterThanOrEqual(300);
    expect(fired).toBeLessThanOrEqual(480);
    expect(rig.told.at(-1)).toMatch(/^firing BreakerSlowCalls warning: a takes more than 5 s: the 99th percentile is 9\.\d s$/);
    rig.until(false, 'BreakerSlowCalls', { a: { well: 20, ms: 10 } });
    expect(rig.told.at(-1)).toMatch(/^resolved BreakerSlowCalls/);
  });

  test('one slow call among many is none', () => {
    const rig = new Rig();
    for (let each = 0; each < 15; each += 1) {
      rig.pass(minute, { a: { well: 10, ms: 20 } });
      rig.breaker('a').tryAcquire()?.succeed(60_000);
    }
    expect(rig.told).toEqual([]);
  });

  test('three times as slow as usual for ten minutes, once there is something usual', () => {
    const rig = new Rig();
    rig.pass(3 * 60 * minute, { a: { well: 1, ms: 40 }, b: { well: 1, ms: 2 } });
    expect(rig.told).toEqual([]);
    // Much slower than usual as well, but quick all the same.
    const slower = { a: { well: 1, ms: 400 }, b: { well: 1, ms: 20 } };
    const fired = rig.until(true, 'BreakerSlowerThanUsual', slower) ?? 0;
    expect(fired).toBeGreaterThanOrEqual(600);
    expect(fired).toBeLessThanOrEqual(1_000);
    expect(rig.firing).toMatchObject([{ breaker: 'a', summary: expect.stringMatching(/^a takes \d+(\.\d)? times as long as in the last day$/) }]);
    // Compared with the hours before, not with itself.
    expect(rig.firing[0]?.value).toBeGreaterThan(9.5);
    rig.until(false, 'BreakerSlowerThanUsual', { a: { well: 1, ms: 40 } });
    expect(rig.firing).toEqual([]);
  });
});

describe('pools', () => {
  const reading = { used: 10, idle: 0, limit: 10, waiting: 3 };
  const target = { system: 'postgresql', server: 'postgresql://db:5432' };

  test('with no connection to spare for a minute, while calls wait', () => {
    const rig = new Rig();
    let now = reading;
    rig.registry.pools.add('postgresql://db:5432/shop', target, () => now);
    expect(rig.until(true, 'BreakerPoolExhausted')).toBeLessThanOrEqual(70);
    expect(rig.firing).toMatchObject([
      { summary: 'postgresql://db:5432/shop has no connection to spare, with 3 calls waiting', pools: ['postgresql://db:5432/shop'], breakers: [] },
    ]);
    now = { ...reading, used: 9, waiting: 0 };
    expect(rig.until(false, 'BreakerPoolExhausted')).toBeLessThanOrEqual(40);
  });

  test('for which calls gave up waiting are critical at once, for five minutes', () => {
    const rig = new Rig();
    const seat = rig.registry.pools.add('postgresql://db:5432/shop', target, () => reading);
    rig.pass(10 * second);
    for (let each = 0; each < 4; each += 1) rig.registry.pools.timedOut(seat, reading);
    expect(rig.until(true, 'BreakerPoolTimeouts')).toBeLessThanOrEqual(5);
    expect(rig.firing).toMatchObject([{ value: 4, severity: 'critical' }]);
    const over = rig.until(false, 'BreakerPoolTimeouts') ?? 0;
    expect(over).toBeGreaterThanOrEqual(290);
    expect(over).toBeLessThanOrEqual(310);
  });

  test('that are gone trouble nobody', () => {
    const rig = new Rig();
    let gone = false;
    rig.registry.pools.add('postgresql://db:5432/shop', target, () => (gone ? undefined : reading));
    rig.until(true, 'BreakerPoolExhausted');
    gone = true;
    rig.pass(5 * second);
    expect(rig.firing).toEqual([]);
  });
});

describe('the write queue', () => {
  test('with writes that wait for more than ten minutes', () => {
    const rig = new Rig();
    const meters = sharedPolicies(rig.breaker('a')).meters;
    const began = rig.clock.now();
    let empty = false;
    meters.queue = {
      depth: 3,
      get ageMs() {
        return empty ? 0 : rig.clock.now() - began;
      },
    };
    rig.breaker('a');
    const fired = rig.until(true, 'BreakerQueueOld', { a: { well: 1 } }) ?? 0;
    expect(fired).toBeGreaterThanOrEqual(900);
    expect(fired).toBeLessThanOrEqual(910);
    expect(rig.told).toEqual(['firing BreakerQueueOld warning: a has queued writes that wait for 15 minutes']);
    empty = true;
    expect(rig.until(false, 'BreakerQueueOld', { a: { well: 1 } })).toBeLessThanOrEqual(5);
  });
});

describe('what somebody has done', () => {
  test('a circuit held by hand for an hour is worth a note', () => {
    const rig = new Rig();
    redis(rig, 'read', 'write');
    for (const breaker of rig.registry.list()) breaker.disable('INC-42');
    const fired =
      rig.until(true, 'BreakerLeftByHand', { 'redis://10.0.0.5:6379 read': { well: 1 }, 'redis://10.0.0.5:6379 write': { well: 1 } }) ?? 0;
    expect(fired).toBeGreaterThanOrEqual(3_600);
    expect(rig.told).toEqual(['firing BreakerLeftByHand info: redis://10.0.0.5:6379 (read, write) has been held by hand for more than 1 hour']);
  });

  test('mode off is no hand’s work', () => {
    const rig = new Rig([], { resolve: () => ({ options: { mode: 'off' } }) });
    rig.pass(70 * minute, { a: { well: 1 } });
    expect(rig.told).toEqual([]);
  });
});

test('a service that is well is told nothing of, and remembered in nothing', () => {
  const rig = new Rig();
  rig.pass(30 * minute, { a: { well: 10 }, b: { well: 3, failing: 1 } });
  expect([rig.told, rig.alerts.alerts()]).toEqual([[], []]);
});
