import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BreakerOpenError, ConfigError } from '../../src/core/errors.ts';
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
