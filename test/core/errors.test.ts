import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  BreakerError,
  BreakerOpenError,
  CallTimeoutError,
  ConfigError,
  ExecutionRejectedError,
  errorSettings,
  errorType,
  IllegalTransitionError,
  isBreakerError,
  type Rejection,
} from '../../src/core/errors.ts';

const rejection: Rejection = { breaker: 'billing', state: 'open', reason: 'open', retryAfterMs: 1_500.4, cause: new Error('ECONNREFUSED') };

afterEach(() => {
  errorSettings.stackTraces = false;
});

describe('the catalogue of errors', () => {
  const catalogue: [Error & { code?: string }, string, string][] = [
    [BreakerOpenError.of(rejection), 'BreakerOpenError', 'EBREAKEROPEN'],
    [new CallTimeoutError('billing', 250), 'CallTimeoutError', 'ECALLTIMEOUT'],
    [new IllegalTransitionError('billing', 'open', 'shadow'), 'IllegalTransitionError', 'EILLEGALTRANSITION'],
    [new ConfigError([{ path: 'a.b', value: 1, allowed: 'two' }]), 'ConfigError', 'ECONFIG'],
  ];

  test.each(catalogue)('%s has its name and code', (error, name, code) => {
    expect(error).toBeInstanceOf(BreakerError);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code]).toEqual([name, code]);
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(isBreakerError(error)).toBe(true);
  });

  test('a refusal tells breaker, state, reason, when to come again and what tripped it', () => {
    const error = BreakerOpenError.of(rejection);
    expect(error).toBeInstanceOf(ExecutionRejectedError);
    expect(error).toMatchObject({ breaker: 'billing', state: 'open', reason: 'open', retryAfterMs: 1_500.4 });
    expect(error.cause).toBe(rejection.cause);
    expect(error.message).toBe('billing: circuit is open, retry in 1501 ms');
  });

  test('a refusal without a cause has none, and one that only a person ends names no time', () => {
    const error = BreakerOpenError.of({ ...rejection, state: 'forced_open', reason: 'forced_open', retryAfterMs: undefined, cause: undefined });
    expect(error).not.toHaveProperty('cause');
    expect(error.message).toBe('billing: circuit is forced_open');
  });

  test('a refusal says why where that is not what its state says already', () => {
    const error = BreakerOpenError.of({ ...rejection, state: 'half_open', reason: 'half_open_limit', retryAfterMs: undefined });
    expect(error.message).toBe('billing: circuit is half_open (half_open_limit)');
  });

  test('a configuration error tells every fault, and of the first the parts', () => {
    const error = new ConfigError(
      [
        { path: 'halfOpen.permits', value: 0, allowed: 'at least 1' },
        { path: '', value: [1n.toString()], allowed: 'an object', line: 3, column: 7 },
      ],
      'breakers.yaml',
    );
    expect(error).toMatchObject({ path: 'halfOpen.permits', value: 0, allowed: 'at least 1', source: 'breakers.yaml' });
    expect(error.message).toBe(
      'breakers.yaml: halfOpen.permits is 0; allowed: at least 1; (top level) is ["1"]; allowed: an object'.replace(
        '(top level)',
        'line 3, column 7',
      ),
    );
  });

  test.each([
    [() => 1, 'a function'],
    [1n, '1'],
    [Symbol('x'), 'Symbol(x)'],
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    ['x'.repeat(200), `"${'x'.repeat(76)}...`],
  ])('a configuration error can show any value: %s', (value, shown) => {
    expect(new ConfigError([{ path: 'a', value, allowed: 'b' }]).message).toBe(`options: a is ${shown}; allowed: b`);
  });

  test('a configuration error can show what JSON cannot', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(new ConfigError([{ path: 'a', value: loop, allowed: 'b' }]).message).toContain('[...]');
  });
});

describe('isBreakerError', () => {
  test('holds across two copies of the package, where instanceof does not', async () => {
    vi.resetModules();
    const copy: typeof import('../../src/core/errors.ts') = await import('../../src/core/errors.ts');
    expect(copy.BreakerOpenError).not.toBe(BreakerOpenError);
    const theirs = copy.BreakerOpenError.of(rejection);
    expect(theirs).not.toBeInstanceOf(BreakerError);
    expect(isBreakerError(theirs)).toBe(true);
    expect(copy.isBreakerError(BreakerOpenError.of(rejection))).toBe(true);
  });

  test.each([[undefined], [null], ['EBREAKEROPEN'], [new Error('x')], [{ code: 'EBREAKEROPEN' }]])('is false for %s', (value) => {
    expect(isBreakerError(value)).toBe(false);
  });
});

describe('the stack trace of a refusal', () => {
  const frames = (error: Error): number => (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at ')).length;

  test('is not collected unless asked for', () => {
    const limit = Error.stackTraceLimit;
    expect(frames(BreakerOpenError.of(rejection))).toBe(0);
    expect(Error.stackTraceLimit).toBe(limit);
    errorSettings.stackTraces = true;
    expect(frames(BreakerOpenError.of(rejection))).toBeGreaterThan(0);
  });

  test('nor does it get in the way of other errors', () => {
    BreakerOpenError.of(rejection);
    expect(frames(new Error('x'))).toBeGreaterThan(0);
  });

  test('is collected where Error is frozen, and the refusal is the same', () => {
    const { value = 10 } = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') ?? {};
    Object.defineProperty(Error, 'stackTraceLimit', { value, writable: false, configurable: true });
    try {
      expect(BreakerOpenError.of(rejection)).toMatchObject({ code: 'EBREAKEROPEN', retryAfterMs: 1_500.4 });
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', { value, writable: true, configurable: true, enumerable: true });
    }
  });
});

describe('errorType', () => {
  test.each([
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [Object.assign(new Error('x'), { code: '57P01' }), '57P01'],
    [Object.assign(new Error('x'), { code: 42 }), 'Error'],
    [Object.assign(new Error('x'), { code: '' }), 'Error'],
    [new RangeError('x'), 'RangeError'],
    [new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }), 'ECONNRESET'],
    [new TypeError('x'), 'TypeError'],
    [{}, 'Error'],
    ['text', 'string'],
    [undefined, 'undefined'],
    [BreakerOpenError.of(rejection), 'EBREAKEROPEN'],
  ])('of %s is %s', (error, type) => {
    expect(errorType(error)).toBe(type);
  });

  test('never has the message in it, and never throws', () => {
    expect(errorType(new Error('user 4711 not found'))).toBe('Error');
    const unreadable = {
      get code(): string {
        throw new Error('no');
      },
    };
    expect(errorType(unreadable)).toBe('Error');
  });
});
