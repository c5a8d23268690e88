import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { QueueFullError, type RejectionReason } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { AllTiersFailedError } from '../../src/core/policy-errors.ts';
import type { FallbackOptions } from '../../src/core/policy-options.ts';
import type { StaleAnswer } from '../../src/policies/ports.ts';
import { isStale } from '../../src/policies/stale-cache/stale-mark.ts';
import { bench, down, turns } from './harness.ts';

const faults: unknown[] = [];
beforeEach(() => void setFaultReporter((error) => void faults.push(error)));
afterEach(() => {
  setFaultReporter(undefined);
  faults.length = 0;
});

const failing = (): Promise<never> => Promise.reject(down);
const withFallback = (fallback: FallbackOptions<never[], unknown>) => bench({ fallback: fallback as FallbackOptions });

describe('a fallback', () => {
  it('serves its value when the call fails, and not when it succeeds', async () => {
    const { run, policies } = withFallback({ value: 'none' });
    expect(await run(async () => 'real')).toBe('real');
    expect(await run(failing)).toBe('none');
    expect(policies().meters.fallbacks('value', 'success')).toBe(1);
  });

  it('takes undefined and null for values like any other', async () => {
    expect(await withFallback({ value: undefined }).run(failing)).toBeUndefined();
    expect(await withFallback({ value: null }).run(failing)).toBeNull();
  });

  it('serves refusals and time-outs too', async () => {
    const { breaker, clock, run } = bench({ totalTimeoutMs: 100, fallback: { value: 'none' } });
    const slow = run<unknown>(() => new Promise(() => undefined));
    await turns();
    clock.advance(100);
    expect(await slow).toBe('none');
    breaker.forceOpen();
    expect(await run<unknown>(async () => 'real')).toBe('none');
  });

  it('serves what a limit refuses', async () => {
    const { run } = bench({ rateLimit: { limit: 1, intervalMs: 1_000 }, fallback: { value: 'none' } });
    expect([await run<unknown>(async () => 'real'), await run<unknown>(async () => 'real')]).toEqual(['real', 'none']);
  });

  it('asks a handler, with the error and what the call was asked', async () => {
    const { run, policies } = withFallback({ handler: (error: unknown, ...args: unknown[]) => ({ error, args }) });
    expect(await run<unknown>(failing, { args: [1, 'a'] })).toEqual({ error: down, args: [1, 'a'] });
    expect(policies().meters.fallbacks('function', 'success')).toBe(1);
  });

  it('lets a handler throw what it likes, and counts it', async () => {
    const other = new Error('other');
    const { run, policies } = withFallback({
      handler: () => {
        throw other;
      },
    });
    await expect(run(failing)).rejects.toBe(other);
    expect(policies().meters.fallbacks('function', 'failure')).toBe(1);
  });

  it.each<[string, FallbackOptions]>([
    ['by default', { value: 'none' }],
    ['not even when told to serve everything', { value: 'none', when: () => true }],
  ])('never serves a call that its caller gave up, %s', async (_how, fallback) => {
    const { run } = bench({ fallback });
    const controller = new AbortController();
    const reason = new Error('enough');
    const call = run<unknown>(
      () => {
        controller.abort(reason);
        return Promise.reject(reason);
      },
      { signal: controller.signal },
    );
    await expect(call).rejects.toBe(reason);
  });

  it('never hides an error that is the request’s own', async () => {
    const syntax = Object.assign(new Error('syntax error'), { code: '42601' });
    const { run } = bench({ fallback: { value: 'none' }, classify: (result) => (!result.ok && result.error === syntax ? 'ignored' : undefined) });
    await expect(run<unknown>(() => Promise.reject(syntax))).rejects.toBe(syntax);
    expect(await run<unknown>(failing, { outcomeOf: () => 'failure' })).toBe('none');
    await expect(run<unknown>(failing, { outcomeOf: () => 'ignored' })).rejects.toBe(down);
  });

  it('serves only what it is for, by kind or by a function whose fault reads as no', async () => {
    const refused = bench({ fallback: { value: 'none', when: ['rejected'] } });
    await expect(refused.run<unknown>(failing)).rejects.toBe(down);
    refused.breaker.forceOpen();
    expect(await refused.run<unknown>(failing)).toBe('none');
    const late = bench({ fallback: { value: 'none', when: ['timeout'] } });
    expect(await late.run<unknown>(() => Promise.reject(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })))).toBe('none');
    await expect(late.run<unknown>(failing)).rejects.toBe(down);
    const chosen = bench({ fallback: { value: 'none', when: (error) => error !== down } });
    await expect(chosen.run<unknown>(failing)).rejects.toBe(down);
    const faulty = bench({
      fallback: {
        value: 'none',
        when: () => {
          throw new Error('fault in when');
        },
      },
    });
    await expect(faulty.run<unknown>(failing)).rejects.toBe(down);
    expect(faults).toHaveLength(1);
  });

  it('takes a promise for a no, and says so once', async () => {
    const { run } = bench({ fallback: { value: 'none', when: (async () => Promise.reject(new Error('nobody hears'))) as never } });
    for (let call = 0; call < 3; call += 1) await expect(run<unknown>(failing)).rejects.toBe(down);
    expect(faults).toMatchObject([{ message: 'when of a fallback must return true or false, not a promise' }]);
  });

  it('never hides what has failed behind a value that cannot be made', async () => {
    const served = (): never => {
      throw new TypeError('invalid header name');
    };
    const { run, policies } = withFallback({ value: { status: 200 } });
    for (let call = 0; call < 2; call += 1) await expect(run<unknown>(failing, { served })).rejects.toBe(down);
    expect(policies().meters.fallbacks('value', 'failure')).toBe(2);
    expect(faults).toMatchObject([{ message: 'invalid header name' }]);
    await expect(withFallback({ empty: served }).run<unknown>(failing)).rejects.toBe(down);
    expect(await withFallback({ value: {}, empty: true }).run<unknown>(failing, { served, empty: () => [] })).toEqual([]);
    expect(await withFallback({ value: {} }).run<unknown>(async () => 503, { served, failureOf: () => new Error('503') })).toBe(503);
  });

  it('looks through RetryExhaustedError at what failed', async () => {
    const { run, clock } = bench({ retry: { attempts: 2, backoffMs: 10, jitter: 'none' }, fallback: { value: 'none', when: ['failure'] } });
    const call = run<unknown>(failing);
    await turns();
    clock.advance(10);
    expect(await call).toBe('none');
  });

  it('serves an empty result to reads alone, and only where there is a truthful one', async () => {
    const { run } = withFallback({ empty: true });
    expect(await run<unknown>(failing, { empty: () => [] })).toEqual([]);
    await expect(run<unknown>(failing, { empty: () => [], operation: 'write' })).rejects.toBe(down);
    await expect(run<unknown>(failing)).rejects.toBe(down);
  });

  it('stands in for a result that counts as a failure, and lets that go; with nothing to offer the result stays', async () => {
    const dropped: unknown[] = [];
    const extras = {
      failureOf: (value: unknown) => (value === 503 ? new Error('503') : undefined),
      discard: (value: unknown) => void dropped.push(value),
    };
    expect(await withFallback({ value: 'none' }).run<unknown>(async () => 503, extras)).toBe('none');
    expect(dropped).toEqual([503]);
    expect(await withFallback({ empty: true }).run<unknown>(async () => 503, extras)).toBe(503);
    const tiers = withFallback({ tiers: [() => Promise.reject(new Error('also down'))] });
    expect(await tiers.run<unknown>(async () => 503, extras)).toBe(503);
  });

  it('makes a configured value into what the client would have answered', async () => {
    const { run } = withFallback({ value: { items: [] } });
    expect(await run<unknown>(failing, { served: (value) => JSON.stringify(value) })).toBe('{"items":[]}');
  });
});

describe('tiers', () => {
  const named = (name: string, run: () => unknown) => ({ name, run });

  it('are tried in order until one works', async () => {
    const tried: string[] = [];
    const tier = (name: string, ok: boolean) =>
      named(name, () => {
        tried.push(name);
        if (!ok) throw new Error(name);
        return name;
      });
    const { run, policies } = withFallback({ tiers: [tier('second', false), tier('third', true), tier('fourth', true)] });
    expect(await run<unknown>(failing)).toBe('third');
    expect(tried).toEqual(['second', 'third']);
    expect(policies().meters.fallbacks('tier', 'success')).toBe(1);
  });

  it('are skipped while their circuit is open, without a call, a permit or a count', async () => {
    const open = createBreaker({ name: 'second region' });
    open.forceOpen();
    const closed = createBreaker({ name: 'third region' });
    let called = 0;
    const { run } = withFallback({
      tiers: [
        {
          name: 'second',
          breaker: open,
          run: () => {
            called += 1;
          },
        },
        { name: 'third', breaker: closed, run: async () => 'third' },
      ],
    });
    expect(await run<unknown>(failing)).toBe('third');
    expect(called).toBe(0);
    expect(open.meters.rejections('forced_open')).toBe(0);
    expect(closed.window.recorded).toBe(1);
  });

  it('have all their errors in one when all fail, the call’s own first', async () => {
    const open = createBreaker({ name: 'second region' });
    open.forceOpen();
    const third = new Error('third');
    const { run, policies } = withFallback({
      tiers: [{ name: 'second', breaker: open, run: () => 2 }, named('third', () => Promise.reject(third))],
    });
    const error = await run(failing).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(AllTiersFailedError);
    expect(error).toMatchObject({ code: 'EALLTIERSFAILED', tiers: ['second', 'third'], cause: down, breaker: 'billing' });
    expect((error as AllTiersFailedError).errors).toMatchObject([down, { code: 'EBREAKEROPEN', breaker: 'second region' }, third]);
    expect(policies().meters.fallbacks('tier', 'failure')).toBe(1);
  });

  it('are no way around read-only mode', async () => {
    const tier = vi.fn(async () => 'written elsewhere');
    const { run, breaker } = bench({ fallback: { tiers: [tier] } });
    breaker.degraded = 'read-only';
    await expect(run<unknown>(async () => 'OK', { operation: 'write' })).rejects.toMatchObject({ code: 'EREADONLYMODE' });
    expect(tier).not.toHaveBeenCalled();
    expect(await run<unknown>(failing, { operation: 'read' })).toBe('written elsewhere');
  });

  it('come before a value, which comes when they fail', async () => {
    const { run, policies } = withFallback({ tiers: [() => Promise.reject(new Error('also down'))], value: 'none' });
    expect(await run<unknown>(failing)).toBe('none');
    expect([policies().meters.fallbacks('tier', 'failure'), policies().meters.fallbacks('value', 'success')]).toEqual([1, 1]);
  });

  it('are tried in the order that a function gives; its fault leaves them as listed', async () => {
    const tiers = [named('near', () => 'near'), named('far', () => 'far')];
    expect(await withFallback({ tiers, order: (all) => [...all].reverse() }).run<unknown>(failing)).toBe('far');
    const faulty = withFallback({
      tiers,
      order: () => {
        throw new Error('fault in order');
      },
    });
    expect(await faulty.run<unknown>(failing)).toBe('near');
    expect(faults).toHaveLength(1);
    for (const answer of [undefined, [undefined], 'near', Promise.resolve(tiers), [{ name: 'no run' }]])
      expect(await withFallback({ tiers, order: () => answer as never }).run<unknown>(failing)).toBe('near');
    expect(faults).toHaveLength(6);
  });

  it('get what the call was asked, and their results are judged like the call’s', async () => {
    const { run } = withFallback({
      tiers: [async (...args: unknown[]) => ({ status: 503, args }), async (...args: unknown[]) => ({ status: 200, args })],
    });
    const failureOf = (value: unknown) => ((value as { status: number }).status === 503 ? new Error('503') : undefined);
    expect(await run<unknown>(failing, { args: [7], failureOf })).toEqual({ status: 200, args: [7] });
  });

  it('may be made of origins by whoever knows how to reach them', async () => {
    const { run } = bench({ fallback: { origins: ['https://b.example', 'https://c.example'] } });
    const tiersOf = (origins: readonly string[]) => origins.map((origin) => ({ name: origin, run: async () => origin }));
    expect(await run<unknown>(failing, { tiersOf })).toBe('https://b.example');
    await expect(run<unknown>(failing)).rejects.toBe(down);
  });

  it('end with the caller’s abort', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { run } = withFallback({
      tiers: [
        () => {
          controller.abort(reason);
          throw new Error('second');
        },
        () => 'third',
      ],
    });
    await expect(run(failing, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('stale answers and the queue', () => {
  const staleHook = (answer: StaleAnswer<unknown> | undefined) => {
    const kept: unknown[] = [];
    return { kept, keep: (value: unknown) => void kept.push(value), find: async () => answer };
  };

  it('keep what succeeded, and serve it when the call fails, marked', async () => {
    const { run, policies } = bench({ fallback: { stale: {} } });
    const stale = staleHook({ value: { total: 7 }, ageMs: 1_500 });
    const real = await run<unknown>(async () => 'real', { stale });
    expect([real, stale.kept, isStale(real)]).toEqual(['real', ['real'], false]);
    const served = await run<unknown>(failing, { stale });
    expect(served).toEqual({ total: 7 });
    expect(isStale(served)).toBe(true);
    const { meters } = policies();
    expect([meters.lookups('stale'), meters.lookups('miss'), meters.fallbacks('stale', 'success')]).toEqual([1, 0, 1]);
  });

  it('count a fresh answer as a hit, and none as a miss, after which the next way is tried', async () => {
    const { run, policies } = bench({ fallback: { stale: {}, value: 'none' } });
    expect(await run<unknown>(failing, { stale: staleHook({ value: 1, ageMs: 5, fresh: true }) })).toBe(1);
    expect(await run<unknown>(failing, { stale: staleHook(undefined) })).toBe('none');
    expect([policies().meters.lookups('hit'), policies().meters.lookups('miss')]).toEqual([1, 1]);
    const young = await run<unknown>(failing, { stale: staleHook({ value: { total: 7 }, ageMs: 5, fresh: true }) });
    expect([young, isStale(young)]).toEqual([{ total: 7 }, false]);
  });

  it('survive a store at fault', async () => {
    const keepless = { keep: () => JSON.parse('{'), find: async () => undefined };
    expect(await bench({ fallback: { stale: {} } }).run<unknown>(async () => 'real', { stale: keepless })).toBe('real');
    expect(faults.splice(0)).toHaveLength(1);
    const { run } = bench({ fallback: { stale: {}, value: 'none' } });
    const stale = { keep: () => undefined, find: () => Promise.reject(new Error('disk')) };
    expect(await run<unknown>(failing, { stale })).toBe('none');
    expect(faults).toHaveLength(1);
  });

  const queueHook = (behind: boolean, append: (cause: unknown) => Promise<unknown>) => {
    const told: string[] = [];
    return {
      told,
      gauge: { depth: 3, ageMs: 1_000 },
      behind: () => behind,
      passed: () => void told.push('passed'),
      append: (cause: unknown) => {
        told.push('append');
        return append(cause);
      },
    };
  };

  it('keep writes that fail, with the reply that is true of them', async () => {
    const { run, policies } = bench({ fallback: { queue: { path: 'q' } } });
    const queue = queueHook(false, async (cause) => ({ queued: true, cause }));
    expect(await run<unknown>(async () => 'OK', { queue, operation: 'write' })).toBe('OK');
    expect(await run<unknown>(failing, { queue, operation: 'write' })).toEqual({ queued: true, cause: down });
    expect(queue.told).toEqual(['passed', 'append']);
    expect(policies().meters.fallbacks('queue', 'success')).toBe(1);
    expect(policies().meters.queue).toEqual({ depth: 3, ageMs: 1_000 });
  });

  it('keep a write behind those of the same key that wait, without making it', async () => {
    const { run, breaker } = bench({ fallback: { queue: { path: 'q' } } });
    const queue = queueHook(true, async () => 'queued');
    expect(await run<unknown>(async () => 'OK', { queue, operation: 'write' })).toBe('queued');
    expect(breaker.window.recorded).toBe(0);
  });

  it('say why a write could not be queued', async () => {
    const full = new Error('queue is full');
    const { run, policies } = bench({ fallback: { queue: { path: 'q' }, value: 'never' } });
    await expect(run<unknown>(failing, { queue: queueHook(false, () => Promise.reject(full)), operation: 'write' })).rejects.toBe(full);
    expect(policies().meters.fallbacks('queue', 'failure')).toBe(1);
  });

  it('are not there for writes in read-only mode, not even behind others', async () => {
    const { run, breaker } = bench({ fallback: { queue: { path: 'q' } } });
    breaker.degraded = 'read-only';
    const causes: unknown[] = [];
    const queue = queueHook(true, async (cause) => {
      causes.push(cause);
      throw cause;
    });
    await expect(run<unknown>(async () => 'OK', { queue, operation: 'write' })).rejects.toMatchObject({ code: 'EREADONLYMODE' });
    expect(causes).toEqual([expect.objectContaining({ code: 'EREADONLYMODE' })]);
  });

  it('count a write that neither the circuit nor the queue takes once, as what the queue refused', async () => {
    const { run, breaker } = bench({ fallback: { queue: { path: 'q' } } });
    breaker.forceOpen('test');
    const queue = { ...queueHook(false, async (cause) => Promise.reject(QueueFullError.of('q', '1 entries', cause))), isFull: () => true };
    const refused = await run<unknown>(async () => 'OK', { queue, operation: 'write' }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'EQUEUEFULL', cause: { code: 'EBREAKEROPEN' } });
    expect([breaker.meters.rejections('queue_full'), breaker.meters.rejections('forced_open')]).toEqual([1, 0]);
  });

  it('count a write for which the queue has no room as refused, and tell of it', async () => {
    const { run, breaker } = bench({ fallback: { queue: { path: 'q' } } });
    const told: RejectionReason[] = [];
    breaker.on('rejected', ({ reason }) => told.push(reason));
    const full = QueueFullError.of('/var/lib/queue', '1 entries', down);
    await expect(run<unknown>(failing, { queue: queueHook(false, () => Promise.reject(full)), operation: 'write' })).rejects.toMatchObject({
      ...{ code: 'EQUEUEFULL', breaker: 'billing', state: 'closed', reason: 'queue_full', limit: '1 entries', cause: down },
      message: 'billing: the queue is full (1 entries)',
    });
    expect(breaker.meters.rejections('queue_full')).toBe(1);
    expect(told).toEqual(['queue_full']);
  });
});
