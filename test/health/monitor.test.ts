import { describe, expect, it } from 'vitest';
import type { HealthInput } from '../../src/config/health.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { createHealthMonitor } from '../../src/health/create-health-monitor.ts';
import type { HealthSource } from '../../src/management/ports.ts';
import type { HealthState } from '../../src/registry/health-board.ts';
import { Registry } from '../../src/registry/registry.ts';
import { ManualClock } from '../../src/testing.ts';
import { Fake, HealthRig, of, settings } from './rig.ts';

const redis = { system: 'redis', address: '10.0.0.5', port: 6_379, server: 'redis://10.0.0.5:6379' };

/** A system of checks that are asked every second and judged by one result, all of them well by now. */
async function system(names: readonly string[], more: HealthInput = {}) {
  const fakes = Object.fromEntries(names.map((name) => [name, new Fake()])) as Record<string, Fake>;
  const dependsOn: Record<string, string[]> = { orders: ['database'] };
  const rig = new HealthRig({
    intervalMs: 1_000,
    failures: 1,
    steadyMs: 0,
    checks: names.map((name) => of(fakes[name] as Fake, name, { critical: !name.startsWith('minor'), dependsOn: dependsOn[name] ?? [] })),
    ...more,
  });
  rig.monitor.start();
  await rig.pass(1_000);
  const set = async (name: string, state: Fake['state']) => {
    (fakes[name] as Fake).state = state;
    await rig.pass(1_200);
  };
  return { rig, fakes, set };
}

const minor = ['minor 1', 'minor 2', 'minor 3', 'minor 4', 'minor 5'];

describe('the health of a system', () => {
  it('is told when it changes, worse and better, with why', async () => {
    const { rig, set } = await system(['database', ...minor]);
    expect([rig.changes, rig.monitor.system()]).toMatchObject([[], { state: 'healthy', reasons: [], dependencies: { total: 6, up: 6, unknown: 0 } }]);
    await set('database', 'failing');
    await set('database', 'well');
    expect(rig.changes).toEqual([
      { from: 'healthy', to: 'critical', reasons: ['database (critical): refused'], dependencies: { total: 6, up: 5 } },
      { from: 'critical', to: 'healthy', reasons: [], dependencies: { total: 6, up: 6 } },
    ]);
  });

  it('tells a cause from what is down because of it, and counts it once', async () => {
    const { rig, set } = await system(['database', 'orders', ...minor]);
    await set('orders', 'failing');
    expect([rig.monitor.system().state, rig.state('orders')?.because]).toEqual(['critical', undefined]);
    await set('database', 'failing');
    expect([rig.monitor.system().state, rig.state('orders')?.because, rig.state('database')?.because]).toEqual(['critical', 'database', undefined]);
    expect(rig.monitor.system().reasons).toEqual(['database (critical): refused', 'orders (critical): down because database is']);
  });

  it('is an emergency with two causes', async () => {
    const { rig, set } = await system(['database', 'cache', ...minor]);
    await set('database', 'failing');
    await set('cache', 'failing');
    expect(rig.changes.map(({ to }) => to)).toEqual(['critical', 'emergency']);
  });

  it('joins circuits with the checks of their server, and follows them at once', async () => {
    const rig = new HealthRig({ steadyMs: 0, critical: ['10.0.0.*'] });
    rig.monitor.start();
    const breaker = rig.registry.get('redis://10.0.0.5:6379 read', redis);
    for (let other = 0; other < 8; other += 1) rig.registry.get(`b${other}`);
    breaker.tryAcquire()?.fail(new Error('down'));
    await rig.pass(1);
    expect(rig.changes).toMatchObject([{ to: 'critical', reasons: ['redis://10.0.0.5:6379 (critical): redis://10.0.0.5:6379 read is open'] }]);
    breaker.reset();
    await rig.pass(1);
    expect(rig.changes.at(-1)).toMatchObject({ to: 'healthy' });
    breaker.forceOpen();
    await rig.pass(1);
    rig.registry.remove(breaker.name);
    await rig.pass(1);
    expect(rig.changes.slice(2).map(({ to }) => to)).toEqual(['critical', 'healthy']);
  });

  it('comes back by itself where nobody calls a half-open circuit any more', async () => {
    const rig = new HealthRig({ steadyMs: 1_000, critical: ['redis://*'] });
    rig.monitor.start();
    rig.registry.get('redis://10.0.0.5:6379 read', redis).tryAcquire()?.fail(new Error('down'));
    await rig.pass(11_000);
    expect(rig.changes.map(({ to }) => to)).toEqual(['critical']);
    await rig.pass(3_600);
    expect(rig.changes.map(({ to }) => to)).toEqual(['critical', 'healthy']);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('is better once that has lasted, and says so meanwhile', async () => {
    const { rig, set, fakes } = await system(['database', ...minor], { steadyMs: 5_000 });
    await set('database', 'failing');
    await set('database', 'well');
    expect(rig.monitor.system()).toMatchObject({
      state: 'critical',
      reasons: [expect.stringMatching(/^better of late: taken for healthy in \d s$/)],
    });
    await rig.pass(5_000);
    expect([rig.monitor.system().state, rig.changes.length]).toEqual(['healthy', 2]);
    (fakes.database as Fake).state = 'failing';
    await rig.pass(1_200);
    expect(rig.monitor.system().sinceMs).toBeLessThan(1_200);
  });

  it('is not watched before the start, nor after the end', async () => {
    const fake = new Fake();
    const rig = new HealthRig({ checks: [of(fake, 'db')] });
    await rig.pass(60_000);
    expect([fake.asked, rig.registry.health.read(), rig.clock.pendingTimers]).toEqual([0, undefined, 0]);
    rig.monitor.start();
    rig.monitor.start();
    await rig.pass(1_000);
    expect([fake.asked, rig.registry.health.read()?.state]).toEqual([1, 'healthy']);
    rig.monitor.stop();
    rig.monitor.stop();
    const breaker = rig.registry.get('b');
    breaker.forceOpen();
    await rig.pass(60_000);
    expect([fake.asked, rig.registry.health.read(), rig.changes, rig.clock.pendingTimers]).toEqual([1, undefined, [], 0]);
    expect(rig.monitor.system()).toMatchObject({ state: 'degraded', dependencies: { total: 2, up: 1 } });
  });

  it('runs no timer while all is well and there is no check', async () => {
    const rig = new HealthRig({});
    rig.monitor.start();
    rig.registry.get('b');
    await rig.pass(100);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('of fifty checks spreads them over time, and each runs in its own', async () => {
    const fakes = Array.from({ length: 50 }, () => new Fake());
    const rig = new HealthRig({ checks: fakes.map((fake, index) => of(fake, `db ${index}`)) });
    let state = 1;
    const random = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    rig.clock.random = random;
    rig.monitor.start();
    let most = 0;
    for (let step = 0; step < 100; step += 1) {
      const before = fakes.reduce((sum, { asked }) => sum + asked, 0);
      await rig.pass(10, 10);
      most = Math.max(most, fakes.reduce((sum, { asked }) => sum + asked, 0) - before);
    }
    expect(fakes.every(({ asked }) => asked === 1)).toBe(true);
    expect(most).toBeLessThan(6);
    expect(rig.monitor.system()).toMatchObject({ state: 'healthy', dependencies: { total: 50, up: 50 } });
  });
});

describe('readiness', () => {
  const rules = { failOn: 'never' as 'never' | 'critical' | 'emergency', failOnChecks: [] as string[] };

  it.each([
    ['never', [], 'ready'],
    ['critical', [], 'not_ready'],
    ['emergency', [], 'ready'],
    ['never', ['database'], 'not_ready'],
    ['never', ['cache'], 'ready'],
    ['never', ['no such check'], 'ready'],
  ] as const)('with failOn %s and checks %j is %s while the database is down; it lives all the same', async (failOn, failOnChecks, status) => {
    const fakes = [new Fake(), new Fake()] as const;
    const rig = new HealthRig(
      { failures: 1, checks: [of(fakes[0], 'database', { critical: true }), of(fakes[1], 'cache')] },
      { readiness: () => ({ ...rules, failOn, failOnChecks }) },
    );
    fakes[0].state = 'failing';
    rig.monitor.start();
    await rig.pass(1_000);
    expect(rig.monitor.ready().status).toBe(status);
    expect(rig.monitor.live()).toBe(true);
    if (status === 'not_ready') expect(rig.monitor.ready().reasons.join()).toContain('refused');
  });

  it('waits for the checks that it needs', async () => {
    const rig = new HealthRig({ checks: [of(new Fake(), 'database')] }, { readiness: () => ({ failOnChecks: ['database'] }) });
    rig.monitor.start();
    expect(rig.monitor.ready()).toEqual({ status: 'not_ready', reasons: ['the check database is not up yet'] });
    await rig.pass(1_000);
    expect(rig.monitor.ready()).toEqual({ status: 'ready', reasons: [] });
  });
});

describe('how calls are served by the state of the system', () => {
  const served = { degrade: { critical: 'read-only', emergency: 'empty' } } as const;

  it('is switched when the state is reached, and back afterwards', async () => {
    const { rig, set } = await system(['database', 'cache', ...minor], served);
    const breaker = rig.registry.get('b');
    const seen: unknown[] = [breaker.degraded];
    for (const [name, state] of [
      ['database', 'failing'],
      ['cache', 'failing'],
      ['database', 'well'],
      ['cache', 'well'],
    ] as const) {
      await set(name, state);
      seen.push(breaker.degraded);
    }
    expect(seen).toEqual([undefined, 'read-only', 'empty', 'read-only', undefined]);
    expect(rig.registry.get('later').degraded).toBeUndefined();
  });

  it.each([
    [{ critical: 'read-only' }, 'emergency', 'read-only'],
    [{ critical: 'read-only' }, 'degraded', undefined],
    [{ degraded: 'bypass', emergency: undefined }, 'critical', 'bypass'],
    [{ degraded: 'bypass', emergency: undefined }, 'emergency', undefined],
    [{}, 'emergency', undefined],
  ] as const)('%j in state %s is %s', async (degrade, state, mode) => {
    const names = { degraded: ['minor 1', 'minor 2'], critical: ['database'], emergency: ['database', 'cache'] }[state];
    const { rig, set } = await system(['database', 'cache', ...minor], { degrade });
    for (const name of names) await set(name, 'failing');
    expect([rig.monitor.system().state, rig.registry.degraded?.mode]).toEqual([state satisfies HealthState, mode]);
  });

  it('is what a person says, as long as a person says so', async () => {
    const { rig, set } = await system(['database', ...minor], served);
    rig.registry.degrade('off', 'hand', 'by ops');
    await set('database', 'failing');
    expect(rig.registry.get('b').degraded).toBe('off');
    rig.registry.degrade(undefined, 'hand', 'by ops');
    expect(rig.registry.get('b').degraded).toBe('read-only');
  });

  it('ends with the monitor, and follows other settings', async () => {
    const { rig, set, fakes } = await system(['database', ...minor], served);
    await set('database', 'failing');
    const checks = ['database', ...minor].map((name) => of(fakes[name] as Fake, name, { critical: !name.startsWith('minor') }));
    rig.monitor.configure(settings({ checks, degrade: { critical: 'bypass' } }));
    expect(rig.registry.degraded).toEqual({ mode: 'bypass', by: 'health' });
    rig.monitor.stop();
    expect(rig.registry.degraded).toBeUndefined();
  });
});

describe('a monitor made by hand', () => {
  it('refuses what cannot be meant, and tells no password', () => {
    const registry = new Registry({ clock: new ManualClock() });
    const make = () =>
      createHealthMonitor(registry, {
        checks: [
          { name: 'a', redis: 'redis//:secret@h' },
          { name: 'a', check: () => true, dependsOn: ['b'] },
        ],
      });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(/checks\[0\]\.redis is "\[\.\.\.\]".*checks\[1\]\.name is "a".*checks\[1\]\.dependsOn\[0\] is "b"/);
    expect(() => createHealthMonitor(registry, { checks: [{ name: 'a', check: 'no' as never }], failures: 0 })).toThrow(
      /check is "no".*failures is 0/,
    );
  });

  it('is what a management server tells', async () => {
    const clock = new ManualClock();
    const registry = new Registry({ clock });
    using monitor = createHealthMonitor(registry, { checks: [{ name: 'db', check: () => undefined }] });
    monitor.start();
    const source: HealthSource = monitor;
    expect(source.checks()).toMatchObject([{ name: 'db', kind: 'function', status: 'unknown', critical: false }]);
  });
});
