import { describe, expect, test } from 'vitest';
import { admit, admitMany, type Bench, Boom, fail, halfOpened, succeed } from './harness.ts';

/** Just closed, ramping up over ten seconds; so many calls at a time as there are permits always go. */
function ramping(permits = 1): Bench {
  const made = halfOpened({ halfOpen: { permits, rampUpMs: 10_000 } });
  for (const permit of admitMany(made.breaker, permits)) permit.succeed();
  expect(made.breaker.state).toBe('closed');
  return made;
}

describe('ramp-up', () => {
  test('admits a share that grows from the permits to all of it, and refuses the rest', () => {
    const made = ramping();
    // One call under way all the time: the permits are taken, only the share admits.
    admit(made.breaker);
    const shares = [];
    for (let second = 0; second < 10; second += 1) {
      made.clock.advance(500);
      const admitted = Array.from({ length: 100 }, () => made.breaker.tryAcquire()).filter((permit) => permit !== undefined);
      for (const permit of admitted) permit.succeed();
      shares.push(admitted.length);
      made.clock.advance(500);
    }
    expect(shares.map((share) => Math.round(share / 5) * 5)).toEqual([5, 15, 25, 35, 45, 55, 65, 75, 85, 95]);
    expect(made.rejections.at(-1)).toMatchObject({ reason: 'ramp_up', state: 'closed' });
    expect(made.breaker.snapshot().rejections.ramp_up).toBe(500);
  });

  test('always admits as many at a time as there were probes', () => {
    const { breaker } = ramping(3);
    admitMany(breaker, 3);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.rejection()).toMatchObject({ code: 'EBREAKEROPEN', state: 'closed', reason: 'ramp_up' });
  });

  test('ends after its time', () => {
    const { breaker, clock } = ramping();
    clock.advance(10_000);
    admitMany(breaker, 1_000);
    expect(breaker.snapshot().rejections.ramp_up).toBeUndefined();
  });

  test('a trip during it re-opens, and says so', () => {
    const { breaker, clock, trail, moves } = ramping();
    clock.advance(9_999);
    fail(breaker);
    expect(trail().at(-1)).toBe('closed>open ramp_up_failed');
    expect(moves.at(-1)).toMatchObject({ value: 1, limit: 1 });
    expect(breaker.snapshot().openings).toBe(2);
  });

  test('a trip after it has the name of its rule', () => {
    const { breaker, clock, trail } = ramping();
    clock.advance(10_000);
    fail(breaker);
    expect(trail().at(-1)).toBe('closed>open consecutive_failures');
  });

  test('results during it are recorded as ever', () => {
    const { breaker } = ramping();
    succeed(breaker, 5);
    expect(breaker.snapshot().window.recorded).toBe(5);
  });

  test('a reset ends it', () => {
    const { breaker } = ramping();
    breaker.reset();
    admitMany(breaker, 50);
  });

  test('in shadow refuses nothing', () => {
    const made = halfOpened({ mode: 'shadow', halfOpen: { permits: 1, rampUpMs: 10_000 } });
    admit(made.breaker).succeed();
    expect(made.breaker.snapshot().circuit).toBe('closed');
    admitMany(made.breaker, 10);
    expect(made.breaker.snapshot().shadowRejections).toEqual({ ramp_up: 9 });
    expect(made.breaker.snapshot().rejections).toEqual({});
  });

  test('a permit refused by it is no permit', () => {
    const { breaker } = ramping();
    const only = admit(breaker);
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.inFlight).toBe(1);
    only.fail(new Boom());
    expect(breaker.inFlight).toBe(0);
  });
});
