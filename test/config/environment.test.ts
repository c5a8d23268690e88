import { describe, expect, it } from 'vitest';
import { readEnvironment, standardPrometheus, variables } from '../../src/config/environment.ts';

const prefix = 'OTEL_BREAKER_';
const read = (env: Record<string, string>) => readEnvironment(Object.fromEntries(Object.entries(env).map(([key, value]) => [prefix + key, value])));

describe('environment variables', () => {
  it('are derived from the schema, for the defaults and for every system', () => {
    const names = [...variables.keys()].map((name) => name.slice(prefix.length));
    expect(names.slice(0, 8)).toEqual([
      'ENABLED',
      'SDK',
      'ON_CONFIG_ERROR',
      'DISABLED_INSTRUMENTATIONS',
      'MAX_BREAKERS',
      'IDLE_MS',
      'PROMETHEUS_HOST',
      'PROMETHEUS_PORT',
    ]);
    expect(names.filter((name) => /^(WINDOW|STALL|HALF)/.test(name))).toEqual(
      [
        ...['WINDOW_TYPE', 'WINDOW_DURATION_MS', 'WINDOW_BUCKETS', 'WINDOW_SIZE', 'STALL', 'STALL_AFTER_MS', 'STALL_CALLS', 'STALL_FACTOR'],
        ...[
          'HALF_OPEN_PERMITS',
          'HALF_OPEN_SUCCESS_THRESHOLD',
          'HALF_OPEN_FAILURE_RATIO',
          'HALF_OPEN_LEASE_MS',
          'HALF_OPEN_SCOUT_MS',
          'HALF_OPEN_RAMP_UP_MS',
        ],
      ].sort((a, b) => names.indexOf(a) - names.indexOf(b)),
    );
    for (const name of ['MODE', 'FAILURE_RATIO', 'OPEN_DURATION_MS', 'SLOW_CALL_MS', 'REDIS_FAILURE_RATIO', 'POSTGRESQL_MODE', 'HTTP_OPEN_MAX_MS'])
      expect(names).toContain(name);
  });

  it('say everything that single values can say', () => {
    const { input, issues } = read({
      ENABLED: 'False',
      MODE: 'Shadow',
      SDK: 'on',
      ON_CONFIG_ERROR: 'unprotected',
      DISABLED_INSTRUMENTATIONS: 'pg, fetch',
      PROMETHEUS_PORT: '9999',
      FAILURE_RATIO: '0.3',
      CONSECUTIVE_FAILURES: 'off',
      OPEN_DURATION_MS: '2s',
      HALF_OPEN_PERMITS: '5',
      REDIS_FAILURE_RATIO: 'off',
      HTTP_MODE: 'off',
    });
    expect(issues).toEqual([]);
    expect(input).toEqual({
      enabled: false,
      telemetry: { sdk: 'on' },
      onError: 'unprotected',
      instrumentations: { disabled: ['pg', 'fetch'] },
      prometheus: { port: 9999 },
      defaults: { mode: 'shadow', failureRatio: 0.3, consecutiveFailures: undefined, open: { durationMs: 2_000 }, halfOpen: { permits: 5 } },
      systems: { redis: { failureRatio: undefined }, http: { mode: 'off' } },
    });
    expect(Object.hasOwn(input.systems?.redis ?? {}, 'failureRatio')).toBe(true);
  });

  it.each([
    [{ WINDOW_TYPE: 'count' }, { type: 'count' }],
    [{ WINDOW_SIZE: '50' }, { type: 'count', size: 50 }],
    [{ WINDOW_DURATION_MS: '10s' }, { type: 'time', durationMs: 10_000 }],
  ])('choose a window: %j', (env, window) => expect(read(env as Record<string, string>).input.defaults?.window).toEqual(window));

  it.each<[Record<string, string>, string, string]>([
    [{ FAILURE_RATOI: '1' }, 'FAILURE_RATOI', 'did you mean OTEL_BREAKER_FAILURE_RATIO?'],
    [{ REDIS_MODES: 'off' }, 'REDIS_MODES', 'did you mean OTEL_BREAKER_REDIS_MODE?'],
    [{ FAILURE_RATIO: 'half' }, 'FAILURE_RATIO', 'a number over 0 and at most 1'],
    [{ MINIMUM_CALLS: '0x10' }, 'MINIMUM_CALLS', 'a whole number'],
    [{ MODE: 'shado' }, 'MODE', 'did you mean shadow?'],
    [{ ENABLED: 'maybe' }, 'ENABLED', 'true or false'],
    [{ DISABLED_INSTRUMENTATIONS: 'pg,ioredi' }, 'DISABLED_INSTRUMENTATIONS', 'did you mean ioredis?'],
    [{ OPEN_DURATION_MS: '5 days' }, 'OPEN_DURATION_MS', 'a time in ms'],
    [{ WINDOW_TYPE: 'count', WINDOW_BUCKETS: '5' }, 'WINDOW_BUCKETS', 'no such key'],
    [{ WINDOW_SIZE: '5', WINDOW_BUCKETS: '5' }, 'WINDOW', 'type is one of time, count'],
  ])('%j is refused', (env, name, allowed) => {
    const { issues } = read(env);
    expect(issues).toHaveLength(1);
    expect(issues[0]?.path).toBe(prefix + name);
    expect(issues[0]?.allowed).toContain(allowed);
  });

  it('that are empty count as unset', () => expect(read({ FAILURE_RATIO: '', NO_SUCH: ' ' })).toMatchObject({ input: {}, issues: [] }));

  it('of later versions are a warning', () => {
    const { warnings, issues } = read({ FLEET_STORE: 'redis://x' });
    expect(issues).toEqual([]);
    expect(warnings).toEqual(['environment: OTEL_BREAKER_FLEET_STORE is not available in this version and has no effect']);
  });

  it('that hold tokens are known, and no part of a configuration, which is logged', () => {
    expect(read({ ADMIN_TOKEN: 'ops:s3cret', READ_TOKEN: 's3cret' })).toMatchObject({ input: {}, issues: [], warnings: [] });
  });

  it('that are unknown do not have their value shown: it may be a misspelt secret', () => {
    expect(JSON.stringify(read({ ADMIN_TOKN: 's3cret' }).issues)).not.toContain('s3cret');
  });

  it("take Prometheus's address from OpenTelemetry's own variables when those make sense", () => {
    expect(standardPrometheus({ OTEL_EXPORTER_PROMETHEUS_HOST: '0.0.0.0', OTEL_EXPORTER_PROMETHEUS_PORT: '9000' })).toEqual({
      host: '0.0.0.0',
      port: 9000,
    });
    expect(standardPrometheus({ OTEL_EXPORTER_PROMETHEUS_PORT: 'x' })).toEqual({});
  });
});
