import { describe, expect, it } from 'vitest';
import { loadConfiguration, loadConfigurationSafely } from '../../src/config/configuration.ts';
import type { ConfigurationInput } from '../../src/config/schema.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { configDir } from '../support/config-dir.ts';

const load = (text: string, code?: ConfigurationInput, env: Record<string, string> = {}) =>
  loadConfiguration({ env, cwd: configDir({ 'otel-breaker.yaml': text }), code });

/** The faults of a file: where, and what is allowed. */
function faults(text: string, code?: ConfigurationInput): string[] {
  try {
    load(text, code);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(
      ({ path, value, allowed, line }) => `${path}${line === undefined ? '' : ` (${line})`} is ${JSON.stringify(value)}: ${allowed}`,
    );
  }
}

describe('the section health', () => {
  it('is none unless somebody says so', () => {
    expect(load('version: 1').settings.health).toBeUndefined();
    expect(load('health: {}').settings.health).toEqual({ checks: [], critical: [], jitter: 0.1, steadyMs: 5_000, degrade: {} });
  });

  it('has checks with their own settings over the general ones', () => {
    const { settings } = load(`
health:
  intervalMs: 30s
  failures: 3
  critical: ["10.0.0.6:*"]
  steadyMs: 1m
  degrade: { critical: read-only, emergency: off }
  checks:
    - { name: cache, redis: "redis://10.0.0.5:6379", critical: true, timeoutMs: 500ms }
    - { name: api, http: "https://api.example.com/health", status: [200, 2xx], dependsOn: [cache], failures: 1, server: "https://api.internal" }
    - { name: db, postgresql: "\${DATABASE_URL}" }
    - { name: mail, tcp: "mail.example.com:25", successes: 2 }
`);
    const common = {
      check: undefined,
      status: ['2xx', '3xx'],
      verifyTls: true,
      critical: false,
      dependsOn: [],
      server: undefined,
      timeoutMs: 2_000,
      successes: 1,
      failures: 3,
      intervalMs: 30_000,
    };
    expect(settings.health).toEqual({
      checks: [
        { ...common, name: 'cache', kind: 'redis', url: 'redis://10.0.0.5:6379', critical: true, timeoutMs: 500 },
        {
          ...common,
          name: 'api',
          kind: 'http',
          url: 'https://api.example.com/health',
          status: ['200', '2xx'],
          dependsOn: ['cache'],
          failures: 1,
          server: 'https://api.internal',
        },
        { ...common, name: 'db', kind: 'postgresql', url: `$\{DATABASE_URL}` },
        { ...common, name: 'mail', kind: 'tcp', url: 'mail.example.com:25', successes: 2 },
      ],
      critical: ['10.0.0.6:*'],
      jitter: 0.1,
      steadyMs: 60_000,
      degrade: { critical: 'read-only', emergency: undefined },
    });
  });

  it('is laid together from file and code, code winning by the name of a check', () => {
    const check = () => true;
    const code = {
      health: {
        timeoutMs: 100,
        checks: [
          { name: 'b', check },
          { name: 'c', tcp: 'h:1' },
        ],
        critical: ['y'],
        degrade: { emergency: 'empty' },
      },
    } as const;
    const { settings } = load(
      'health: { timeoutMs: 1s, checks: [{ name: a, tcp: "h:1" }, { name: b, tcp: "h:2" }], critical: [x], degrade: { critical: bypass } }',
      code,
    );
    expect(settings.health?.checks.map(({ name, kind, timeoutMs }) => [name, kind, timeoutMs])).toEqual([
      ['a', 'tcp', 100],
      ['b', 'function', 100],
      ['c', 'tcp', 100],
    ]);
    expect(settings.health).toMatchObject({ critical: ['x', 'y'], degrade: { critical: 'bypass', emergency: 'empty' } });
  });

  it.each([
    ['[{ name: a }]', /^health.checks\[0\] \(1\) is "\{ name: a \}": one of redis, postgresql, http, tcp, or from code check/],
    ['[{ name: a, tcp: "h:1", http: "http://h" }]', /^health.checks\[0\] \(1\) is "http and tcp": one of/],
    ['[{ tcp: "h:1" }]', /^health.checks\[0\].name \(1\) is undefined/],
    ['[{ name: a, tcp: "h:1" }, { name: a, tcp: "h:2" }]', /^health.checks\[1\].name \(1\) is "a": a name that no other check has/],
    [
      '[{ name: a, redis: "redis//:secret@h" }]',
      /^health.checks\[0\].redis \(1\) is "\[...\]": a URL of redis or rediss or valkey or valkeys such as redis:\/\/10/,
    ],
    ['[{ name: a, redis: "localhost:6379" }]', /redis \(1\) is "localhost:6379": a URL/],
    ['[{ name: a, redis: "$REDIS_URL" }]', /redis \(1\) is "\$REDIS_URL": .*\(did you mean \$\{REDIS_URL\}\?\)$/],
    ['[{ name: a, tcp: "h" }]', /tcp \(1\) is "h": host and port such as mail/],
    ['[{ name: a, tcp: "h:1", status: [200] }]', /status \(1\) is \[200\]: only with http/],
    ['[{ name: a, http: "http://h", status: [2x] }]', /status\[0\] \(1\) is "2x": a status such as 200/],
    ['[{ name: a, http: "http://h", intervalMs: 10 }]', /intervalMs \(1\) is 10: a time of at least 100 ms/],
    [
      '[{ name: a, tcp: "h:1", dependsOn: [bb] }, { name: b, tcp: "h:2" }]',
      /dependsOn\[0\] \(1\) is "bb": the name of a check, or a server's key .*did you mean b\?/,
    ],
    ['[{ name: a, tcp: "h:1", dependsOn: ["redis://:secret@h"] }]', /dependsOn\[0\] \(1\) is "\[...\]": a server's key/],
    ['[{ name: a, tcp: "h:1", server: "redis://:secret@h" }]', /server \(1\) is "\[...\]": a server's key/],
    ['[{ name: a, tcp: "h:1", dependsOn: [a] }]', /dependsOn\[0\] \(1\) is "a": what does not itself depend on a/],
    ['[{ name: a, check: x }]', /check \(1\) is "x"/],
    ['[{ name: a, url: "redis://:secret@h" }]', /url \(1\) is "redis:\/\/\[...\]@h": no such key/],
  ])('says what is wrong with checks: %s', (checks, fault) => {
    expect(faults(`health: { checks: ${checks} }`)[0]).toMatch(fault);
  });

  it('finds every ring of dependencies', () => {
    const text =
      'health: { checks: [{ name: a, tcp: "h:1", dependsOn: [b] }, { name: b, tcp: "h:2", dependsOn: [c] }, { name: c, tcp: "h:3", dependsOn: [b] }] }';
    expect(faults(text).map((fault) => fault.split(' ')[0])).toEqual(['health.checks[1].dependsOn[0]', 'health.checks[2].dependsOn[0]']);
  });

  it('says what is wrong with the rest', () => {
    expect(
      faults('health: { intervalMs: 1ms, critical: ["redis://:secret@h"], degrade: { healthy: empty }, jitter: 2 }').map(
        (fault) => fault.split(':')[0],
      ),
    ).toEqual(['health.degrade.healthy (1) is "empty"', 'health.jitter (1) is 2']);
    expect(faults('health: { intervalMs: 1ms, critical: ["redis://:secret@h"] }').map((fault) => fault.split(':')[0])).toEqual([
      'health.intervalMs (1) is 1',
      'health.critical[0] (1) is "[...]"',
    ]);
  });

  it('says what is wrong in code, and takes dependencies from the file', () => {
    expect(
      faults('health: { checks: [{ name: db, tcp: "h:1" }] }', { health: { checks: [{ name: 'a', check: () => 1, dependsOn: ['db', 'dbb'] }] } }),
    ).toEqual([expect.stringMatching(/^code: health.checks\[0\].dependsOn\[1\] is "dbb".*did you mean db\?/)]);
  });

  it('has the checks that readiness needs', () => {
    const text = 'management: { readiness: { failOnChecks: [db, dbb] } }\nhealth: { checks: [{ name: db, tcp: "h:1" }] }';
    expect(faults(text)).toEqual([
      expect.stringMatching(/^management.readiness.failOnChecks\[1\] \(1\) is "dbb": the name of a check under health.checks; did you mean db\?/),
    ]);
    expect(() => load('version: 1', undefined, { OTEL_BREAKER_MANAGEMENT_READINESS_FAIL_ON_CHECKS: 'db' })).toThrow(
      'OTEL_BREAKER_MANAGEMENT_READINESS_FAIL_ON_CHECKS is "db"',
    );
  });
});

describe('a password in the file', () => {
  const secret = 'Zq7xKw9';
  const url = `redis://:${secret}@h:1`;

  it.each([
    ['YAML that does not end', `health:\n  checks:\n    - { name: a, redis: ${url}\n`],
    ['a list that is none', `health: { checks: { name: a, redis: "${url}" } }`],
    ['a check that is none', `health: { checks: ["${url}"] }`],
    ['a name that is a list', `health: { checks: [{ name: ["${url}"], redis: x }] }`],
    ['a value elsewhere', `mode: "${url}"`],
    ['a key that is not known', `helth: { checks: [{ name: a, redis: "${url}" }] }`],
  ])('is in no message: %s', (_what, text) => {
    const { error } = loadConfigurationSafely({ env: {}, cwd: configDir({ 'otel-breaker.yaml': text }) });
    expect(error).toBeInstanceOf(ConfigError);
    expect(JSON.stringify([error?.message, (error as ConfigError).issues])).not.toContain(secret);
  });

  it.each([`{"health":{"checks":[{"name":"a","redis":"${url}"}}`, `["redis://:${secret}@",x]`, `{"redis":"${url}`])(
    'is in no message about JSON: %s',
    (text) => {
      const { error } = loadConfigurationSafely({ env: {}, cwd: configDir({ 'otel-breaker.json': text }) });
      expect(error).toBeInstanceOf(ConfigError);
      for (let at = 0; at + 4 <= secret.length; at += 1) expect(error?.message).not.toContain(secret.slice(at, at + 4));
    },
  );
});
