import { describe, expect, it } from 'vitest';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { bench, deferred, down, standing, turns } from './harness.ts';

describe('the total time-out', () => {
  it('answers the caller in time, although the work cannot be ended', async () => {
    const { clock, run, breaker } = bench({ totalTimeoutMs: 100 });
    const call = run(() => new Promise<never>(() => undefined));
    clock.advance(99);
    expect(await standing(call)).toBe('pending');
    clock.advance(1);
    await expect(call).rejects.toBeInstanceOf(CallTimeoutError);
    await expect(call).rejects.toMatchObject({ code: 'ECALLTIMEOUT', timeoutMs: 100, breaker: 'billing' });
    // The attempt is still under way, and its breaker knows.
    expect(breaker.inFlight).toBe(1);
  });

  it('leaves no timer behind a call that was in time', async () => {
    const { clock, run } = bench({ totalTimeoutMs: 100 });
    expect(await run(async () => 1)).toBe(1);
    await expect(run(() => Promise.reject(down))).rejects.toBe(down);
    expect(clock.pendingTimers).toBe(0);
  });

  it('aborts the attempt under way, with the error that the caller gets', async () => {
    const { clock, run } = bench({ totalTimeoutMs: 100 });
    let reason: unknown;
    const call = run(({ signal }) => {
      signal?.addEventListener('abort', () => {
        reason = signal.reason;
      });
      return new Promise<never>(() => undefined);
    });
    await turns();
    clock.advance(100);
    const error: unknown = await call.catch((each: unknown) => each);
    expect(reason).toBe(error);
  });

  it('ends one call and no other (opossum: one time-out aborts unrelated calls)', async () => {
    const { clock, run } = bench({ totalTimeoutMs: 100 });
    const aborted: string[] = [];
    const hang = (name: string) =>
      run(({ signal }) => {
        signal?.addEventListener('abort', () => void aborted.push(name));
        return new Promise<never>(() => undefined);
      });
    const first = hang('first');
    clock.advance(60);
    const second = hang('second');
    await turns();
    clock.advance(40);
    await expect(first).rejects.toThrow('no answer within 100 ms');
    expect(aborted).toEqual(['first']);
    expect(await standing(second)).toBe('pending');
    clock.advance(60);
    await expect(second).rejects.toThrow('no answer within 100 ms');
  });

  it('passes the caller’s own abort on to the attempt, with the caller’s reason', async () => {
    const { run } = bench({ totalTimeoutMs: 100 });
    const controller = new AbortController();
    const call = run(
      ({ signal }) =>
        new Promise<never>((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
        }),
      { signal: controller.signal },
    );
    await turns();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  it('bounds attempts and the waits between them together', async () => {
    const { clock, run } = bench({
      totalTimeoutMs: 250,
      retry: { attempts: 10, backoffMs: 20, jitter: 'none', maxBackoffMs: 20, budget: undefined },
    });
    let attempts = 0;
    const call = run(async () => {
      attempts += 1;
      const slow = deferred<never>();
      clock.setTimer(() => slow.reject(down), 60);
      return slow.promise;
    }).catch((error: unknown) => error);
    for (let n = 0; n < 30; n += 1) {
      await turns();
      clock.advance(10);
    }
    expect(await call).toMatchObject({ code: 'ECALLTIMEOUT', timeoutMs: 250 });
    expect(attempts).toBe(4);
  });

  it('ends a wait between attempts', async () => {
    const { clock, run, policies } = bench({ totalTimeoutMs: 250, retry: { attempts: 2, backoffMs: 200, jitter: 'none', budget: undefined } });
    const call = run(() => Promise.reject(down)).catch((error: unknown) => error);
    await turns();
    clock.advance(50);
    await turns();
    // A blocked event loop: both timers are overdue, the time-out of the call first.
    clock.skip(300);
    clock.advance(0);
    await turns();
    clock.advance(0);
    expect(await call).toBeInstanceOf(Error);
    expect(clock.pendingTimers).toBe(0);
    expect(policies().meters.attempts.size).toBe(1);
  });

  it('lets go of a result that comes too late', async () => {
    const { clock, run } = bench({ totalTimeoutMs: 100 });
    const dropped: unknown[] = [];
    const late = deferred<string>();
    const call = run(() => late.promise, { discard: (value) => void dropped.push(value) }).catch((error: unknown) => error);
    await turns();
    clock.advance(100);
    await call;
    late.resolve('too late');
    await turns();
    expect(dropped).toEqual(['too late']);
  });

  it('takes none of its time for the wait before a bulkhead', async () => {
    const { clock, run } = bench({ totalTimeoutMs: 100, bulkhead: { limit: 1, queue: 1 } });
    const first = deferred<string>();
    const inside = run(() => first.promise);
    const waiting = run(async () => 'second');
    await turns();
    clock.advance(90);
    first.resolve('first');
    expect(await inside).toBe('first');
    expect(await waiting).toBe('second');
  });

  it('counts a call that ran out of time once, as failed, whatever its last attempt comes to', async () => {
    const { clock, run, policies } = bench({ totalTimeoutMs: 100, retry: { attempts: 2, backoffMs: 10, jitter: 'none' } });
    const late = deferred<string>();
    const call = run(() => late.promise).catch((error: unknown) => error);
    await turns();
    clock.advance(100);
    await call;
    late.resolve('ok');
    await turns();
    const { attempts } = policies().meters;
    expect([...attempts.keys()]).toEqual(['failure']);
    expect(attempts.get('failure')?.count).toBe(1);
  });
});
