import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/configuration.ts';
import type { Environment } from '../../src/config/environment.ts';
import type { ConfigurationInput } from '../../src/config/schema.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { configDir } from '../support/config-dir.ts';

interface Written {
  readonly yaml?: string;
  readonly env?: Environment;
  readonly code?: ConfigurationInput;
}

const load = ({ yaml, env = {}, code }: Written) =>
  loadConfiguration({ env, code, cwd: configDir(yaml === undefined ? {} : { 'otel-breaker.yaml': yaml }) });

function errorOf(written: Written): ConfigError {
  try {
    load(written);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no error');
}

const redisWrite = ['redis://10.0.0.5:6379 write', { system: 'redis', operation: 'write', address: '10.0.0.5', port: 6379 }] as const;
const rules = `
version: 1
defaults: { minimumCalls: 50, open: { factor: 3 } }
systems:
  redis: { failureCount: 9 }
breakers:
  - match: { system: redis, operation: write }
    failureRatio: 0.3
    open: { durationMs: 2s }
  - match: { system: redis }
    failureRatio: 0.4
    consecutiveFailures: 7
`;

describe('the configuration', () => {
  it('of nothing is the defaults', () => {
    const { settings, warnings, source, resolve } = load({});
    expect(settings).toEqual({
      enabled: true,
      disabledInstrumentations: [],
      sdk: 'auto',
      onError: 'defaults',
      prometheus: { host: '127.0.0.1', port: undefined },
      management: {
        enabled: true,
        host: '127.0.0.1',
        port: undefined,
        metricsPort: undefined,
        allowedHosts: [],
        tokensFile: undefined,
        readiness: { failOn: 'never', failOnChecks: [] },
      },
      health: undefined,
      alerts: { enabled: true, rules: [], webhooks: [] },
      maxBreakers: undefined,
      idleMs: undefined,
      watch: true,
      reloadSignal: 'off',
      allowFaults: false,
    });
    expect([warnings, source]).toEqual([[], 'configuration']);
    expect(resolve('billing')).toEqual({ options: {} });
  });

  it('lays defaults, system and all rules that match over each other, the most specific on top', () => {
    const { options, rule } = load({ yaml: rules }).resolve(...redisWrite);
    expect(options).toEqual({ minimumCalls: 50, open: { factor: 3, durationMs: 2_000 }, failureCount: 9, failureRatio: 0.3, consecutiveFailures: 7 });
    expect(rule).toBe('breakers[0] (system: redis, operation: write)');
  });

  it('tells which rule or section applied', () => {
    const { resolve } = load({
      yaml: rules,
      code: { breakers: [{ match: { name: 'billing' }, minimumCalls: 1 }], systems: { http: { minimumCalls: 2 } } },
    });
    expect(resolve('r', { system: 'redis', operation: 'read' }).rule).toBe('breakers[1] (system: redis)');
    expect(resolve('billing').rule).toBe('code: breakers[0] (name: billing)');
    expect(resolve('h', { system: 'http' }).rule).toBe('systems.http');
    expect(resolve('x', { system: 'mysql' })).not.toHaveProperty('rule');
  });

  it('has the instrumentation below everything', () => {
    const instrumentation = { minimumCalls: 3, stall: { calls: 4 }, failureRatio: 0.9 };
    const { options } = load({ yaml: 'defaults: { failureRatio: 0.2, stall: { factor: 2 } }' }).resolve('x', {}, instrumentation);
    expect(options).toEqual({ minimumCalls: 3, stall: { calls: 4, factor: 2 }, failureRatio: 0.2 });
  });

  it('takes code over environment and environment over file, key by key', () => {
    const { settings, resolve, source } = load({
      yaml: 'enabled: false\nmode: shadow\nprometheus: { host: a, port: 1 }\ndefaults: { minimumCalls: 1, failureRatio: 0.1, failureCount: 1 }',
      env: { OTEL_BREAKER_PROMETHEUS_PORT: '2', OTEL_BREAKER_FAILURE_RATIO: '0.2', OTEL_BREAKER_FAILURE_COUNT: '2', OTEL_BREAKER_ENABLED: 'true' },
      code: { defaults: { failureCount: 3 } },
    });
    expect(settings).toMatchObject({ enabled: true, prometheus: { host: 'a', port: 2 } });
    expect(resolve('x').options).toEqual({ mode: 'shadow', minimumCalls: 1, failureRatio: 0.2, failureCount: 3 });
    expect(source).toBe('otel-breaker.yaml, environment, code');
  });

  it('has a section of a system above the defaults, whatever their source', () => {
    const { resolve } = load({
      yaml: 'systems: { redis: { failureRatio: 0.1 } }',
      code: { defaults: { failureRatio: 0.9 } },
      env: { OTEL_BREAKER_HTTP_FAILURE_RATIO: '0.2' },
    });
    expect(resolve('r', { system: 'redis' }).options.failureRatio).toBe(0.1);
    expect(resolve('h', { system: 'http' }).options.failureRatio).toBe(0.2);
    expect(resolve('p', { system: 'postgresql' }).options.failureRatio).toBe(0.9);
  });

  it.each(['null', 'off', 'false', '~', ''])('switched off with %j in a rule stays off over all that lies below', (off) => {
    const { resolve } = load({
      yaml: `defaults: { failureRatio: 0.2 }\nbreakers:\n  - match: { name: x }\n    failureRatio: ${off}\n    stall: ${off}`,
    });
    const { options } = resolve('x', {}, { stall: { calls: 3 } });
    expect(options).toEqual({ failureRatio: undefined, stall: undefined });
    expect(resolveOptions(options)).toMatchObject({ failureRatio: undefined, stall: undefined });
  });

  it('switched off by the environment stays off over the file', () => {
    const { options } = load({ yaml: 'defaults: { failureRatio: 0.2 }', env: { OTEL_BREAKER_FAILURE_RATIO: 'off' } }).resolve('x');
    expect(resolveOptions(options).failureRatio).toBeUndefined();
  });

  it("uses OpenTelemetry's own variables for Prometheus only where nothing of ours speaks", () => {
    const env = { OTEL_EXPORTER_PROMETHEUS_HOST: '0.0.0.0', OTEL_EXPORTER_PROMETHEUS_PORT: '9000' };
    expect(load({ env }).settings.prometheus).toEqual({ host: '0.0.0.0', port: 9000 });
    expect(load({ env, yaml: 'prometheus: { port: 9001 }' }).settings.prometheus).toEqual({ host: '0.0.0.0', port: 9001 });
  });

  it('asks lists of codes from the most specific down, and the instrumentation last', () => {
    const yaml = 'defaults: { classify: { ignored: [A, B] } }\nbreakers:\n  - match: { name: x }\n    classify: { failure: [A] }';
    const { options } = load({ yaml }).resolve('x', {}, { classify: () => 'success' });
    expect(['A', 'B', 'C'].map((code) => options.classify?.({ ok: false, error: { code } }))).toEqual(['failure', 'ignored', 'success']);
  });

  it('with classify off in code asks nobody below', () => {
    const { options } = load({ yaml: 'defaults: { minimumCalls: 2 }', code: { defaults: { classify: undefined } } }).resolve(
      'x',
      {},
      { classify: () => 'success' },
    );
    expect(options).toEqual({ minimumCalls: 2 });
  });

  it('leaves slowRatio out where no slowCallMs goes with it', () => {
    const { resolve } = load({ env: { OTEL_BREAKER_SLOW_RATIO: '0.5', OTEL_BREAKER_REDIS_SLOW_CALL_MS: '100' } });
    expect(resolve('r', { system: 'redis' }).options).toEqual({ slowRatio: 0.5, slowCallMs: 100 });
    expect(resolve('h', { system: 'http' }).options).toEqual({});
  });

  it('may be an empty file', () => expect(load({ yaml: '# nothing yet\n' }).resolve('x')).toEqual({ options: {} }));

  it.each<[string, Written, string]>([
    [
      'an unknown key',
      { yaml: 'version: 1\ndefaults:\n  failureRatoi: 0.5' },
      'otel-breaker.yaml: defaults.failureRatoi (line 3, column 3) is 0.5; allowed: no such key; did you mean failureRatio?',
    ],
    [
      'an option at the top',
      { yaml: 'failureRatio: 0.5' },
      'otel-breaker.yaml: failureRatio (line 1, column 1) is 0.5; allowed: not here: it belongs under defaults, systems or breakers',
    ],
    [
      'a wrong value',
      { yaml: 'defaults: { failureRatio: 2 }' },
      'otel-breaker.yaml: defaults.failureRatio (line 1, column 13) is 2; allowed: a number over 0 and at most 1, or undefined (in files: off) to switch it off',
    ],
    [
      'a rule for nothing',
      { yaml: 'breakers: [{ failureRatio: 0.5 }]' },
      'otel-breaker.yaml: breakers[0].match (line 1, column 12) is undefined; allowed: an object with system, server, operation, name',
    ],
    [
      'a field of a later version',
      { yaml: 'breakers: [{ match: { tenant: a } }]' },
      'otel-breaker.yaml: breakers[0].match.tenant (line 1, column 23) is "a"; allowed: not available in this version',
    ],
    [
      'a section of a later version',
      { yaml: 'fleet: { store: "redis://:secret@x" }' },
      'otel-breaker.yaml: fleet (line 1, column 1) is "[...]"; allowed: not available in this version',
    ],
    [
      'a tenant',
      { yaml: 'breakers: [{ match: { tenant: a } }]' },
      'otel-breaker.yaml: breakers[0].match.tenant (line 1, column 23) is "a"; allowed: not available in this version',
    ],
    [
      'a function in a file',
      { yaml: 'defaults: { classify: x }' },
      'otel-breaker.yaml: defaults.classify (line 1, column 13) is "x"; allowed: an object with success, failure, ignored',
    ],
    ['SQLSTATE without its quotes', { yaml: 'defaults: { classify: { failure: [08006] } }' }, 'SQLSTATE (in quotes if it begins with 0)'],
    ['a list at the top', { yaml: '- a' }, 'otel-breaker.yaml: (top level) is ["a"]'],
    [
      'two modes',
      { yaml: 'mode: shadow\ndefaults: { mode: off }' },
      'mode (line 1, column 1) is "shadow"; allowed: the same as defaults.mode (off), or only one of the two',
    ],
    [
      'a bad variable',
      { env: { OTEL_BREAKER_FAILURE_RATIO: '2' } },
      'environment: OTEL_BREAKER_FAILURE_RATIO is "2"; allowed: a number over 0 and at most 1',
    ],
    ['bad code', { code: { defaults: { minimumCalls: 0 } } }, 'code: defaults.minimumCalls is 0; allowed: a whole number of at least 1'],
    ['text for a time in code', { code: { idleMs: '30s' as unknown as number } }, 'code: idleMs is "30s"; allowed: a time in ms'],
  ])('with %s is refused', (_, written, message) => expect(errorOf(written).message).toContain(message));

  it.each<[string, Written, string]>([
    ['in the defaults', { yaml: 'defaults: { open: { durationMs: 5s, maxMs: 1s } }' }, 'defaults.open.maxMs (line 1, column 37) is 1000'],
    [
      'between two sources',
      { yaml: 'defaults: { halfOpen: { successThreshold: 5 } }', env: { OTEL_BREAKER_HALF_OPEN_PERMITS: '2' } },
      'defaults.halfOpen.successThreshold (line 1, column 25) is 5',
    ],
    [
      'of a system and the defaults',
      { yaml: 'defaults: { halfOpen: { successThreshold: 3 } }\nsystems: { http: { halfOpen: { permits: 1 } } }' },
      'systems.http.halfOpen.successThreshold',
    ],
    [
      'of a rule and the defaults',
      { yaml: 'defaults: { window: { type: count, size: 10 } }\nbreakers: [{ match: { name: x }, minimumCalls: 11 }]' },
      'breakers[0].minimumCalls (line 2, column 34) is 11',
    ],
    [
      'of a rule and another that surely lies below it',
      {
        yaml: 'breakers:\n  - match: { system: redis }\n    window: { size: 10 }\n  - match: { system: redis, operation: read }\n    minimumCalls: 11',
      },
      'breakers[1].minimumCalls (line 5, column 5) is 11',
    ],
    ['of a rule in code', { code: { breakers: [{ match: {}, open: { durationMs: 5, maxMs: 1 } }] } }, 'code: code: breakers[0].open.maxMs is 1'],
    [
      'of slowRatio alone',
      { yaml: 'defaults: { slowRatio: 0.5 }' },
      'defaults.slowRatio (line 1, column 13) is 0.5; allowed: only together with slowCallMs',
    ],
  ])('with a contradiction %s is refused', (_, written, message) => expect(errorOf(written).message).toContain(message));

  it('tells a contradiction of the defaults once, not for every rule above them', () => {
    const yaml =
      'defaults: { open: { durationMs: 5s, maxMs: 1s } }\nbreakers: [{ match: {}, minimumCalls: 2 }, { match: { name: x }, minimumCalls: 2 }]';
    expect(errorOf({ yaml }).issues).toHaveLength(1);
  });

  it('names only the source that is at fault', () => {
    expect(errorOf({ yaml: 'moode: shadow', env: { OTEL_BREAKER_MODE: 'shadow' }, code: {} }).source).toBe('otel-breaker.yaml');
  });

  it('tells the faults of all sources at once', () => {
    const error = errorOf({ yaml: 'moode: shadow', env: { OTEL_BREAKER_MODDE: 'x' }, code: { enabled: 1 as unknown as boolean } });
    expect(error.issues.map(({ path }) => path)).toEqual(['OTEL_BREAKER_MODDE', 'moode', 'enabled']);
    expect(error.source).toBe('otel-breaker.yaml, environment, code');
  });

  it('where rules meet that do not go together keeps to those that do, and says so', () => {
    const yaml =
      'breakers:\n  - match: { name: "x*" }\n    window: { size: 10 }\n    mode: shadow\n  - match: { system: redis }\n    minimumCalls: 11';
    const { options, rule, problem } = load({ yaml }).resolve('x1', { system: 'redis' });
    expect(problem?.path).toBe('minimumCalls');
    expect({ options, rule }).toEqual({ options: { minimumCalls: 11, mode: 'shadow' }, rule: 'breakers[1] (system: redis)' });
  });
});
