import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BreakerOpenError, ConfigError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { Protected, protect } from '../../src/protect.ts';
import { bench } from './harness.ts';

describe('protect', () => {
  test('makes a function of the same shape that runs through the breaker', async () => {
    const { breaker, calls } = bench();
    async function charge(this: { rate: number }, amount: number, _note?: string): Promise<number> {
      return amount * this.rate;
    }
    const safe = protect(charge, { breaker });
    expect(await safe.call({ rate: 3 }, 2)).toBe(6);
    expect([safe.name, safe.length]).toEqual(['charge', 2]);
    expect(calls).toHaveLength(1);
  });

  test('makes a breaker of options, named after the function unless they say otherwise', async () => {
    const failing = async (): Promise<never> => {
      throw new Error('down');
    };
    const safe = protect(failing, { breaker: { consecutiveFailures: 1 } });
    await expect(safe()).rejects.toThrow('down');
    await expect(safe()).rejects.toMatchObject({ code: 'EBREAKEROPEN', breaker: 'failing' });
    const named = protect(failing, { breaker: { name: 'billing', consecutiveFailures: 1 } });
    await named().catch(() => undefined);
    await expect(named()).rejects.toMatchObject({ breaker: 'billing' });
    const nameless = protect(
      (
        () => async () =>
          1
      )(),
      { breaker: {} },
    );
    await expect(nameless()).resolves.toBe(1);
  });

  test('refuses options that cannot be used', () => {
    expect(() => protect(async () => 1, { breaker: { failureRatio: 2 } })).toThrow(ConfigError);
  });

  test.each([
    ['a misspelt key', { timeoutMS: 100 }, /^protect: timeoutMS is 100; allowed: no such key; did you mean timeoutMs\?$/],
    ['a key of its own', { retries: 3 }, /retries is 3; allowed: no such key/],
    ['a time that is text', { timeoutMs: '5' }, /timeoutMs is "5"; allowed: a time in ms over 0/],
    ['no time at all', { timeoutMs: Number.NaN }, /timeoutMs is NaN/],
    ['an operation that is a number', { operation: 7 }, /operation is 7; allowed: a text/],
    ['idempotent as text, which would read as yes', { idempotent: 'no' }, /idempotent is "no"; allowed: true, false or a function/],
    ['a key that is no function', { key: 'k' }, /key is "k"; allowed: a function/],
    ['a classify that is no function', { classify: 'x' }, /classify is "x"; allowed: a function/],
    ['a breaker that is none', { breaker: 'billing' }, /breaker is "billing"; allowed: a breaker, or options to make one/],
    ['no breaker', { breaker: undefined }, /breaker is undefined; allowed: a breaker/],
  ])('refuses %s', (_what, options, message) => {
    expect(() => protect(async () => 1, { breaker: {}, ...options } as never)).toThrow(message);
  });

  test('refuses what is no function, and no options', () => {
    expect(() => protect('nofn' as never, { breaker: {} })).toThrow(/^protect: fn is "nofn"; allowed: the function/);
    expect(() => protect(async () => 1, undefined as never)).toThrow(/^protect: .* is undefined; allowed: an object with/);
  });

  test('takes undefined for what is not given', async () => {
    const options = { breaker: {}, timeoutMs: undefined, classify: undefined, key: undefined, retry: undefined, idempotent: undefined };
    await expect(protect(async () => 1, options as never)()).resolves.toBe(1);
  });

  test('takes a promise of idempotent for a no', async () => {
    const faults: unknown[] = [];
    const before = setFaultReporter((error) => void faults.push((error as Error).message));
    let calls = 0;
    const charge = async (): Promise<never> => {
      calls += 1;
      throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
    };
    await expect(protect(charge, { breaker: {}, retry: { backoffMs: 1 }, idempotent: (async () => false) as never })()).rejects.toThrow('down');
    setFaultReporter(before);
    expect([calls, faults]).toEqual([1, ['idempotent must return true or false, not a promise']]);
  });

  test('takes a classify for its calls', async () => {
    const { breaker, calls } = bench();
    await protect(async () => 1, { breaker, classify: () => 'failure' })();
    expect(calls[0]?.outcome).toBe('failure');
  });
});

describe('the decorator', () => {
  // By hand what a compiler does of `@Protected(...)`: this test runner does not lower decorators.
  const context = { kind: 'method', name: 'charge' } as unknown as ClassMethodDecoratorContext<never, never>;

  test('gives back a method that runs through the breaker', async () => {
    const { breaker, calls } = bench({ consecutiveFailures: 1 });
    async function charge(this: { rate: number }, amount: number): Promise<number> {
      if (amount < 0) throw new Error('down');
      return amount * this.rate;
    }
    const method = Protected({ breaker })(charge, context);
    expect(await method.call({ rate: 2 }, 5)).toBe(10);
    await expect(method.call({ rate: 2 }, -1)).rejects.toThrow('down');
    await expect(method.call({ rate: 3 }, 5)).rejects.toBeInstanceOf(BreakerOpenError);
    expect(calls).toHaveLength(2);
    expect(method.name).toBe('charge');
  });

  test('compiled, protects methods of every kind, over all instances', () => {
    const fixture = fileURLToPath(new URL('./fixtures/decorated.ts', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', fixture], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      charged: 10,
      name: 'charge',
      down: 'down',
      other: 'EBREAKEROPEN',
      fixed: 'EBREAKEROPEN',
      hidden: 'EBREAKEROPEN',
    });
  });
});
