import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { Boom, bench, settled } from './harness.ts';

/** A call that settles when told to. */
function held<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe('a call with a time-out', () => {
  test('that answers in time is as any other', async () => {
    const made = bench({ timeoutMs: 1_000 });
    expect(await made.breaker.run(async () => 'answer')).toBe('answer');
    const boom = new Boom();
    await expect(made.breaker.run(() => Promise.reject(boom))).rejects.toBe(boom);
    await expect(
      made.breaker.run(() => {
        throw boom;
      }),
    ).rejects.toBe(boom);
    expect(made.calls.map(({ outcome }) => outcome)).toEqual(['success', 'failure', 'failure']);
    expect(made.breaker.inFlight).toBe(0);
  });

  test.each([Number.NaN, '5', null])('that is %s is refused: it would never end', async (timeoutMs) => {
    const { breaker } = bench({ timeoutMs: timeoutMs === null ? 1_000 : undefined });
    let called = 0;
    const call = breaker.run(async () => ++called, { timeoutMs: timeoutMs as never });
    // Nothing said, as ever: the breaker's own holds.
    if (timeoutMs === null) return expect(await call).toBe(1);
    await expect(call).rejects.toMatchObject({ code: 'ECONFIG', path: 'timeoutMs', allowed: 'a time in ms, or Infinity for none' });
    expect([called, breaker.inFlight]).toEqual([0, 0]);
  });

  test('that has been used up is over at once', async () => {
    const { breaker, clock } = bench();
    const call = breaker.run(() => new Promise(() => {}), { timeoutMs: -3 });
    clock.advance(1);
    await expect(call).rejects.toBeInstanceOf(CallTimeoutError);
  });

  test('is given up when its time is over: a failure, and an error that says so', async () => {
    const made = bench({ timeoutMs: 1_000, consecutiveFailures: 1 });
    const never = made.breaker.run(() => new Promise<void>(() => {})).catch((error: unknown) => error);
    made.clock.advance(999);
    expect(made.breaker.inFlight).toBe(1);
    made.clock.advance(1);
    expect(await never).toBeInstanceOf(CallTimeoutError);
    expect(await never).toMatchObject({ code: 'ECALLTIMEOUT', timeoutMs: 1_000, breaker: 'subject' });
    expect(made.breaker.inFlight).toBe(0);
    expect(made.trail()).toEqual(['closed>open consecutive_failures']);
    expect(made.calls[0]).toMatchObject({ outcome: 'failure', durationMs: 1_000 });
  });

  test('what comes too late is nobody’s: neither counted nor an unhandled rejection', async () => {
    const made = bench({ timeoutMs: 100 });
    for (const end of ['resolve', 'reject'] as const) {
      const call = held<string>();
      const answer = made.breaker.run(() => call.promise).catch((error: unknown) => error);
      made.clock.advance(100);
      call[end]('late');
      await settled();
      expect(await answer).toBeInstanceOf(CallTimeoutError);
    }
    expect(made.calls.map(({ outcome }) => outcome)).toEqual(['failure', 'failure']);
    // The slot of a call that was given up serves another only when it has ended.
    expect(await made.breaker.run(async () => 'next')).toBe('next');
  });

  test('may have its own time, shorter or longer than the breaker’s, or none', async () => {
    const made = bench({ timeoutMs: 500 });
    const ends: Record<string, number> = {};
    for (const [name, timeoutMs] of [
      ['short', 100],
      ['own', undefined],
      ['long', 900],
      ['never', Number.POSITIVE_INFINITY],
    ] as const) {
      made.breaker.run(() => new Promise<void>(() => {}), { timeoutMs }).catch(() => (ends[name] = made.clock.now()));
    }
    for (let ms = 0; ms < 2_000; ms += 50) {
      made.clock.advance(50);
      await settled();
    }
    expect(ends).toEqual({ short: 100, own: 500, long: 900 });
  });

  test('hands out a signal that fires then, and passes on the caller’s', async () => {
    const made = bench({ timeoutMs: 100 });
    const seen: AbortSignal[] = [];
    const caller = new AbortController();
    const hang = ({ signal }: { signal: AbortSignal | undefined }) => new Promise<void>(() => void (signal && seen.push(signal)));
    const [, cancelled] = [made.breaker.run(hang), made.breaker.run(hang, { signal: caller.signal })].map((call) => call.catch(() => {}));
    caller.abort(new Error('enough'));
    expect(seen.map(({ aborted }) => aborted)).toEqual([false, true]);
    made.clock.advance(100);
    await cancelled;
    expect(seen[0]?.reason).toBeInstanceOf(CallTimeoutError);
  });

  test('a signal first looked at when the time is over has fired already', async () => {
    const made = bench({ timeoutMs: 100 });
    let context: { signal: AbortSignal | undefined } | undefined;
    made.breaker
      .run((given) => {
        context = given;
        return new Promise<void>(() => {});
      })
      .catch(() => {});
    made.clock.advance(100);
    expect(context?.signal?.aborted).toBe(true);
  });

  test('a blocked event loop gives nobody up before what has come is read', async () => {
    const made = bench({ timeoutMs: 100 });
    const call = held<string>();
    const answer = made.breaker.run(() => call.promise);
    made.clock.skip(5_000);
    made.clock.advance(0);
    call.resolve('was there all the time');
    expect(await answer).toBe('was there all the time');
  });

  test('is not given up in shadow mode, nor where the breaker is off', async () => {
    for (const mode of ['shadow', 'off'] as const) {
      const made = bench({ timeoutMs: 100, mode });
      const call = held<string>();
      const answer = made.breaker.run(() => call.promise);
      made.clock.advance(10_000);
      call.resolve('slow');
      expect(await answer).toBe('slow');
    }
  });

  test('one timer serves all, and none is left when all is quiet', async () => {
    const made = bench({ timeoutMs: 100 });
    const calls = Array.from({ length: 50 }, () => held<number>());
    const answers = calls.map(({ promise }) => made.breaker.run(() => promise));
    expect(made.clock.pendingTimers).toBe(1);
    for (const [index, call] of calls.entries()) call.resolve(index);
    expect(await Promise.all(answers)).toEqual(calls.map((_, index) => index));
    made.clock.advance(100);
    expect(made.clock.pendingTimers).toBe(0);
  });

  test('whatever comes in whatever order, every caller is answered once and in time, and everything is counted', async () => {
    const steps = fc.array(
      fc.record({ wait: fc.nat(40), takes: fc.integer({ min: 1, max: 200 }), timeoutMs: fc.integer({ min: 1, max: 150 }), fails: fc.boolean() }),
      {
        maxLength: 30,
      },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const made = bench({});
        const { breaker, clock } = made;
        const ends: { at: number; how: string; expected: string }[] = [];
        const pass = async (ms: number): Promise<void> => {
          for (let passed = 0; passed < ms; passed += 1) {
            clock.advance(1);
            await settled();
          }
        };
        for (const { wait, takes, timeoutMs, fails } of given) {
          await pass(wait);
          const began = clock.now();
          const call = held<string>();
          clock.setTimer(() => (fails ? call.reject(new Boom()) : call.resolve('ok')), takes);
          const inTime = fails ? 'EBOOM' : 'ok';
          // At the very same instant either may come first.
          const expected = takes < timeoutMs ? `${began + takes} ${inTime}` : takes > timeoutMs ? `${began + timeoutMs} ECALLTIMEOUT` : '';
          const told = (how: string): void => void ends.push({ at: clock.now(), how, expected });
          breaker.run(() => call.promise, { timeoutMs }).then(told, ({ code }: { code: string }) => told(code));
        }
        await pass(260);
        expect(ends).toHaveLength(given.length);
        for (const { at, how, expected } of ends) if (expected !== '') expect(`${at} ${how}`).toBe(expected);
        expect(breaker.inFlight).toBe(0);
        expect(clock.pendingTimers).toBe(0);
        const { success, failure } = breaker.snapshot().calls;
        expect(success + failure).toBe(given.length);
        expect(success).toBe(ends.filter(({ how }) => how === 'ok').length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a program with nothing else to do', () => {
  const fixture = fileURLToPath(new URL('./fixtures/awaited-answer.ts', import.meta.url));
  const ends = (how: string) => spawnSync(process.execPath, ['--import', 'tsx', fixture, how], { encoding: 'utf8', timeout: 20_000 });

  test('ends with the answer of a call that hangs, not without one', () => {
    expect(ends('hanging')).toMatchObject({ stdout: 'ECALLTIMEOUT\n', status: 0 });
  });

  test('is not held by the time-out of a call that is over', () => {
    expect(ends('answered')).toMatchObject({ stdout: 'answered\n', status: 0, signal: null });
  });
});
