import { afterEach, describe, expect, test } from 'vitest';
import type { Breaker } from '../../src/breaker/breaker.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import { overflowName, Registry, type RegistryOptions } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';
import { admit, Boom, fail, succeed } from '../breaker/harness.ts';

afterEach(() => void setFaultReporter(undefined));

function shelf(options: RegistryOptions = {}) {
  const clock = new ManualClock();
  const registry = new Registry({ clock, ...options });
  const told: string[] = [];
  for (const name of ['added', 'removed', 'replaced'] as const) registry.on(name, ({ breaker }) => void told.push(`${name} ${breaker.name}`));
  return { clock, registry, told };
}

const oneFailure: BreakerOptions = { consecutiveFailures: 1, open: { jitter: 0 } };

describe('a registry', () => {
  test('gets or creates by name', () => {
    const { registry, told } = shelf();
    const first = registry.get('a', { system: 'redis' });
    expect(registry.get('a')).toBe(first);
    expect(registry.find('a')).toBe(first);
    expect(registry.find('b')).toBeUndefined();
    expect(first).toMatchObject({ name: 'a', target: { system: 'redis' }, clock: registry.clock });
    registry.get('b');
    expect(registry.list().map(({ name }) => name)).toEqual(['a', 'b']);
    expect(told).toEqual(['added a', 'added b']);
  });

  test('tells of a breaker when it can already be found', () => {
    const { registry } = shelf();
    let found: Breaker | undefined;
    registry.on('added', ({ breaker }) => {
      found = registry.find(breaker.name);
    });
    expect(registry.get('a')).toBe(found);
  });

  test('removes: whoever holds the breaker sees it retired, and the name makes a new one', () => {
    const { registry, told } = shelf();
    const old = registry.get('a');
    expect(registry.remove('a')).toBe(true);
    expect(registry.remove('a')).toBe(false);
    expect(old.retired).toBe(true);
    expect(told).toEqual(['added a', 'removed a']);
    const fresh = registry.get('a');
    expect(fresh).not.toBe(old);
    expect(fresh.retired).toBe(false);
    succeed(old);
  });

  test('a listener that throws changes nothing', () => {
    const faults: unknown[] = [];
    setFaultReporter((error) => void faults.push(error));
    const { registry } = shelf();
    registry.on('added', () => {
      throw new Boom();
    });
    expect(registry.get('a').name).toBe('a');
    expect(faults).toHaveLength(1);
  });

  test("an instrumentation's defaults lie below what is configured", () => {
    const { registry } = shelf({ resolve: (_name, _target, lowest) => ({ options: { ...lowest, minimumCalls: 7 }, rule: 'my rule' }) });
    const breaker = registry.get('a', {}, { defaults: { minimumCalls: 3, failureCount: 9 } });
    expect(breaker.options).toMatchObject({ minimumCalls: 7, failureCount: 9 });
    expect(breaker.snapshot().rule).toBe('my rule');
  });

  test('without configuration the defaults of the instrumentation hold', () => {
    expect(shelf().registry.get('a', {}, { defaults: { failureCount: 9 } }).options.failureCount).toBe(9);
  });

  test.each([
    ['options that cannot be used', "the options of 'a', which has the defaults", () => ({ options: { minimumCalls: -1 } })],
    ['a fault', "the configuration of 'a'", () => JSON.parse('{')],
  ])('a configuration that gives %s fails no call: it is reported, and the defaults hold', (_, said, resolve) => {
    const faults: unknown[] = [];
    setFaultReporter((_error, where) => void faults.push(where));
    const { registry } = shelf({ resolve });
    expect(registry.get('a').options.minimumCalls).toBe(20);
    expect(faults).toEqual([said]);
  });

  test.each([undefined, '', 7])('replace refuses a name that is none: %s', (name) => {
    const { registry } = shelf();
    expect(() => registry.replace(name as never, {})).toThrow(/^registry: name is /);
    expect(registry.list()).toEqual([]);
  });

  test('a degraded mode that is none is refused, and nothing has changed then', () => {
    const { registry } = shelf();
    const breaker = registry.get('a');
    const refusal = /^degraded mode: degraded is "readonly"; allowed: one of read-only, .*did you mean read-only\?$/;
    expect(() => registry.degrade('readonly' as never)).toThrow(refusal);
    expect(() => {
      breaker.degraded = 'readonly' as never;
    }).toThrow(refusal);
    expect([registry.degraded, breaker.degraded, breaker.snapshot().degraded]).toEqual([undefined, undefined, undefined]);
    for (const mode of ['read-only', 'empty', 'bypass', 'off', undefined] as const) registry.degrade(mode);
  });

  test('a problem that the configuration tells of is reported, and what could be used is used', () => {
    const faults: unknown[] = [];
    setFaultReporter((error) => void faults.push(error));
    const problem = new ConfigError([{ path: 'x', value: 1, allowed: 'y' }]);
    const { registry } = shelf({ resolve: () => ({ options: { minimumCalls: 4 }, problem }) });
    expect(registry.get('a').options.minimumCalls).toBe(4);
    expect(faults).toEqual([problem]);
  });

  test('even a name that cannot be one fails no call', () => {
    setFaultReporter(() => undefined);
    expect(() => shelf().registry.get('')).not.toThrow();
  });

  test('sets the tracer on breakers present and to come', () => {
    const { registry } = shelf();
    const admitted: string[] = [];
    const before = registry.get('a');
    registry.setTracer({
      admitted: ({ name }) => void admitted.push(name),
      settled: () => undefined,
      rejected: () => undefined,
      enter: (_t, fn) => fn(),
    });
    succeed(before);
    succeed(registry.get('b'));
    registry.setTracer(undefined);
    succeed(before);
    expect(admitted).toEqual(['a', 'b']);
  });
});

describe('the cap', () => {
  test('beyond it all share the overflow breaker, which stands for none of their targets', () => {
    const { registry, told } = shelf({ maxBreakers: 2 });
    registry.get('a');
    registry.get('b');
    const other = registry.get('c', { system: 'http', server: 'http://c:1' }, { defaults: { failureCount: 1 } });
    expect(other).toMatchObject({ name: overflowName, target: {}, options: { failureCount: undefined } });
    expect(registry.get('d')).toBe(other);
    expect(registry.get('a').name).toBe('a');
    expect(registry.list()).toHaveLength(3);
    expect(told).toEqual(['added a', 'added b', 'added _other']);
  });

  test('room that is made is used', () => {
    const { registry } = shelf({ maxBreakers: 1 });
    registry.get('a');
    expect(registry.get('b').name).toBe(overflowName);
    registry.remove('a');
    // The overflow breaker itself takes no room.
    expect(registry.get('b').name).toBe('b');
    expect(registry.get('c').name).toBe(overflowName);
  });

  test('idle breakers make room', () => {
    const { registry, clock } = shelf({ maxBreakers: 1, idleMs: 1_000 });
    registry.get('a');
    clock.advance(1_000);
    expect(registry.get('b').name).toBe('b');
  });
});

describe('idle breakers', () => {
  const idle = (options: BreakerOptions = oneFailure) => shelf({ idleMs: 1_000, resolve: () => ({ options }) });

  test('are dropped after their time, told of and retired', () => {
    const { registry, clock, told } = idle();
    const breaker = registry.get('a');
    clock.advance(999);
    expect(registry.list()).toHaveLength(1);
    clock.advance(251);
    expect(registry.list()).toEqual([]);
    expect(breaker.retired).toBe(true);
    expect(told.at(-1)).toBe('removed a');
  });

  test('one that is used stays', () => {
    const { registry, clock } = idle();
    const breaker = registry.get('a');
    for (let i = 0; i < 10; i += 1) {
      clock.advance(600);
      succeed(breaker);
      registry.get(`b${i}`);
    }
    expect(registry.find('a')).toBe(breaker);
  });

  test('one with a call under way stays', () => {
    const { registry, clock } = idle();
    admit(registry.get('a'));
    clock.advance(1e6);
    expect(registry.list()).toHaveLength(1);
  });

  test('one that is open, or that somebody holds, stays', () => {
    const { registry, clock } = idle({ ...oneFailure, open: { jitter: 0, durationMs: 1e6, maxMs: 1e6 } });
    fail(registry.get('open'));
    registry.get('forced').forceOpen();
    registry.get('disabled').disable();
    registry.get('shadow').shadow();
    registry.get('closed');
    clock.advance(10_000);
    expect(registry.list().map(({ name }) => name)).toEqual(['open', 'forced', 'disabled', 'shadow']);
  });

  test('one whose mode is off or shadow, and that is where its mode begins, goes', () => {
    for (const mode of ['off', 'shadow'] as const) {
      const { registry, clock } = idle({ mode });
      registry.get('a');
      clock.advance(10_000);
      expect(registry.list()).toEqual([]);
    }
  });

  test('one that would be open in shadow stays', () => {
    const { registry, clock } = idle({ ...oneFailure, mode: 'shadow' });
    fail(registry.get('a'));
    clock.advance(10_000);
    expect(registry.list()).toHaveLength(1);
  });

  test('one with options of its own, and the overflow breaker, stay', () => {
    const { registry, clock } = idle();
    registry.replace('a', { minimumCalls: 3 });
    registry.get(overflowName);
    clock.advance(10_000);
    expect(registry.list()).toHaveLength(2);
  });

  test('hold no timer', () => {
    const { registry, clock } = idle();
    registry.get('a');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('other options in place', () => {
  test('replace keeps the breaker, its listeners, state and counts', () => {
    const { registry, told } = shelf({ resolve: () => ({ options: { failureRatio: undefined, consecutiveFailures: 3 } }) });
    const breaker = registry.get('a');
    const moves: string[] = [];
    breaker.on('transition', ({ to }) => void moves.push(to));
    fail(breaker, 2);
    expect(registry.replace('a', { minimumCalls: 5 })).toBe(breaker);
    expect(breaker.options).toMatchObject({ minimumCalls: 5, consecutiveFailures: 3 });
    expect(breaker.snapshot()).toMatchObject({ window: { recorded: 2 }, consecutiveFailures: 2 });
    fail(breaker);
    expect(moves).toEqual(['open']);
    expect(told).toEqual(['added a', 'replaced a']);
  });

  test('replace makes a breaker that does not exist, over the cap too: the overflow breaker is for many', () => {
    const { registry } = shelf({ maxBreakers: 1 });
    registry.get('a');
    const made = registry.replace('b', { minimumCalls: 5 });
    expect(made).toMatchObject({ name: 'b', options: { minimumCalls: 5 } });
    expect(registry.find(overflowName)).toBeUndefined();
  });

  test('replace refuses options that cannot be used, and nothing has changed then', () => {
    const { registry, told } = shelf();
    const breaker = registry.get('a');
    const { options } = breaker;
    expect(() => registry.replace('a', { minimumCalls: 0 })).toThrow(ConfigError);
    expect(() => registry.replace('b', { minimumCalls: 0 })).toThrow(ConfigError);
    expect(breaker.options).toBe(options);
    expect(registry.find('b')).toBeUndefined();
    expect(told).toEqual(['added a']);
  });

  test('configure looks up the options of every breaker again, those of replace staying above', () => {
    const { registry, told } = shelf({ resolve: () => ({ options: oneFailure }) });
    const a = registry.get('a', {}, { defaults: { failureCount: 9 } });
    const b = registry.replace('b', { minimumCalls: 5 });
    fail(a);
    registry.configure((name, _target, lowest) => ({ options: { ...lowest, minimumCalls: 2 }, rule: `new for ${name}` }));
    expect(a.options).toMatchObject({ minimumCalls: 2, failureCount: 9, consecutiveFailures: undefined });
    expect(b.options.minimumCalls).toBe(5);
    expect(a.snapshot()).toMatchObject({ state: 'open', rule: 'new for a' });
    expect(told.slice(-2)).toEqual(['replaced a', 'replaced b']);
    expect(registry.get('c').options.minimumCalls).toBe(2);
  });
});

describe('all breakers of a registry', () => {
  test('resetAll closes every circuit', () => {
    const { registry } = shelf({ resolve: () => ({ options: oneFailure }) });
    fail(registry.get('a'));
    registry.get('b').forceOpen();
    const reasons: (string | undefined)[] = [];
    for (const breaker of registry.list()) breaker.on('transition', ({ reason }) => void reasons.push(reason));
    registry.resetAll('after the fix');
    expect(registry.list().map(({ state }) => state)).toEqual(['closed', 'closed']);
    expect(reasons).toEqual(['after the fix', 'after the fix']);
  });

  test('a fault of the connection is told to every breaker of its server, and to no other', () => {
    const { registry } = shelf();
    const of = (name: string, server: string) => registry.get(name, { server });
    const mine = [of('r read', 'redis://h:1'), of('r write', 'redis://h:1')];
    const other = of('x read', 'redis://x:1');
    registry.report('redis://h:1', new Boom());
    expect(mine.map((breaker) => breaker.snapshot().window.failures)).toEqual([1, 1]);
    registry.report('redis://h:1', new Boom(), { refused: true });
    expect(mine.map(({ state }) => state)).toEqual(['open', 'open']);
    expect([other.state, other.snapshot().window.failures]).toEqual(['closed', 0]);
    registry.recovered('redis://x:1');
    expect(mine.map(({ state }) => state)).toEqual(['open', 'open']);
    registry.recovered('redis://h:1');
    expect(mine.map(({ state }) => state)).toEqual(['half_open', 'half_open']);
  });

  test('a fault of no server reaches nobody', () => {
    const { registry } = shelf();
    const breaker = registry.get('a');
    registry.report('', new Boom(), { refused: true });
    expect(breaker.state).toBe('closed');
  });
});

describe('how calls are served for the time being', () => {
  test('a person says it above the health of the system', () => {
    const { registry } = shelf();
    const breaker = registry.get('a');
    registry.degrade('read-only', 'health');
    expect([breaker.degraded, registry.get('later').degraded, registry.degraded]).toEqual([
      'read-only',
      'read-only',
      { mode: 'read-only', by: 'health' },
    ]);
    registry.degrade('off');
    expect([breaker.degraded, registry.degraded]).toEqual(['off', { mode: 'off', by: 'hand' }]);
    registry.degrade(undefined, 'health');
    expect(breaker.degraded).toBe('off');
    registry.degrade(undefined);
    expect([breaker.degraded, registry.degraded]).toEqual([undefined, undefined]);
  });

  test('a breaker that was set alone keeps what it has, whatever the health of the system says', () => {
    const { registry } = shelf();
    const [alone, other] = [registry.get('alone'), registry.get('other')];
    alone.degraded = 'off';
    registry.degrade('empty', 'health');
    expect([alone.degraded, other.degraded]).toEqual(['off', 'empty']);
    registry.degrade(undefined, 'health');
    expect([alone.degraded, other.degraded]).toEqual(['off', undefined]);
  });

  test('is told when it changes, with who and why', () => {
    const { registry } = shelf();
    const told: unknown[] = [];
    registry.on('degraded', (event) => void told.push(event));
    registry.degrade('read-only', 'health', 'critical');
    registry.degrade('read-only', 'health', 'critical');
    registry.degrade('off', 'hand', 'by ops');
    registry.degrade('empty', 'health', 'emergency');
    expect(told).toEqual([
      { before: undefined, now: { mode: 'read-only', by: 'health' }, reason: 'critical' },
      { before: { mode: 'read-only', by: 'health' }, now: { mode: 'off', by: 'hand' }, reason: 'by ops' },
    ]);
  });
});

describe('options that contradict what is configured later', () => {
  const reloaded = (own: BreakerOptions, next: BreakerOptions) => {
    const faults: string[] = [];
    setFaultReporter((error, where) => void faults.push(`${where}: ${(error as Error).message}`));
    const { registry } = shelf({ resolve: () => ({ options: { mode: next.mode ?? 'enforce', consecutiveFailures: 7 } }) });
    const breaker = registry.replace('x', own);
    registry.configure(() => ({ options: next, rule: 'breakers[0]' }));
    return { registry, breaker, faults };
  };

  test.each([
    ['shadow', { halfOpen: { permits: 2 } }, { mode: 'shadow', halfOpen: { permits: 3, successThreshold: 3 } }],
    ['disabled', { minimumCalls: 50 }, { mode: 'off', window: { type: 'count', size: 20 } }],
  ] as const)('leave the mode: %s', (state, own, next) => {
    const { breaker, faults } = reloaded(own, next);
    expect([breaker.state, breaker.snapshot().rule]).toEqual([state, 'breakers[0]']);
    expect(breaker.options).toMatchObject(next);
    expect(faults).toEqual([expect.stringMatching(/^the options of 'x', of which what was set by replace is left out: .*; allowed: at most/)]);
  });

  test('leave the mode that was set with them', () => {
    const { breaker } = reloaded({ mode: 'shadow', minimumCalls: 50 }, { window: { type: 'count', size: 20 } });
    expect(breaker.options).toMatchObject({ mode: 'shadow', window: { type: 'count', size: 20 } });
  });

  test('an override is left out before what replace has set', () => {
    const { registry, breaker, faults } = reloaded({ failureCount: 3 }, { mode: 'shadow', window: { type: 'count', size: 20 } });
    registry.override(() => ({ failureCount: 30 }));
    expect(breaker.options).toMatchObject({ mode: 'shadow', window: { type: 'count', size: 20 }, failureCount: 3 });
    expect(faults).toEqual([expect.stringMatching(/what was set by override/)]);
  });

  test('a lookup that fails or answers nonsense leaves a breaker as it is, and the others are configured', () => {
    setFaultReporter(() => {});
    const { registry } = shelf({ resolve: () => ({ options: { mode: 'shadow', minimumCalls: 9 } }) });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => registry.get(name)) as [Breaker, Breaker, Breaker];
    registry.configure((name) => {
      if (name === 'a') throw new Error('no such thing');
      return { options: name === 'b' ? { mode: 'off', minimumCalls: -1 } : { mode: 'off' } };
    });
    expect([a, b, c].map(({ options: { mode, minimumCalls } }) => [mode, minimumCalls])).toEqual([
      ['shadow', 9],
      ['off', 9],
      ['off', 20],
    ]);
  });
});
