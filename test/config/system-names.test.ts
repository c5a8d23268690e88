import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../src/config/configuration.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { configDir } from '../support/config-dir.ts';

const load = (system: string) =>
  loadConfiguration({ env: {}, cwd: configDir({ 'otel-breaker.yaml': `breakers:\n  - match: { system: ${system} }\n    mode: shadow\n` }) });

describe('the system of a rule', () => {
  it.each([
    ['postgres', 'postgresql'],
    ['pg', 'postgresql'],
    ['PG', 'postgresql'],
    ['https', 'http'],
    ['fetch', 'http'],
    ['ioredis', 'redis'],
    ['valkey', 'redis'],
    ['postgre*', 'postgresql'],
  ])('%s means %s', (written, system) => {
    const { options, rule } = load(written).resolve('x', { system });
    expect(options).toEqual({ mode: 'shadow' });
    expect(rule).toMatch(/^breakers\[0\]/);
  });

  it.each(['redsi', 'postgressql', 'Postgre'])('that is a slip (%s) is an error that names its line and what is meant', (written) => {
    expect(() => load(written)).toThrow(ConfigError);
    expect(() => load(written)).toThrow(/breakers\[0\]\.match\.system.*line 2.*did you mean (redis|postgresql|postgres)\?/);
  });

  it.each(['mongodb', 'smtp', 'kafka', 'mysql'])('may be a third party’s: %s', (written) => {
    expect(load(written).resolve('x', { system: written }).options).toEqual({ mode: 'shadow' });
  });
});
