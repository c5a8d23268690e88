import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { BreakerOpenError } from '../../src/core/errors.ts';
import { Boom, bench, nextTurn, opened, outcomes } from './harness.ts';

describe('runSync', () => {
  test('gives the value, throws the error, refuses by throwing', () => {
    const made = bench({ consecutiveFailures: 1 });
    expect(made.breaker.runSync(() => 5)).toBe(5);
    const error = new Boom();
    expect(() =>
      made.breaker.runSync(() => {
        throw error;
      }),
    ).toThrow(error);
    expect(() => made.breaker.runSync(() => 5)).toThrow(BreakerOpenError);
    expect(outcomes(made)).toEqual(['success', 'failure']);
  });
});

describe('runCallback', () => {
  test('settles by what the callback gets, and passes all of it on', () => {
    const made = bench();
    const got: unknown[] = [];
    made.breaker.runCallback<[string, number]>(
      (done) => done(null, 'a', 2),
      (...args) => void got.push(args),
    );
    const error = new Boom();
    made.breaker.runCallback(
      (done) => done(error),
      (...args) => void got.push(args),
    );
    expect(got).toEqual([[null, 'a', 2], [error]]);
    expect(outcomes(made)).toEqual(['success', 'failure']);
  });

  test('refused, calls back on the next tick and never within the turn', async () => {
    const { breaker } = opened();
    const got: unknown[] = [];
    let started = false;
    breaker.runCallback(
      () => {
        started = true;
      },
      (error) => void got.push(error),
    );
    expect(got).toEqual([]);
    await nextTurn();
    expect(got).toEqual([expect.any(BreakerOpenError)]);
    expect(started).toBe(false);
  });

  test('a function that throws instead of calling back throws still', () => {
    const made = bench();
    const error = new Boom();
    const start = (): never => {
      throw error;
    };
    expect(() => made.breaker.runCallback(start, () => undefined)).toThrow(error);
    expect(outcomes(made)).toEqual(['failure']);
  });

  test('a callback that throws does so as without us, and the call counts as what it was', () => {
    const made = bench();
    const error = new Boom();
    const callback = (): never => {
      throw error;
    };
    expect(() => made.breaker.runCallback((done) => done(null), callback)).toThrow(error);
    expect(outcomes(made)).toEqual(['success']);
  });
});

describe('runStream', () => {
  test('the call ends when the stream does', async () => {
    const made = bench();
    const stream = made.breaker.runStream(() => Readable.from(['a', 'b']));
    expect(made.breaker.inFlight).toBe(1);
    await pipeline(stream, new PassThrough().resume());
    await nextTurn();
    expect(outcomes(made)).toEqual(['success']);
    expect(made.breaker.inFlight).toBe(0);
  });

  test('fails when the stream fails', async () => {
    const made = bench();
    const error = new Boom();
    const stream = made.breaker.runStream(
      () =>
        new Readable({
          read() {
            this.destroy(error);
          },
        }),
    );
    await expect(pipeline(stream, new PassThrough())).rejects.toBe(error);
    await nextTurn();
    expect(made.calls).toMatchObject([{ outcome: 'failure', error }]);
  });

  test('an error that nobody handles is uncaught, as it is without a breaker', async () => {
    const made = bench();
    const error = new Boom();
    const stream = made.breaker.runStream(() => new PassThrough());
    expect(stream.listenerCount('error')).toBe(0);
    expect(() => stream.emit('error', error)).toThrow(error);
    expect(made.calls).toMatchObject([{ outcome: 'failure', error }]);
  });

  test('destroyed by its reader is cancelled', async () => {
    const made = bench();
    made.breaker.runStream(() => new PassThrough()).destroy();
    await nextTurn();
    expect(outcomes(made)).toEqual(['cancelled']);
  });

  test('takes streams that are written to', async () => {
    const made = bench();
    const stream = made.breaker.runStream(() => new Writable({ write: (_chunk, _encoding, done) => done() }));
    stream.end('x');
    await nextTurn();
    expect(outcomes(made)).toEqual(['success']);
  });

  test('refused, throws; what opening throws, it throws', () => {
    const error = new Boom();
    const made = bench();
    const open = (): never => {
      throw error;
    };
    expect(() => made.breaker.runStream(open)).toThrow(error);
    expect(outcomes(made)).toEqual(['failure']);
    expect(() => opened().breaker.runStream(() => new PassThrough())).toThrow(BreakerOpenError);
  });
});

describe('wrap', () => {
  test('passes this, arguments and result on, and keeps name and length', async () => {
    const { breaker } = bench();
    class Billing {
      readonly rate = 2;
      async charge(amount: number, times: number): Promise<number> {
        return amount * times * this.rate;
      }
    }
    const original = Billing.prototype.charge;
    const wrapped = breaker.wrap(original);
    expect(await wrapped.call(new Billing(), 3, 4)).toBe(24);
    expect(wrapped.name).toBe('charge');
    expect(wrapped).toHaveLength(2);
  });

  test('rejects when refused', async () => {
    await expect(opened().breaker.wrap(async () => 1)()).rejects.toBeInstanceOf(BreakerOpenError);
  });
});
