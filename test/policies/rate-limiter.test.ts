import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitedError } from '../../src/core/policy-errors.ts';
import { RateLimiter } from '../../src/policies/rate-limiter.ts';
import { bench, down, turns } from './harness.ts';

describe('the rate limiter', () => {
  it('lets the burst through at once, then one per share of the interval', () => {
    const limiter = new RateLimiter({ limit: 10, intervalMs: 1_000, burst: 3 });
    expect([0, 0, 0, 0].map((now) => limiter.take(now))).toEqual([0, 0, 0, 100]);
    expect([limiter.take(99), limiter.take(100), limiter.take(100)]).toEqual([1, 0, 100]);
  });

  it('lets in whoever waits for exactly as long as told', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 997 }),
        fc.integer({ min: 1, max: 10_007 }),
        fc.integer({ min: 1, max: 50 }),
        (limit, intervalMs, burst) => {
          const limiter = new RateLimiter({ limit, intervalMs, burst });
          let now = 0;
          for (let n = 0; n < 100; n += 1) {
            const waitMs = limiter.take(now);
            if (waitMs === 0) continue;
            now += waitMs;
            expect(limiter.take(now)).toBe(0);
          }
        },
      ),
    );
  });

  it('admits what a naive token bucket admits', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 0, max: 500 }), calls: fc.integer({ min: 1, max: 8 }) });
    // Shares of the interval that are whole ms, so that neither side rounds.
    const options = fc.record({
      everyMs: fc.integer({ min: 1, max: 200 }),
      limit: fc.constantFrom(1, 5, 10),
      burst: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(options, fc.array(step, { maxLength: 100 }), ({ everyMs, limit, burst }, steps) => {
        const limiter = new RateLimiter({ limit, intervalMs: everyMs * limit, burst });
        let now = 0;
        let tokens = burst * everyMs;
        for (const { afterMs, calls } of steps) {
          now += afterMs;
          tokens = Math.min(burst * everyMs, tokens + afterMs);
          for (let n = 0; n < calls; n += 1) {
            const admitted = tokens >= everyMs;
            if (admitted) tokens -= everyMs;
            const waitMs = limiter.take(now);
            expect(waitMs === 0).toBe(admitted);
            if (!admitted) expect(waitMs).toBeCloseTo(everyMs - tokens, 6);
          }
        }
      }),
    );
  });

  it('asks nobody to wait for longer than a new, wider limit would', () => {
    const limiter = new RateLimiter({ limit: 1, intervalMs: 60_000, burst: 1 });
    limiter.take(0);
    limiter.setOptions({ limit: 10, intervalMs: 1_000, burst: 1 }, 0);
    expect(limiter.take(0)).toBe(100);
    expect(limiter.take(100)).toBe(0);
  });

  it('refuses calls with when to come again, counted by its reason, and leaves the window alone', async () => {
    const { breaker, clock, run } = bench({ rateLimit: { limit: 2, intervalMs: 1_000 } });
    const rejected: unknown[] = [];
    breaker.on('rejected', ({ reason, retryAfterMs }) => void rejected.push({ reason, retryAfterMs }));
    await run(async () => 1);
    await run(async () => 1);
    const refused = run(async () => 1);
    await expect(refused).rejects.toBeInstanceOf(RateLimitedError);
    await expect(refused).rejects.toMatchObject({
      code: 'ERATELIMITED',
      reason: 'rate_limited',
      retryAfterMs: 500,
      breaker: 'billing',
      state: 'closed',
    });
    expect(breaker.meters.rejections('rate_limited')).toBe(1);
    expect(rejected).toEqual([{ reason: 'rate_limited', retryAfterMs: 500 }]);
    expect(breaker.window.recorded).toBe(2);
    clock.advance(500);
    expect(await run(async () => 'again')).toBe('again');
  });

  it('counts a call once, however often it is repeated', async () => {
    const { clock, run } = bench({ rateLimit: { limit: 2, intervalMs: 1_000 }, retry: { backoffMs: 10, jitter: 'none', attempts: 4 } });
    const call = run(async ({ number }) => {
      if (number < 4) throw down;
      return 'ok';
    });
    for (const ms of [10, 20, 40]) {
      await turns();
      clock.advance(ms);
    }
    expect(await call).toBe('ok');
    expect(await run(async () => 'second')).toBe('second');
    await expect(run(async () => 'third')).rejects.toMatchObject({ reason: 'rate_limited' });
  });
});
