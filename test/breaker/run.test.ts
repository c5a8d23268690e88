import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { BreakerOpenError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { Classify } from '../../src/core/outcome.ts';
import { Boom, bench, nextTurn, opened, outcomes, settled } from './harness.ts';

afterEach(() => void setFaultReporter(undefined));

describe('run', () => {
  test('gives what the function gives, promised or not', async () => {
    const made = bench();
    await expect(made.breaker.run(() => 1)).resolves.toBe(1);
    await expect(made.breaker.run(async () => 2)).resolves.toBe(2);
    expect(outcomes(made)).toEqual(['success', 'success']);
  });

  test('rejects with the very error, thrown or rejected', async () => {
    const made = bench();
    const error = new Boom();
    const thrower = (): never => {
      throw error;
    };
    await expect(made.breaker.run(thrower)).rejects.toBe(error);
    await expect(made.breaker.run(() => Promise.reject(error))).rejects.toBe(error);
    await expect(made.breaker.run(() => Promise.reject(undefined))).rejects.toBe(undefined);
    expect(outcomes(made)).toEqual(['failure', 'failure', 'failure']);
  });

  test('breakers that are called by turns and at once each count their own calls', async () => {
    const [left, right] = [bench(), bench()];
    const error = new Boom();
    for (let round = 0; round < 3; round += 1) {
      const inner = left.breaker.run(() => right.breaker.run(() => Promise.reject(error)).catch(() => round));
      const beside = right.breaker.run(async () => 'beside');
      expect([await inner, await beside]).toEqual([round, 'beside']);
    }
    expect(outcomes(left)).toEqual(['success', 'success', 'success']);
    expect(outcomes(right).sort()).toEqual(['failure', 'failure', 'failure', 'success', 'success', 'success']);
    expect([left.breaker.inFlight, right.breaker.inFlight]).toEqual([0, 0]);
  });

  test('refused, rejects with BreakerOpenError and never calls the function', async () => {
    const { breaker } = opened();
    let called = false;
    const call = breaker.run(() => {
      called = true;
    });
    await expect(call).rejects.toBeInstanceOf(BreakerOpenError);
    await expect(call).rejects.toMatchObject({ state: 'open', retryAfterMs: 5_000, cause: expect.any(Boom) });
    expect(called).toBe(false);
  });

  test('takes whatever can be awaited, and counts it once', async () => {
    const made = bench();
    class Query extends Promise<number> {}
    const twice = {
      // biome-ignore lint/suspicious/noThenProperty: a careless thenable is what is tested
      then: (done: (value: string) => void) => {
        done('first');
        done('second');
      },
    };
    expect(await made.breaker.run(() => Query.resolve(4))).toBe(4);
    expect(await made.breaker.run(() => twice as unknown as PromiseLike<string>)).toBe('first');
    expect(outcomes(made)).toEqual(['success', 'success']);
    expect(made.breaker.inFlight).toBe(0);
  });

  test('many at once and in a row: every call is counted once, with its own outcome', async () => {
    const made = bench();
    for (let round = 0; round < 3; round += 1) {
      const calls = Array.from({ length: 1_500 }, (_, i) => made.breaker.run(() => (i % 3 === 0 ? Promise.reject(new Boom()) : nextTurn())));
      expect(made.breaker.inFlight).toBe(1_500);
      await Promise.allSettled(calls);
    }
    expect(made.breaker.snapshot()).toMatchObject({ inFlight: 0, calls: { success: 3_000, failure: 1_500, stale: 0 } });
  });

  test('never throws at once', () => {
    const { breaker } = opened();
    const call = breaker.run(() => 1);
    call.catch(() => undefined);
    expect(call).toBeInstanceOf(Promise);
  });

  test('begins the call at once, in the turn of its caller', () => {
    const { breaker } = bench();
    let called = false;
    void breaker.run(() => {
      called = true;
    });
    expect(called).toBe(true);
  });

  test('holds one permit for as long as the call lasts, and uses it again', async () => {
    const { breaker } = bench();
    for (let i = 0; i < 3; i += 1) {
      let finish = (): void => undefined;
      const call = breaker.run(() => new Promise<void>((resolve) => (finish = resolve)));
      expect(breaker.inFlight).toBe(1);
      finish();
      await call;
      expect(breaker.inFlight).toBe(0);
    }
  });

  test('fences many calls that overlap over several states, though permits are used again', async () => {
    const made = opened({ consecutiveFailures: 2, halfOpen: { permits: 1 } });
    const finishers: (() => void)[] = [];
    const hang = () => made.breaker.run(() => new Promise<void>((resolve) => void finishers.push(resolve)));
    const early = [hang(), hang(), hang()];
    await made.breaker.run(() => Promise.reject(new Boom())).catch(() => undefined);
    made.clock.advance(5_000);
    const probe = hang();
    for (const finish of finishers.slice(0, 3)) finish();
    await Promise.all(early);
    expect(made.breaker.state).toBe('half_open');
    finishers[3]?.();
    await probe;
    expect(made.breaker.state).toBe('closed');
    expect(made.breaker.snapshot().calls).toMatchObject({ stale: 3, success: 1 });
  });

  test('a rejection nobody handles is one unhandled rejection; one that is handled is none', async () => {
    const { breaker } = bench();
    const unhandled: unknown[] = [];
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => void unhandled.push(reason));
    try {
      await breaker.run(() => Promise.reject(new Boom())).catch(() => undefined);
      await breaker
        .wrap(() => Promise.reject(new Boom()))()
        .catch(() => undefined);
      await nextTurn();
      expect(unhandled).toEqual([]);
      const error = new Boom();
      void breaker.run(() => Promise.reject(error));
      await nextTurn();
      expect(unhandled).toEqual([error]);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    }
  });

  test('an error that cannot be read reaches the caller as it is', async () => {
    setFaultReporter(() => undefined);
    const made = bench();
    const trap = (): never => {
      throw new Error('do not touch');
    };
    const unreadable = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap });
    const same = await made.breaker.run(() => Promise.reject(unreadable)).catch((error: unknown) => error === unreadable);
    expect(same).toBe(true);
    expect(outcomes(made)).toEqual(['failure']);
    const permit = made.breaker.tryAcquire();
    expect(() => permit?.fail(unreadable)).not.toThrow();
  });
});

describe('classify', () => {
  const byCode: Classify = (result) => {
    if (result.ok) return result.value === 'bad' ? 'failure' : undefined;
    return (result.error as { code?: string }).code === 'EBOOM' ? 'ignored' : undefined;
  };

  test('says what an error or a value comes to; undefined leaves it to the default', async () => {
    const made = bench({ classify: byCode });
    await made.breaker.run(() => 'bad');
    await made.breaker.run(() => 'good');
    await made.breaker.run(() => Promise.reject(new Boom())).catch(() => undefined);
    await made.breaker.run(() => Promise.reject(new Error())).catch(() => undefined);
    expect(outcomes(made)).toEqual(['failure', 'success', 'ignored', 'failure']);
  });

  test('given with the call goes before the one of the breaker', async () => {
    const made = bench({ classify: () => 'failure' });
    await made.breaker.run(() => 1, { classify: () => 'ignored' });
    made.breaker.runSync(() => 1, { classify: () => 'success' });
    expect(outcomes(made)).toEqual(['ignored', 'success']);
  });

  test.each([
    ['throws', 2, () => JSON.parse('{')],
    ['is async by mistake', 1, async () => 'ignored'],
    ['says something else', 1, () => 'great'],
  ])('that %s is reported (%i times in two calls), and the default holds', async (_, times, broken) => {
    const faults: unknown[] = [];
    setFaultReporter((_error, where) => void faults.push(where));
    const made = bench({ classify: broken as Classify });
    await expect(made.breaker.run(() => 'value')).resolves.toBe('value');
    const error = new Boom();
    await expect(made.breaker.run(() => Promise.reject(error))).rejects.toBe(error);
    expect(outcomes(made)).toEqual(['success', 'failure']);
    expect(faults).toEqual(Array(times).fill('classify'));
  });

  test('is not asked about a refusal by a breaker: that is never a failure', async () => {
    const inner = opened().breaker;
    const outer = bench({ consecutiveFailures: 1, classify: () => 'failure' });
    await expect(outer.breaker.run(() => inner.run(() => 1))).rejects.toBeInstanceOf(BreakerOpenError);
    expect(outcomes(outer)).toEqual(['ignored']);
    expect(outer.breaker.state).toBe('closed');
  });
});

describe('a breaker in use', () => {
  test('holds no timer that keeps a process alive', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
    const before = timers();
    const breaker = createBreaker({ consecutiveFailures: 1, slowCallMs: 1_000 });
    void breaker.run(() => new Promise(() => undefined));
    await breaker.run(() => Promise.reject(new Boom())).catch(() => undefined);
    expect(breaker.state).toBe('open');
    expect(timers()).toBe(before);
  });

  test('awaits no more turns than a plain async function', async () => {
    const { breaker } = bench();
    const order: string[] = [];
    const emitter = new EventEmitter();
    emitter.on('done', () => void order.push('emitted'));
    const call = breaker.run(() => 1).then(() => void order.push('run'));
    const plain = (async () => await 1)().then(() => void order.push('plain'));
    await Promise.all([call, plain]);
    await settled();
    expect(order).toEqual(['run', 'plain']);
  });
});
