import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { defaultRules } from '../../src/alerts/default-rules.ts';
import { measures } from '../../src/alerts/measures.ts';
import { Rulebook } from '../../src/alerts/rulebook.ts';
import { alertRuleNames, alertSeverities } from '../../src/config/alerts-schema.ts';
import { metricSources } from '../../src/observability/prometheus-names.ts';
import { rules } from '../../src/observability/rules.ts';
import { values } from '../../src/telemetry/names.ts';

/** `5m` in ms; without one, at once. */
function ms(duration = '0s'): number {
  const [, amount, unit] = /^(\d+)([smh])$/.exec(duration) ?? [];
  return Number(amount) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h'];
}

describe.each(metricSources)("Prometheus' alerts for %s", (source) => {
  // Of the system's health the process tells by `breaker.health_change` and `breaker.health_check`.
  const ofHealth = ['BreakerSystemCritical', 'BreakerDependencyDown'];
  const alerts = rules(source).groups.flatMap(({ rules: all }) => all.flatMap((rule) => ('alert' in rule ? [rule] : [])));

  test('have the names of the rules that the process goes by itself, each once', () => {
    expect(alerts.map(({ alert }) => alert).sort()).toEqual([...alertRuleNames, ...ofHealth].sort());
  });

  test.each(alertRuleNames)('%s is as severe, at the same limit, after the same time, counted over the same', (name) => {
    const rule = defaultRules[name];
    const alert = alerts.find((each) => each.alert === name);
    expect(alert?.labels.severity).toBe(rule.severity);
    expect(ms(alert?.for)).toBe(rule.forMs);
    // What a rule looks at stands first, in seconds where it is a time.
    const limit = measures[rule.metric].unit === 'ms' ? rule.limit / 1_000 : rule.limit;
    expect(Number(/ > ([\d.]+)/.exec(alert?.expr ?? '')?.[1])).toBe(limit);
    const window = /(?:rate|increase)\w*\(.*?\[(\d+m)\]|ratio_rate(\d+m)/.exec(alert?.expr ?? '');
    if (window !== null && rule.windowMs !== undefined) expect(ms(window[1] ?? window[2])).toBe(rule.windowMs);
    expect(alert?.annotations.runbook.startsWith(rule.runbook)).toBe(true);
  });
});

describe('the rules that the process goes by', () => {
  test('are over at no more than what makes them fire', () => {
    for (const rule of Object.values(defaultRules)) expect(rule.clear ?? rule.limit).toBeLessThanOrEqual(rule.limit);
  });

  test('stand in the runbooks', () => {
    const runbooks = readFileSync(new URL('../../examples/runbooks.md', import.meta.url), 'utf8');
    expect(alertRuleNames.filter((name) => !runbooks.includes(`\`${name}\``))).toEqual([]);
  });

  test('are each judged for breakers or for pools', () => {
    const subject = (kind: 'breaker' | 'pool') => ({ kind, name: 'a', target: {} }) as Parameters<Rulebook['for']>[0];
    const book = new Rulebook([]);
    const judged = [...book.for(subject('breaker')), ...book.for(subject('pool'))].map(({ name }) => name);
    expect(judged.sort()).toEqual([...alertRuleNames].sort());
  });

  test('have severities that telemetry knows', () => {
    expect(values.alertSeverity).toEqual(alertSeverities);
  });
});
