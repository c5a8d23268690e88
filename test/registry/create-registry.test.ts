import { describe, expect, test } from 'vitest';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { ManualClock } from '../../src/testing.ts';

const redisRead = { system: 'redis', operation: 'read', server: 'redis://10.0.0.5:6379', address: '10.0.0.5', port: 6379 } as const;

describe('createRegistry', () => {
  test('without options makes breakers by the defaults', () => {
    expect(createRegistry().get('a').options).toMatchObject({ name: 'a', failureRatio: 0.5, minimumCalls: 20 });
  });

  test.each([{}, null, 7, { now: () => 1 }])('refuses a clock that is none: %o', (clock) => {
    const refusal = /clock is .*; allowed: an object with the functions now, setTimer and random/;
    expect(() => createRegistry({ clock: clock as never })).toThrow(refusal);
    expect(() => createBreaker({}, { clock: clock as never })).toThrow(refusal);
  });

  test('a breaker made by hand refuses what is around it by a misspelt name', () => {
    expect(() => createBreaker({}, { clok: new ManualClock() } as never)).toThrow(/^environment of a breaker: clok .*did you mean clock\?$/);
    expect(() => createBreaker({}, { verify: 'yes' } as never)).toThrow(/verify is "yes"; allowed: a function/);
    expect(createBreaker({}, { clock: undefined, rule: undefined }).state).toBe('closed');
  });

  test('defaults hold for every breaker, rules by what they match, the most specific winning', () => {
    const registry = createRegistry({
      clock: new ManualClock(),
      defaults: { minimumCalls: 50 },
      breakers: [
        { match: { system: 'redis', operation: 'read' }, failureRatio: 0.3 },
        { match: { system: 'redis' }, failureRatio: 0.9, failureCount: 7 },
        { match: { name: 'redis://10.*' }, consecutiveFailures: 4 },
      ],
    });
    const breaker = registry.get('redis://10.0.0.5:6379 read', redisRead);
    expect(breaker.options).toMatchObject({ minimumCalls: 50, failureRatio: 0.3, failureCount: 7, consecutiveFailures: 4 });
    expect(breaker.snapshot().rule).toContain('system: redis, operation: read');
    expect(registry.get('postgresql://h:5432/shop read', { system: 'postgresql' }).options).toMatchObject({ minimumCalls: 50, failureRatio: 0.5 });
  });

  test('globs match by system, server, operation and name', () => {
    const registry = createRegistry({
      breakers: [
        { match: { server: '10.0.0.*' }, failureCount: 1 },
        { match: { operation: 'wri?e' }, failureCount: 2 },
        { match: { name: 'billing' }, failureCount: 3 },
      ],
    });
    expect(registry.get('a', redisRead).options.failureCount).toBe(1);
    expect(registry.get('b', { operation: 'write' }).options.failureCount).toBe(2);
    expect(registry.get('billing').options.failureCount).toBe(3);
    expect(registry.get('billings').options.failureCount).toBeUndefined();
  });

  test('refuses what cannot be used, with where, what, and what is allowed', () => {
    const attempt = () => createRegistry({ defaults: { minimumCalls: 0 }, breakers: [{ match: {}, failureRatio: 3 }] });
    expect(attempt).toThrow(ConfigError);
    try {
      attempt();
    } catch (error) {
      const paths = (error as ConfigError).issues.map(({ path }) => path);
      expect(paths).toEqual(['defaults.minimumCalls', 'breakers[0].failureRatio']);
    }
  });

  test('refuses contradictions between layers', () => {
    const attempt = () =>
      createRegistry({ defaults: { minimumCalls: 50 }, breakers: [{ match: { system: 'redis' }, window: { type: 'count', size: 10 } }] });
    expect(attempt).toThrow(/minimumCalls/);
  });

  test('takes cap and idle time along with rules', () => {
    const clock = new ManualClock();
    const registry = createRegistry({ clock, maxBreakers: 1, idleMs: 100, defaults: { minimumCalls: 5 } });
    expect(registry.clock).toBe(clock);
    registry.get('a');
    expect(registry.get('b').name).toBe('_other');
    clock.advance(100);
    expect(registry.get('c').name).toBe('c');
  });

  test('refuses rules beside a resolve that would not look at them', () => {
    expect(() => createRegistry({ defaults: { minimumCalls: 5 }, resolve: () => ({ options: {} }) })).toThrow(
      /resolve is a function; allowed: only without/,
    );
  });

  test.each([
    ['maxBreakers', 0],
    ['maxBreakers', Number.NaN],
    ['maxBreakers', '10'],
    ['idleMs', -1],
    ['idleMs', 'soon'],
    ['maxBreaker', 10],
  ])('refuses %s: %s', (key, value) => {
    expect(() => createRegistry({ [key]: value })).toThrow(ConfigError);
  });
});
