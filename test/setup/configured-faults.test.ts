import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadConfiguration } from '../../src/config/configuration.ts';
import type { ConfigError } from '../../src/core/errors.ts';
import { Registry } from '../../src/registry/registry.ts';
import { ConfiguredFaults } from '../../src/setup/configured-faults.ts';
import { LiveConfiguration } from '../../src/setup/reload.ts';
import { ManualClock } from '../../src/testing.ts';
import { configDir } from '../support/config-dir.ts';

const hang = `
faults:
  inject:
    - match: { system: postgres }
      kind: hang
      share: 0.5
      durationMs: 2m
`;

function running(text: string, env: Record<string, string> = {}) {
  const cwd = configDir({ 'otel-breaker.yaml': text });
  const origin = { env, cwd };
  const live = new LiveConfiguration(origin, loadConfiguration(origin));
  const clock = new ManualClock();
  const registry = new Registry({ clock });
  const said: string[] = [];
  const faults = new ConfiguredFaults(registry, (message) => said.push(message));
  faults.start(live.current);
  const reload = (next: string): void => {
    writeFileSync(join(cwd, 'otel-breaker.yaml'), next);
    expect(live.reload(registry).error).toBeUndefined();
    faults.follow(live.current);
  };
  const underWay = (): string[] => registry.injections.map(({ kind, scope }) => `${kind} ${scope}`);
  return { clock, registry, said, reload, underWay };
}

afterEach(() => void vi.unstubAllEnvs());

describe('faults of the configuration', () => {
  it('begin when they come while the process runs, and have their time from then on', () => {
    const { clock, registry, reload, underWay } = running('mode: enforce');
    clock.advance(3_600_000);
    reload(hang);
    registry.get('postgresql://h:5432/shop read', { system: 'postgresql' });
    registry.get('redis://h:6379 read', { system: 'redis' });
    const [injection] = registry.injections;
    expect(injection?.fault).toMatchObject({ kind: 'hang', share: 0.5, durationMs: 120_000, by: 'configuration' });
    expect(injection?.breakers.map(({ name }) => name)).toEqual(['postgresql://h:5432/shop read']);
    clock.advance(119_999);
    expect(underWay()).toEqual(['hang system: postgresql']);
    clock.advance(1);
    expect(underWay()).toEqual([]);
  });

  it('do not begin with the process: a restart brings back no game day that is over, and says so', () => {
    const { said, reload, underWay } = running(hang);
    expect(underWay()).toEqual([]);
    expect(said).toEqual([expect.stringContaining('faults.inject[0] has been there before the process started and does not begin')]);
    reload(`${hang}mode: shadow`);
    expect(underWay()).toEqual([]);
    reload(hang.replace('0.5', '0.6'));
    expect(underWay()).toEqual(['hang system: postgresql']);
  });

  it('begin with the process where they say that they are meant to', () => {
    const { said, underWay } = running(`${hang}      atStart: true`);
    expect([underWay(), said]).toEqual([['hang system: postgresql'], []]);
  });

  it('go on when something else is changed, end when they are taken away, and what is over stays over', () => {
    const { clock, reload, underWay, registry } = running('mode: enforce');
    reload(hang);
    const [before] = registry.injections;
    clock.advance(60_000);
    reload(`${hang}mode: shadow`);
    expect(registry.injections).toEqual([before]);
    reload('mode: shadow');
    expect(underWay()).toEqual([]);
    reload(hang);
    clock.advance(120_000);
    reload(`${hang}mode: shadow`);
    expect(underWay()).toEqual([]);
  });

  it('are refused in production, are tried again once that is allowed, and nothing else is refused with them', () => {
    vi.stubEnv('NODE_ENV', 'production');
    const { said, reload, underWay } = running('mode: enforce');
    reload(hang);
    expect([underWay(), said]).toEqual([[], [expect.stringContaining('faults.inject[0] does not begin: no faults are injected in production')]]);
    reload(hang.replace('faults:', 'faults:\n  allowInProduction: true'));
    expect(underWay()).toEqual(['hang system: postgresql']);
  });

  it('may be allowed in production by the environment', () => {
    vi.stubEnv('NODE_ENV', 'production');
    const { underWay } = running(`${hang}      atStart: true`, { OTEL_BREAKER_ALLOW_FAULTS: 'true' });
    expect(underWay()).toEqual(['hang system: postgresql']);
  });

  it.each([
    [hang.replace('hang', 'hnag'), 'faults.inject[0].kind', 5, 'one of error, latency, hang (did you mean hang?)'],
    [hang.replace('kind: hang', 'kind: latency'), 'faults.inject[0].latencyMs', 4, 'a time in ms: kind is latency'],
    [hang.replace('postgres', 'postgress'), 'faults.inject[0].match.system', 4, 'did you mean postgres?'],
    [hang.replace('2m', '2h'), 'faults.inject[0].durationMs', 7, 'a time in ms over 0 and at most 3600000'],
    [hang.replace('      kind: hang\n', ''), 'faults.inject[0].kind', 4, 'one of error, latency, hang'],
    ['faults: [{ match: {}, kind: hang }]', 'faults', 1, 'an object with allowInProduction, inject'],
  ])('are checked with their line: %j', (text, path, line, allowed) => {
    try {
      loadConfiguration({ env: {}, cwd: configDir({ 'otel-breaker.yaml': text }) });
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigError).issues).toMatchObject([{ path, line, allowed: expect.stringContaining(allowed) }]);
    }
  });
});
