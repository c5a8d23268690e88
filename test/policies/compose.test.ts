import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import type { CustomPolicy } from '../../src/core/custom-policy.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { type BreakerOptions, resolveOptions } from '../../src/core/options.ts';
import { policiesOf, policyMetersOf } from '../../src/policies/compose.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { bench, deferred, down, turns } from './harness.ts';

describe('the policies of a breaker', () => {
  it('are none where nothing is configured, or the mode is off', () => {
    expect(policiesOf(createBreaker())).toBeUndefined();
    expect(policyMetersOf(createBreaker())).toBeUndefined();
    expect(policiesOf(createBreaker({ mode: 'off', bulkhead: { limit: 1 } }))).toBeUndefined();
  });

  it('are the same for all who ask', () => {
    const breaker = createBreaker({ bulkhead: { limit: 1 } });
    expect(policiesOf(breaker)).toBe(policiesOf(breaker));
  });

  it('take on new options while calls are under way: who is inside stays, who waits comes in, counts go on', async () => {
    const { breaker, run, policies } = bench({ bulkhead: { limit: 1, queue: 5 }, rateLimit: { limit: 100 }, fallback: { value: 'none' } });
    const first = deferred<string>();
    const inside = run(() => first.promise);
    const waiting = run(async () => 'second');
    await turns();
    breaker.setOptions(resolveOptions({ name: 'billing', bulkhead: { limit: 2, queue: 5 } }));
    const before = policies();
    expect(await waiting).toBe('second');
    expect(before.bulkhead?.active).toBe(1);
    first.resolve('first');
    expect(await inside).toBe('first');
    expect(before.bulkhead?.active).toBe(0);
    expect(before.rateLimiter).toBeUndefined();
    expect(policies()).toBe(before);
  });

  it('go away with their options, and their gauges with them', async () => {
    const { breaker, policies } = bench({ bulkhead: { limit: 1 } });
    expect(policies().meters.bulkhead?.limit).toBe(1);
    breaker.setOptions(resolveOptions({ name: 'billing', rateLimit: { limit: 1 } }));
    expect(policies().meters.bulkhead).toBeUndefined();
    breaker.setOptions(resolveOptions({ name: 'billing', bulkhead: { limit: 3 } }));
    expect(policies().meters.bulkhead).toEqual({ active: 0, queued: 0, limit: 3 });
    breaker.setOptions(resolveOptions({ name: 'billing' }));
    expect(policiesOf(breaker)).toBeUndefined();
  });

  it('stand in the documented order', async () => {
    const seen: string[] = [];
    const { breaker, clock, run, policies } = bench({
      fallback: { handler: (error) => void seen.push(`fallback: ${(error as { code: string }).code}`) },
      rateLimit: { limit: 3, intervalMs: 60_000 },
      bulkhead: { limit: 1 },
      totalTimeoutMs: 1_000,
      retry: { attempts: 2, backoffMs: 10, jitter: 'none' },
      consecutiveFailures: 2,
    });
    // Retry is inside the limits and outside the breaker: one call, one place, two attempts that the breaker has seen.
    const failing = run<unknown>(() => Promise.reject(down));
    await turns();
    expect(policies().bulkhead?.active).toBe(1);
    clock.advance(10);
    await failing;
    expect(breaker.meters.calls('failure', false)).toBe(2);
    // The breaker is open now: the call passes rate limit and bulkhead before it is refused.
    await run<unknown>(async () => 1);
    // The bulkhead is inside the rate limit: a call that it refuses has cost a place of the rate.
    breaker.reset();
    const hanging = deferred<unknown>();
    const inside = run<unknown>(() => hanging.promise);
    await turns();
    await run<unknown>(async () => 1);
    hanging.resolve(1);
    await inside;
    expect(seen).toEqual(['fallback: ERETRYEXHAUSTED', 'fallback: EBREAKEROPEN', 'fallback: ERATELIMITED']);
  });

  it('refuse nothing in shadow mode, repeat nothing, answer nothing; what limits would have refused is counted', async () => {
    const { breaker, run, policies } = bench({
      mode: 'shadow',
      bulkhead: { limit: 1 },
      rateLimit: { limit: 3, intervalMs: 60_000 },
      retry: { attempts: 5 },
      totalTimeoutMs: 60_000,
      fallback: { value: 'none' },
    });
    const first = deferred<string>();
    const inside = run(() => first.promise);
    await turns();
    const second = run(async () => 'second');
    expect(await second).toBe('second');
    expect(breaker.meters.shadowRejections('bulkhead_full')).toBe(1);
    expect(policies().bulkhead?.active).toBe(1);
    first.resolve('first');
    await inside;
    await expect(run<unknown>(() => Promise.reject(down))).rejects.toBe(down);
    expect(await run(async () => 'over the rate')).toBe('over the rate');
    expect(breaker.meters.shadowRejections('rate_limited')).toBe(1);
    expect(breaker.meters.rejections('rate_limited')).toBe(0);
    expect(policies().bulkhead?.active).toBe(0);
    expect(policies().meters.attempts.size).toBe(0);
  });

  it('refuse nothing while the circuit is forced closed', async () => {
    const { breaker, run } = bench({ rateLimit: { limit: 1, intervalMs: 60_000 } });
    breaker.disable();
    expect([await run(async () => 1), await run(async () => 2)]).toEqual([1, 2]);
    expect(breaker.meters.shadowRejections('rate_limited')).toBe(0);
  });

  it('end every call exactly once and leave no place, timer or listener behind, whatever is configured and whatever happens', async () => {
    const options = fc.record(
      {
        bulkhead: fc.record({
          limit: fc.integer({ min: 1, max: 3 }),
          queue: fc.integer({ min: 1, max: 3 }),
          queueTimeoutMs: fc.constantFrom(20, 500),
        }),
        rateLimit: fc.record({ limit: fc.integer({ min: 1, max: 20 }), intervalMs: fc.constant(100) }),
        totalTimeoutMs: fc.constantFrom(100, 1_000),
        retry: fc.record({
          attempts: fc.integer({ min: 2, max: 3 }),
          backoffMs: fc.constantFrom(1, 20),
          jitter: fc.constantFrom('none', 'full', 'equal', 'decorrelated'),
        }),
        fallback: fc.constantFrom({ value: 'fallback' }, { tiers: [async () => 'tier'] }, { handler: () => Promise.reject(new Error('handler')) }),
        consecutiveFailures: fc.integer({ min: 2, max: 5 }),
      },
      { requiredKeys: [] },
    );
    const call = fc.record({
      afterMs: fc.integer({ min: 0, max: 30 }),
      takesMs: fc.integer({ min: 0, max: 150 }),
      fails: fc.nat({ max: 3 }),
      abortAfterMs: fc.option(fc.nat({ max: 100 })),
    });
    await fc.assert(
      fc.asyncProperty(options, fc.array(call, { minLength: 1, maxLength: 12 }), async (given, calls) => {
        const { clock, breaker, run } = bench(given as BreakerOptions);
        if (policiesOf(breaker) === undefined) return;
        const settled: unknown[] = [];
        for (const { afterMs, takesMs, fails, abortAfterMs } of calls) {
          const controller = new AbortController();
          if (abortAfterMs !== null) clock.setTimer(() => controller.abort(new Error('enough')), abortAfterMs);
          const { signal } = controller;
          run<unknown>(
            async ({ number, signal: own }) => {
              const work = deferred<void>();
              const timer = clock.setTimer(() => work.resolve(), takesMs);
              const aborted = (): void => work.reject(own?.reason);
              own?.addEventListener('abort', aborted, { once: true });
              try {
                await work.promise;
              } finally {
                timer.cancel();
                own?.removeEventListener('abort', aborted);
              }
              if (number <= fails) throw down;
              return 'ok';
            },
            { signal },
          ).then(
            (value) => settled.push(value),
            (error: unknown) => settled.push(error),
          );
          await turns(5);
          clock.advance(afterMs);
        }
        for (let n = 0; n < 80; n += 1) {
          await turns();
          clock.advance(50);
        }
        await turns();
        expect(settled).toHaveLength(calls.length);
        expect(policiesOf(breaker)?.bulkhead ?? { active: 0, queued: 0 }).toMatchObject({ active: 0, queued: 0 });
        expect(breaker.inFlight).toBe(0);
        // The breaker may have one for the time it stays open.
        expect(clock.pendingTimers).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a policy of a third party', () => {
  it('stands inside the fallback and outside the limits, and is told what the call is', async () => {
    const seen: unknown[] = [];
    const noting: CustomPolicy = {
      name: 'noting',
      around: async (call, next) => {
        seen.push(call);
        return next();
      },
    };
    const refusing: CustomPolicy = { name: 'refusing', around: (call, next) => (call.args[0] === 'no' ? Promise.reject(down) : next()) };
    const { run, policies } = bench({ customPolicies: [noting, refusing], bulkhead: { limit: 1 }, fallback: { value: 'none' } });
    expect(await run<unknown>(async () => 'ok', { args: ['yes'] })).toBe('ok');
    expect(await run<unknown>(async () => 'ok', { args: ['no'] })).toBe('none');
    expect(seen).toEqual(['yes', 'no'].map((arg) => ({ breaker: 'billing', operation: 'read', idempotent: true, signal: undefined, args: [arg] })));
    expect(policies().bulkhead?.active).toBe(0);
  });

  it('is left out in shadow mode', async () => {
    const { run } = bench({ mode: 'shadow', customPolicies: [{ name: 'no', around: () => Promise.reject(down) }] });
    expect(await run(async () => 'ok')).toBe('ok');
  });

  it('must look like one', () => {
    expect(() => bench({ customPolicies: [{ name: 'x' } as never] })).toThrow('customPolicies[0]');
  });
});

describe('degraded modes', () => {
  it('read-only refuses writes with an error that says so, and lets reads through', async () => {
    const { breaker, run } = bench({ degraded: 'read-only' });
    expect(await run(async () => 'value', { operation: 'read' })).toBe('value');
    for (const operation of ['write', 'delete', 'admin', 'script', undefined]) {
      await expect(run(async () => 'OK', { operation })).rejects.toMatchObject({ code: 'EREADONLYMODE', reason: 'read_only', breaker: 'billing' });
    }
    expect(breaker.meters.rejections('read_only')).toBe(5);
    expect(breaker.window.recorded).toBe(1);
  });

  it('can be set while the process runs, on a breaker that has no policies at all, and taken back', async () => {
    const { breaker, run } = bench();
    breaker.degraded = 'read-only';
    await expect(run(async () => 'OK', { operation: 'write' })).rejects.toMatchObject({ code: 'EREADONLYMODE' });
    breaker.degraded = undefined;
    expect(policiesOf(breaker)).toBeUndefined();
  });

  it('can be set for all breakers of a registry, those to come included', async () => {
    const registry = createRegistry();
    const first = registry.get('first');
    registry.degrade('read-only');
    const second = registry.get('second');
    expect([first.snapshot().degraded, second.snapshot().degraded]).toEqual(['read-only', 'read-only']);
    registry.degrade(undefined);
    expect([first.snapshot().degraded, second.snapshot().degraded, registry.get('third').degraded]).toEqual([undefined, undefined, undefined]);
  });

  it('can be switched off above what the options say', async () => {
    const { breaker, run } = bench({ degraded: 'read-only' });
    breaker.degraded = 'off';
    expect(await run(async () => 'OK', { operation: 'write' })).toBe('OK');
  });

  it('empty answers reads without asking, and refuses writes', async () => {
    const { breaker, run, policies } = bench({ degraded: 'empty' });
    const asked = run<unknown>(async () => ['real'], { empty: () => [] });
    expect(await asked).toEqual([]);
    await expect(run(async () => 'OK', { operation: 'write', empty: () => '' })).rejects.toMatchObject({ code: 'EREADONLYMODE' });
    // Where no empty result would be true, the dependency is asked.
    expect(await run(async () => 'real')).toBe('real');
    expect(breaker.window.recorded).toBe(1);
    expect(policies().meters.fallbacks('empty', 'success')).toBe(1);
  });

  it('bypass leaves out all policies but the breaker', async () => {
    const { breaker, run } = bench({ bulkhead: { limit: 1 }, rateLimit: { limit: 1, intervalMs: 60_000 }, fallback: { value: 'none' } });
    breaker.degraded = 'bypass';
    expect([await run(async () => 1), await run(async () => 2)]).toEqual([1, 2]);
    await expect(run<unknown>(() => Promise.reject(down))).rejects.toBe(down);
    breaker.forceOpen();
    await expect(run(async () => 1)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
  });

  it('are inside the fallback: a write that is refused may be queued', async () => {
    const { run } = bench({ degraded: 'read-only', fallback: { queue: { path: 'q' } } });
    const queue = { behind: () => false, passed: () => undefined, append: async () => 'queued' };
    expect(await run<unknown>(async () => 'OK', { operation: 'write', queue })).toBe('queued');
  });

  it('refuse nothing in shadow mode, where they are counted', async () => {
    const { breaker, run } = bench({ mode: 'shadow', degraded: 'empty' });
    expect(await run<unknown>(async () => 'real', { empty: () => [] })).toBe('real');
    expect(await run(async () => 'OK', { operation: 'write' })).toBe('OK');
    expect(breaker.meters.shadowRejections('read_only')).toBe(1);
  });
});

describe('options that cannot be meant', () => {
  const issue = (options: BreakerOptions): string => {
    try {
      resolveOptions(options);
    } catch (error) {
      if (error instanceof ConfigError) return `${error.path}: ${error.allowed}`;
      throw error;
    }
    return 'accepted';
  };

  it.each<[string, BreakerOptions, string]>([
    [
      'a total time that the waits take up',
      { totalTimeoutMs: 250, retry: { attempts: 3, jitter: 'none' } },
      'retry.attempts: fewer: the waits between them alone (300 ms)',
    ],
    ['a bulkhead without a limit', { bulkhead: { queue: 5 } }, 'bulkhead.limit: a whole number'],
    ['a time to wait where nobody may', { bulkhead: { limit: 1, queueTimeoutMs: 5 } }, 'bulkhead.queueTimeoutMs: only together with bulkhead.queue'],
    ['a rate without a limit', { rateLimit: { intervalMs: 5 } }, 'rateLimit.limit: a whole number'],
    ['a budget that never allows a repetition', { retry: { budget: { ratio: 0, minPerSecond: 0 } } }, 'retry.budget: a ratio or minPerSecond over 0'],
    ['a longest wait under the first', { retry: { backoffMs: 500, maxBackoffMs: 100 } }, 'retry.maxBackoffMs: at least retry.backoffMs (500)'],
    ['one attempt', { retry: { attempts: 1 } }, 'retry.attempts: a whole number of at least 2'],
    ['a fallback to nothing', { fallback: {} }, 'fallback: at least one of origins, tiers, stale'],
    ['a fallback to nothing but for whom', { fallback: { when: ['rejected'] } }, 'fallback: at least one of'],
    ['no tiers', { fallback: { tiers: [] } }, 'fallback.tiers: at least one tier'],
    ['an order of nothing', { fallback: { value: 1, order: (tiers) => tiers } }, 'fallback.order: only together with fallback.tiers'],
    ['a queue with no place', { fallback: { queue: {} } }, 'fallback.queue.path: the directory of the queue'],
    [
      'answers too old before they are stale',
      { fallback: { stale: { ttlMs: 500, maxAgeMs: 100 } } },
      'fallback.stale.maxAgeMs: at least fallback.stale.ttlMs (500)',
    ],
    ['a mode that there is not', { degraded: 'readonly' as never }, 'degraded: one of read-only, empty, bypass'],
    ['a tier that is none', { fallback: { tiers: [{ name: 'x' } as never] } }, 'fallback.tiers[0].run'],
  ])('%s', (_what, options, expected) => {
    expect(issue(options)).toContain(expected);
  });

  it('are told from those that can', () => {
    expect(issue({ totalTimeoutMs: 301, retry: { attempts: 3, jitter: 'none' } })).toBe('accepted');
    expect(issue({ totalTimeoutMs: 100, retry: { attempts: 3, jitter: 'full' } })).toBe('accepted');
    expect(issue({ fallback: { value: undefined } })).toBe('accepted');
    expect(issue({ retry: { budget: undefined } })).toBe('accepted');
  });

  it('leave the breaker of options alone: the given object is not touched', () => {
    const given = { retry: {}, fallback: { stale: {} }, bulkhead: { limit: 1 } };
    const copy = structuredClone(given);
    resolveOptions(given);
    expect(given).toEqual(copy);
  });
});
