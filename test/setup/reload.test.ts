import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/configuration.ts';
import type { ConfigurationInput } from '../../src/config/schema.ts';
import { Registry } from '../../src/registry/registry.ts';
import { LiveConfiguration } from '../../src/setup/reload.ts';
import { ManualClock } from '../../src/testing.ts';
import { configDir } from '../support/config-dir.ts';

const file = 'otel-breaker.yaml';

function running(text: string | undefined, { env = {}, code }: { env?: Record<string, string>; code?: ConfigurationInput } = {}) {
  const cwd = configDir(text === undefined ? {} : { [file]: text });
  const origin = { env, cwd, code };
  const configuration = loadConfiguration(origin);
  const registry = new Registry({ clock: new ManualClock(), resolve: (...of) => configuration.resolve(...of) });
  const live = new LiveConfiguration(origin, configuration);
  const breaker = registry.get('redis://h:1 read', { system: 'redis', operation: 'read', server: 'redis://h:1', address: 'h', port: 1 });
  const write = (next: string): void => writeFileSync(join(cwd, file), next);
  return { cwd, live, registry, breaker, write, reload: () => live.reload(registry) };
}

describe('a reload', () => {
  it('puts a new file into force for all breakers, and says what it says otherwise', () => {
    const { breaker, write, reload, live } = running('mode: shadow\ndefaults: { minimumCalls: 5 }\n');
    expect(breaker.state).toBe('shadow');
    write('mode: enforce\nbreakers:\n  - match: { system: redis, operation: read }\n    failureRatio: 0.2\n');
    expect(reload()).toEqual({
      applied: true,
      changes: [
        'defaults.mode: shadow -> enforce',
        'defaults.minimumCalls: 5 -> (not set)',
        'breakers[0].match.system: (not set) -> redis',
        'breakers[0].match.operation: (not set) -> read',
        'breakers[0].failureRatio: (not set) -> 0.2',
      ],
      atNextStart: [],
    });
    expect([breaker.state, breaker.options.minimumCalls, breaker.options.failureRatio]).toEqual(['closed', 20, 0.2]);
    expect(breaker.snapshot().rule).toMatch(/^breakers\[0\]/);
    expect(live.current.source).toBe(file);
  });

  it('holds for breakers that come later as well', () => {
    const { registry, write, reload } = running('mode: shadow');
    write('mode: off');
    reload();
    expect(registry.get('later').state).toBe('disabled');
  });

  it('keeps listeners, counts and what a person holds', () => {
    const { breaker, registry, write, reload } = running('defaults: { minimumCalls: 5 }');
    const held = registry.get('held');
    held.forceOpen('by hand');
    const heard: string[] = [];
    breaker.on('transition', ({ from, to, trigger }) => heard.push(`${from} ${to} ${trigger}`));
    breaker.tryAcquire()?.fail(new Error('down'));
    breaker.tryAcquire()?.succeed();
    write('mode: shadow');
    reload();
    expect(breaker.snapshot()).toMatchObject({ window: { recorded: 2, failures: 1 }, calls: { success: 1, failure: 1 } });
    expect(heard).toEqual(['closed shadow config']);
    expect(held.state).toBe('forced_open');
  });

  it.each([
    ['that is at fault', 'mode: enforce\nfailureRatoi: 1\n', /failureRatoi.*line 2/],
    ['that contradicts itself', 'breakers:\n  - match: { system: redis }\n    slowRatio: 0.5\n    failureRatio: 7\n', /failureRatio.*line 4/],
    ['that is no YAML', 'mode: [', /line 1/],
    ['that is empty', '', /is empty/],
    ['with nothing but white space', ' \n\n', /is empty/],
  ])('of a file %s changes nothing, and says why', (_name, text, why) => {
    const { breaker, write, reload, live } = running('mode: shadow');
    const before = live.current;
    write(text);
    const { applied, error, changes } = reload();
    expect([applied, changes, live.current, breaker.state]).toEqual([false, [], before, 'shadow']);
    expect(error?.message).toMatch(why);
  });

  it('does not take a file that is gone for the wish to refuse calls', () => {
    const { cwd, breaker, reload } = running('mode: shadow');
    rmSync(join(cwd, file));
    expect(reload()).toMatchObject({
      applied: false,
      error: new Error(`${file} is gone. For the defaults, leave it there with nothing in it but version: 1`),
    });
    expect(breaker.state).toBe('shadow');
  });

  it('takes a file that was not there before', () => {
    const { breaker, write, reload } = running(undefined);
    expect(reload()).toEqual({ applied: true, changes: [], atNextStart: [] });
    write('breakers: [{ match: { system: redis }, mode: off }]');
    expect(reload().applied).toBe(true);
    expect(breaker.state).toBe('disabled');
  });

  it('leaves what environment and code say above the file, as they said at the start', () => {
    const env: Record<string, string> = { OTEL_BREAKER_MODE: 'shadow' };
    const { breaker, write, reload } = running('mode: enforce', { env, code: { defaults: { minimumCalls: 3 } } });
    write('mode: off\ndefaults: { minimumCalls: 9, failureRatio: 0.1 }');
    expect(reload().applied).toBe(true);
    expect([breaker.mode, breaker.options.minimumCalls, breaker.options.failureRatio]).toEqual(['shadow', 3, 0.1]);
  });

  it('names what the file says now and the environment or the program keeps from being so, as often as it is read and no more', () => {
    const env = { OTEL_BREAKER_MODE: 'shadow', OTEL_BREAKER_REDIS_MINIMUM_CALLS: '7' };
    const { breaker, write, reload } = running('version: 1', { env, code: { defaults: { failureRatio: 0.3 } } });
    write('mode: enforce\ndefaults: { failureRatio: 0.4 }\nsystems: { redis: { minimumCalls: 9 } }\n');
    expect(reload().atNextStart).toEqual([
      'defaults.mode: enforce (above it stands OTEL_BREAKER_MODE=shadow)',
      "defaults.failureRatio: 0.4 (above it stands the program's own 0.3)",
      'systems.redis.minimumCalls: 9 (above it stands OTEL_BREAKER_REDIS_MINIMUM_CALLS=7)',
    ]);
    expect(breaker.state).toBe('shadow');
    expect(reload().atNextStart).toEqual([]);
    write('mode: shadow\n');
    expect(reload().atNextStart).toEqual([]);
  });

  it('names settings that are read at the start only', () => {
    const { write, reload } = running('version: 1');
    write(
      'enabled: false\ntelemetry: { sdk: off }\ninstrumentations: { disabled: [pg] }\nprometheus: { port: 1 }\nmaxBreakers: 7\nreload: { watch: false }\nonError: unprotected',
    );
    expect(reload()).toMatchObject({
      applied: true,
      atNextStart: ['enabled', 'instrumentations.disabled', 'telemetry.sdk', 'prometheus.port', 'maxBreakers', 'reload.watch'],
    });
  });

  it('tells of credentials that they have changed, and not what they are', () => {
    const file = (url: string) => `health: { checks: [{ name: cache, redis: "${url}" }] }`;
    const { write, reload } = running(file('redis://:Zq7xKw9@h:1'));
    write(file('redis://:Yp6wJv8@h:1'));
    expect(reload().changes).toEqual(['health.checks[0].redis: redis://[...]@h:1 -> redis://[...]@h:1 (credentials)']);
    write(file('redis://:Yp6wJv8@h:2'));
    expect(reload().changes).toEqual(['health.checks[0].redis: redis://[...]@h:1 -> redis://[...]@h:2']);
  });

  it('takes on checks and readiness while the process runs', () => {
    const { write, reload, live } = running('version: 1');
    write('health: { checks: [{ name: cache, tcp: "h:1" }] }\nmanagement: { readiness: { failOn: critical, failOnChecks: [cache] } }');
    expect(reload()).toMatchObject({ applied: true, atNextStart: [] });
    expect(live.current.settings.health?.checks.map(({ name }) => name)).toEqual(['cache']);
    expect(live.current.settings.management.readiness).toEqual({ failOn: 'critical', failOnChecks: ['cache'] });
    write('management: { readiness: { failOn: emergency }, host: localhost }');
    expect(reload()).toMatchObject({ applied: true, atNextStart: ['management'] });
  });
});
