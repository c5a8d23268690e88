import { describe, expect, it } from 'vitest';
import { type CheckedDependency, dependenciesOf, keyOf, unaskedMs } from '../../src/health/dependencies.ts';
import { Registry } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';

const redis = { system: 'redis', address: '10.0.0.5', port: 6_379, server: 'redis://10.0.0.5:6379' };
const never = () => false;

function check(name: string, more: Partial<CheckedDependency> = {}): CheckedDependency {
  return { name, target: {}, status: 'up', critical: false, error: undefined, dependsOn: [], ...more };
}

function traffic() {
  const clock = new ManualClock();
  const registry = new Registry({ clock, resolve: () => ({ options: { consecutiveFailures: 1, open: { durationMs: 1_000, jitter: 0 } } }) });
  const of = (checks: readonly CheckedDependency[] = []) => dependenciesOf(checks, registry.list(), never);
  const open = (name: string, target = redis) => {
    const breaker = registry.get(name, target);
    breaker.tryAcquire()?.fail(new Error('down'));
    return breaker;
  };
  return { clock, registry, of, open };
}

describe('dependencies', () => {
  it.each([
    [{ address: '10.0.0.5', port: 6_379 }, '10.0.0.5:6379'],
    [{ address: 'LocalHost', port: 80 }, '127.0.0.1:80'],
    [{ address: '::1', port: 80 }, '127.0.0.1:80'],
    [{ address: 'Db.Internal', port: 5_432 }, 'db.internal:5432'],
    [{ address: '/run/redis.sock' }, '/run/redis.sock'],
    [{ server: 'redis://10.0.0.5:6379' }, '10.0.0.5:6379'],
    [{ server: 'redis://10.0.0.5' }, '10.0.0.5:6379'],
    [{ server: 'https://api.example.com' }, 'api.example.com:443'],
    [{ server: 'http://[::1]:8080' }, '127.0.0.1:8080'],
    [{ server: 'redis:///run/redis.sock' }, '/run/redis.sock'],
    [{ server: 'billing' }, 'billing'],
    [{}, undefined],
  ])('%j is the server %s', (target, key) => {
    expect(keyOf(target)).toBe(key);
  });

  it('are the servers of breakers, each once', () => {
    const { registry, of } = traffic();
    registry.get('redis://10.0.0.5:6379 read', redis);
    registry.get('redis://10.0.0.5:6379 write', redis);
    registry.get('billing');
    expect(of().map(({ name, status }) => [name, status])).toEqual([
      ['redis://10.0.0.5:6379', 'up'],
      ['billing', 'up'],
    ]);
  });

  it('that are checked and known from traffic are one, by whatever name of this machine', () => {
    const { registry, of } = traffic();
    registry.get('redis://localhost:6379 read', { ...redis, address: 'localhost', server: 'redis://localhost:6379' });
    const checks = [
      check('cache', { target: { address: '127.0.0.1', port: 6_379 } }),
      check('cache, again', { target: { server: 'redis://[::1]:6379' } }),
      check('report'),
    ];
    expect(of(checks).map(({ name, checks: names }) => [name, names])).toEqual([
      ['cache', ['cache', 'cache, again']],
      ['report', ['report']],
    ]);
  });

  it('are down by a check or by a circuit, and say why', () => {
    const { of, open } = traffic();
    open('redis://10.0.0.5:6379 read');
    const checks = [check('cache', { target: redis }), check('mail', { status: 'down', error: 'connect ECONNREFUSED' })];
    expect(of(checks).map(({ name, status, why }) => [name, status, why])).toEqual([
      ['cache', 'down', 'redis://10.0.0.5:6379 read is open'],
      ['mail', 'down', 'connect ECONNREFUSED'],
    ]);
  });

  it('are not known to be up before a check has said so, unless traffic goes there', () => {
    const { registry, of } = traffic();
    registry.get('redis://10.0.0.5:6379 read', redis);
    const unknown = { status: 'unknown' } as const;
    expect(of([check('cache', { ...unknown, target: redis }), check('mail', unknown)]).map(({ status }) => status)).toEqual(['up', 'unknown']);
  });

  it('are critical by any of their checks, or by what traffic says of the server', () => {
    const { registry } = traffic();
    registry.get('redis://10.0.0.5:6379 read', redis);
    registry.get('billing');
    const checks = [check('mail', { critical: true })];
    const found = dependenciesOf(checks, registry.list(), ({ server }) => server === redis.server);
    expect(found.map(({ name, critical }) => [name, critical])).toEqual([
      ['mail', true],
      ['redis://10.0.0.5:6379', true],
      ['billing', false],
    ]);
  });

  it('need what their checks depend on, by name or by server', () => {
    const { registry, of } = traffic();
    registry.get('redis://10.0.0.5:6379 read', redis);
    const [orders] = of([check('orders', { dependsOn: ['database', 'redis://10.0.0.5:6379', 'redis://nobody:1'] }), check('database')]);
    expect(orders?.needs.map(({ name }) => name)).toEqual(['database', 'redis://10.0.0.5:6379']);
  });
});

describe('a half-open circuit', () => {
  const status = (rig: ReturnType<typeof traffic>, checks: readonly CheckedDependency[] = []) => rig.of(checks)[0]?.status;

  it('says that its server is down while it tries, and nothing once nobody calls', () => {
    const rig = traffic();
    const breaker = rig.open('redis://10.0.0.5:6379 read');
    expect(status(rig)).toBe('down');
    rig.clock.advance(1_000);
    expect([breaker.state, status(rig)]).toEqual(['half_open', 'down']);
    rig.clock.advance(unaskedMs - 1);
    expect(status(rig)).toBe('down');
    rig.clock.advance(1);
    expect(status(rig)).toBe('up');
    breaker.tryAcquire();
    expect(status(rig)).toBe('down');
  });

  it('says nothing where a check of the server succeeds and no probe is under way', () => {
    const rig = traffic();
    const breaker = rig.open('redis://10.0.0.5:6379 read');
    const checks = [check('cache', { target: redis })];
    expect(status(rig, checks)).toBe('down');
    rig.clock.advance(1_000);
    expect(status(rig, checks)).toBe('up');
    expect(status(rig, [...checks, check('cache, again', { target: redis, status: 'unknown' })])).toBe('down');
    breaker.tryAcquire();
    expect(status(rig, checks)).toBe('down');
  });

  it('counts beside the traffic as well, in shadow mode', () => {
    const clock = new ManualClock();
    const registry = new Registry({
      clock,
      resolve: () => ({ options: { mode: 'shadow', consecutiveFailures: 1, open: { durationMs: 1_000, jitter: 0 } } }),
    });
    const breaker = registry.get('r', redis);
    const seen = () => dependenciesOf([], registry.list(), never)[0]?.status;
    expect(seen()).toBe('up');
    breaker.tryAcquire()?.fail(new Error('down'));
    expect(seen()).toBe('down');
    clock.advance(1_000 + unaskedMs);
    expect(seen()).toBe('up');
  });
});
