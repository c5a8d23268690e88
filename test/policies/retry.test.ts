import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BreakerOpenError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { RetryExhaustedError } from '../../src/core/policy-errors.ts';
import { bench, deferred, down, standing, turns } from './harness.ts';

const steady = { attempts: 3, backoffMs: 100, jitter: 'none', budget: undefined } as const;

/** Lets time pass in small steps, and what comes of it happen in between. */
async function pass(clock: { advance(ms: number): void }, ms: number, step = 50): Promise<void> {
  await turns();
  for (let passed = 0; passed < ms; passed += step) {
    clock.advance(step);
    await turns();
  }
}

describe('retry', () => {
  it('repeats what failed until it works, after waits that double', async () => {
    const { clock, run, policies } = bench({ retry: { ...steady, attempts: 4 } });
    const at: number[] = [];
    const call = run(async ({ number }) => {
      at.push(clock.now());
      if (number < 4) throw down;
      return 'ok';
    });
    await pass(clock, 1_000);
    expect(await call).toBe('ok');
    expect(at).toEqual([0, 100, 300, 700]);
    expect(policies().meters.attempts.get('success')).toMatchObject({ count: 1, sum: 4, counts: [0, 0, 0, 1, 0, 0] });
  });

  it('says how many attempts failed, and with what the last one did', async () => {
    const { clock, run, breaker, policies } = bench({ retry: steady });
    const call = run(({ number }) => Promise.reject(number < 3 ? new Error('first') : down));
    const result = standing(call);
    await pass(clock, 300);
    await expect(call).rejects.toBeInstanceOf(RetryExhaustedError);
    await expect(call).rejects.toMatchObject({ code: 'ERETRYEXHAUSTED', attempts: 3, endedBy: 'attempts', cause: down, breaker: 'billing' });
    await result;
    expect(breaker.window.failures).toBe(3);
    expect(policies().meters.attempts.get('failure')?.sum).toBe(3);
  });

  it('gives clients that know their own errors the last of them', async () => {
    const { clock, run } = bench({ retry: steady });
    const call = run(() => Promise.reject(down), { keepsErrors: true }).catch((error: unknown) => error);
    await pass(clock, 300);
    expect(await call).toBe(down);
  });

  it('never repeats a call that is not known to be idempotent, and throws its error untouched', async () => {
    const { run, breaker } = bench({ retry: steady });
    await expect(run(() => Promise.reject(down), { idempotent: false })).rejects.toBe(down);
    expect(breaker.window.recorded).toBe(1);
  });

  it('repeats any call when told to', async () => {
    const { run, clock } = bench({ retry: { ...steady, nonIdempotent: true } });
    const call = run(({ number }) => (number === 1 ? Promise.reject(down) : Promise.resolve('ok')), { idempotent: false });
    await pass(clock, 100);
    expect(await call).toBe('ok');
  });

  it('repeats only what counts as a failure', async () => {
    const syntax = Object.assign(new Error('syntax error'), { code: '42601' });
    const { run, breaker } = bench({ retry: steady, classify: (result) => (!result.ok && result.error === syntax ? 'ignored' : undefined) });
    await expect(run(() => Promise.reject(syntax))).rejects.toBe(syntax);
    expect(breaker.meters.calls('ignored', false)).toBe(1);
  });

  it('asks retryIf instead, which may say no, and whose fault reads as no', async () => {
    const asked: unknown[] = [];
    const { run, clock } = bench({
      retry: {
        ...steady,
        retryIf: (error, attempt) => {
          asked.push([error, attempt]);
          if (attempt === 2) throw new Error('fault in retryIf');
          return true;
        },
      },
    });
    const call = run(() => Promise.reject(down));
    const result = standing(call);
    await pass(clock, 500);
    await expect(call).rejects.toBe(down);
    expect(asked).toEqual([
      [down, 1],
      [down, 2],
    ]);
    await result;
  });

  it('takes a promise of retryIf for a no, for as a value it would be a yes to everything', async () => {
    const reported: unknown[] = [];
    const before = setFaultReporter((error) => void reported.push((error as Error).message));
    const { run, breaker } = bench({ retry: { ...steady, retryIf: (async () => false) as never } });
    await expect(run(() => Promise.reject(down))).rejects.toBe(down);
    await expect(run(() => Promise.reject(down))).rejects.toBe(down);
    setFaultReporter(before);
    expect(breaker.meters.calls('failure', false)).toBe(2);
    expect(reported).toEqual(['retryIf must return true or false, not a promise']);
  });

  it('waits as long as the server asks, and not at all for one that asks for too long', async () => {
    const busy = (retryAfterMs: number) => Object.assign(new Error('429'), { retryAfterMs });
    const { run, clock } = bench({ retry: { ...steady, maxBackoffMs: 1_000 } });
    const at: number[] = [];
    const call = run(({ number }) => {
      at.push(clock.now());
      return number === 1 ? Promise.reject(busy(750)) : Promise.resolve('ok');
    });
    await pass(clock, 800);
    expect(await call).toBe('ok');
    expect(at).toEqual([0, 750]);
    const tooLong = busy(1_001);
    await expect(run(() => Promise.reject(tooLong))).rejects.toBe(tooLong);
  });

  it('fails fast on an open circuit, and goes through it where it opens no later than the wait that was due', async () => {
    const { run, clock, breaker } = bench({ retry: steady, consecutiveFailures: 1, open: { durationMs: 1_000, jitter: 0 } });
    const first = run(() => Promise.reject(down));
    const result = standing(first);
    await pass(clock, 100);
    // The first attempt opened the circuit: the second was refused, and the refusal is what the caller sees.
    await expect(first).rejects.toBeInstanceOf(BreakerOpenError);
    await result;
    await expect(run(async () => 'never')).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    clock.advance(850);
    expect(breaker.refusal()?.retryAfterMs).toBe(50);
    const patient = run(async () => 'ok');
    await pass(clock, 100);
    expect(await patient).toBe('ok');
  });

  it('ends the wait at once when the caller gives up, with the reason', async () => {
    const { run, clock, policies } = bench({ retry: steady });
    const controller = new AbortController();
    const call = run(() => Promise.reject(down), { signal: controller.signal });
    await turns();
    expect(clock.pendingTimers).toBe(1);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(clock.pendingTimers).toBe(0);
    expect(policies().meters.attempts.get('cancelled')?.count).toBe(1);
  });

  it('makes no attempt for a caller who has given up already, and none after one that was aborted', async () => {
    const { run, breaker } = bench({ retry: steady });
    await expect(run(async () => 1, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    const controller = new AbortController();
    const call = run(
      () => {
        controller.abort('gone');
        return Promise.reject(down);
      },
      { signal: controller.signal },
    );
    await expect(call).rejects.toBe(down);
    expect(breaker.window.recorded).toBe(1);
  });

  it('leaves nothing on a signal that outlives its calls', async () => {
    const { run, clock } = bench({ retry: steady, totalTimeoutMs: 10_000, bulkhead: { limit: 1, queue: 5 } });
    const { signal } = new AbortController();
    let listening = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    const listeners = new Set<unknown>();
    signal.addEventListener = (type: string, listener: never, options?: never) => {
      listeners.add(listener);
      listening = Math.max(listening, listeners.size);
      add(type as never, listener, options);
    };
    signal.removeEventListener = (type: string, listener: never) => {
      listeners.delete(listener);
      remove(type as never, listener);
    };
    const calls = [1, 2, 3].map(() =>
      run(({ number, signal: own }) => (own?.aborted === false && number === 1 ? Promise.reject(down) : Promise.resolve('ok')), { signal }),
    );
    await pass(clock, 500);
    expect(await Promise.all(calls)).toEqual(['ok', 'ok', 'ok']);
    expect(listening).toBeGreaterThan(0);
    expect(listeners.size).toBe(0);
  });

  it('repeats a result that counts as a failure, lets it go first, and gives the caller the last one', async () => {
    const dropped: number[] = [];
    const { run, clock } = bench({ retry: steady });
    const call = run(async ({ number }) => ({ status: 503, number }), {
      failureOf: ({ status }) => (status >= 500 ? new Error('503') : undefined),
      discard: ({ number }) => void dropped.push(number),
    });
    await pass(clock, 300);
    expect(await call).toEqual({ status: 503, number: 3 });
    expect(dropped).toEqual([1, 2]);
  });

  it('stops when the budget that all calls of the breaker share is spent', async () => {
    const { run, clock } = bench({ retry: { attempts: 3, backoffMs: 10, jitter: 'none', budget: { ratio: 0.5, minPerSecond: 0 } } });
    let attempts = 0;
    const calls = Array.from({ length: 20 }, () =>
      run(() => {
        attempts += 1;
        return Promise.reject(down);
      }).catch((error: unknown) => error),
    );
    await pass(clock, 100, 10);
    const errors = await Promise.all(calls);
    expect(attempts).toBe(30);
    const spent = errors.find((error) => error instanceof RetryExhaustedError && error.attempts === 2);
    expect(spent).toMatchObject({ endedBy: 'budget' });
    expect((spent as Error).message).toContain('the retry budget is spent');
    // Whoever got no repetition at all has the error itself.
    expect(errors).toContain(down);
  });

  it('makes no attempt that could not begin in time, and says what failed rather than that time is over', async () => {
    const { run, clock } = bench({ retry: { ...steady, attempts: 3 }, totalTimeoutMs: 350 });
    const call = run(async () => {
      clock.advance(100);
      throw down;
    }).catch((error: unknown) => error);
    await pass(clock, 100);
    expect(await call).toMatchObject({ code: 'ERETRYEXHAUSTED', endedBy: 'wait', attempts: 2, cause: down });
    expect(clock.pendingTimers).toBe(0);
  });

  it('makes as many attempts, at the times, as a naive loop would', async () => {
    const script = fc.record({
      attempts: fc.integer({ min: 2, max: 6 }),
      backoffMs: fc.integer({ min: 1, max: 100 }),
      maxBackoffMs: fc.integer({ min: 100, max: 400 }),
      failures: fc.integer({ min: 0, max: 8 }),
      takesMs: fc.integer({ min: 0, max: 20 }),
      retryAfterMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(script, async ({ failures, takesMs, retryAfterMs, ...options }) => {
        const { run, clock } = bench({ retry: { ...options, jitter: 'none', budget: undefined } });
        const at: number[] = [];
        const call = run(async ({ number }) => {
          at.push(clock.now());
          const work = deferred<void>();
          clock.setTimer(() => work.resolve(), takesMs);
          await work.promise;
          if (number <= failures) throw Object.assign(new Error('busy'), retryAfterMs === undefined ? {} : { retryAfterMs });
          return 'ok';
        }).then(
          () => 'ok',
          () => 'failed',
        );
        await turns();
        for (let n = 0; n < 20; n += 1) {
          clock.advance(520);
          await turns(30);
        }
        const expected: number[] = [];
        let now = 0;
        let outcome = 'failed';
        for (let n = 1; n <= options.attempts; n += 1) {
          expected.push(now);
          now += takesMs;
          if (n > failures) {
            outcome = 'ok';
            break;
          }
          if (retryAfterMs !== undefined && retryAfterMs > options.maxBackoffMs) break;
          now += Math.max(retryAfterMs ?? 0, Math.min(options.maxBackoffMs, options.backoffMs * 2 ** (n - 1)));
        }
        expect(at.length).toBe(expected.length);
        expect(await call).toBe(outcome);
      }),
      { numRuns: 50 },
    );
  });
});
