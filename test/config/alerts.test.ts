import { describe, expect, it } from 'vitest';
import { changesBetween } from '../../src/config/changes.ts';
import { loadConfiguration, loadConfigurationSafely } from '../../src/config/configuration.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { configDir } from '../support/config-dir.ts';

const secret = 'https://hooks.slack.example/services/T000/B000/s3cr3t';

function load(yaml: string, env: Record<string, string> = {}) {
  return loadConfiguration({ cwd: configDir({ 'otel-breaker.yaml': yaml }), env });
}

function faults(yaml: string): string[] {
  try {
    load(yaml);
    return [];
  } catch (error) {
    return (error as ConfigError).issues.map(({ path, line, value, allowed }) => `${line}: ${path} ${String(value)}: ${allowed}`);
  }
}

describe('alerts in a configuration', () => {
  it('are on, with nothing of their own, unless somebody says otherwise', () => {
    expect(load('version: 1').settings.alerts).toEqual({ enabled: true, rules: [], webhooks: [] });
    for (const off of ['alerts: off', 'alerts: { enabled: false }']) expect(load(off).settings.alerts.enabled).toBe(false);
    expect(load('version: 1', { OTEL_BREAKER_ALERTS: 'off' }).settings.alerts.enabled).toBe(false);
    expect(load('alerts: off', { OTEL_BREAKER_ALERTS: 'on' }).settings.alerts.enabled).toBe(true);
  });

  it('have rules of file and code together, and the webhooks of the stronger', () => {
    const cwd = configDir({ 'otel-breaker.yaml': 'alerts: { rules: [{ name: BreakerOpen, forMs: 10s }], webhooks: [{ urlEnv: HOOK }] }' });
    const code = { alerts: { rules: [{ name: 'BreakerOpen', forMs: 5_000 }], webhooks: [{ url: 'http://127.0.0.1:1/' }] } };
    const { rules, webhooks } = loadConfiguration({ cwd, env: {}, code }).settings.alerts;
    expect(rules.map(({ forMs }) => forMs)).toEqual([10_000, 5_000]);
    expect(webhooks).toEqual([{ url: 'http://127.0.0.1:1/' }]);
  });

  it.each([
    ['rules: [{ name: BreakerOpn }]', 'alerts.rules[0].name BreakerOpn', 'did you mean BreakerOpen?'],
    ['rules: [{ name: Mine, metric: p99Ms }]', 'alerts.rules[0].limit', 'needs one'],
    ['rules: [{ name: BreakerOpen, metric: p99Ms }]', 'alerts.rules[0].metric', 'one of ours'],
    ['rules: [{ name: BreakerFlapping, limit: 2, clear: 3 }]', 'alerts.rules[0].clear 3', 'at most limit (2)'],
    ['rules: [{ name: BreakerFlapping, windowMs: 1h }]', 'alerts.rules[0].windowMs 3600000', 'from 5000 to 900000'],
    ['rules: [{ name: BreakerFlapping, windowMs: 1m, clearWindowMs: 2m }]', 'alerts.rules[0].clearWindowMs', 'at most windowMs (60000)'],
    ['rules: [{ name: BreakerOpen, match: { system: postgress } }]', 'alerts.rules[0].match.system', 'did you mean postgres'],
    ['rules: [{ name: BreakerOpen, severity: fatal }]', 'alerts.rules[0].severity fatal', 'one of info, warning, critical'],
    ['webhooks: [{ type: slack }]', 'alerts.webhooks[0].url', 'urlEnv'],
    ['webhooks: [{ type: pagerduty }]', 'alerts.webhooks[0].routingKeyEnv', 'environment variable'],
    [`webhooks: [{ type: slack, url: '${secret.replace('https', 'ftp')}' }]`, 'alerts.webhooks[0].url [...]', 'https://'],
    [`webhooks: [{ type: slack, urlEnv: '${secret}' }]`, 'alerts.webhooks[0].urlEnv [...]', 'not what is in it'],
    [`webhooks: [{ type: slack, url: '${secret}', urlEnv: HOOK }]`, 'alerts.webhooks[0].urlEnv [...]', 'only without url'],
    ['webhooks: [{ type: pagerduty, routingKey: s3cr3t, routingKeyEnv: KEY }]', 'alerts.webhooks[0].routingKey [...]', 'routingKeyEnv names'],
    ['webhooks: [{ urlEnv: HOOK, timeoutMs: 5m }]', 'alerts.webhooks[0].timeoutMs', 'from 100 to 60000'],
    ['webhooks: [{ type: slack, urlEnv: HOOK, tokenEnv: TOKEN }]', 'alerts.webhooks[0].tokenEnv', 'only with type generic'],
  ])('at fault say where, what and what is allowed, and no secret: %s', (yaml, where, allowed) => {
    const found = faults(`version: 1\nalerts:\n  ${yaml}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(where);
    expect(found[0]).toContain(allowed);
    expect(found[0]).toMatch(/^3: /);
    expect(found[0]).not.toContain('s3cr3t');
  });

  it('of code are not blamed on a line of the file', () => {
    const cwd = configDir({ 'otel-breaker.yaml': 'alerts:\n  rules:\n    - name: BreakerOpen\n' });
    try {
      loadConfiguration({ cwd, env: {}, code: { alerts: { rules: [{ name: 'BreakerOpn' }] } } });
      expect.unreachable();
    } catch (error) {
      expect((error as ConfigError).issues).toMatchObject([{ path: 'code: alerts.rules[0].name' }]);
      expect((error as ConfigError).issues[0]).not.toHaveProperty('line');
    }
  });

  it('are kept where something else in the configuration is at fault', () => {
    const { configuration, error } = loadConfigurationSafely({
      cwd: configDir({ 'otel-breaker.yaml': 'nonsense: 1\nalerts: { webhooks: [{ urlEnv: HOOK }] }' }),
      env: {},
    });
    expect(error).toBeInstanceOf(ConfigError);
    expect(configuration.settings.alerts.webhooks).toEqual([{ urlEnv: 'HOOK' }]);
  });

  it('tell that the address of a webhook has changed, and not what it is', () => {
    const [before, same, after] = [secret, secret, `${secret}2`].map((url) => load(`alerts: { webhooks: [{ type: slack, url: '${url}' }] }`));
    if (before === undefined || same === undefined || after === undefined) return expect.unreachable();
    expect(changesBetween(before.statements, same.statements)).toEqual([]);
    const [change] = changesBetween(before.statements, after.statements);
    expect(change).toMatch(/^alerts\.webhooks\[0\]\.url: \[\.\.\. \w{6}\] -> \[\.\.\. \w{6}\]$/);
  });
});
