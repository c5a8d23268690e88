import { describe, expect, it } from 'vitest';
import { loadConfigurationSafely } from '../../src/config/configuration.ts';
import type { Environment } from '../../src/config/environment.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { configDir } from '../support/config-dir.ts';

const load = (yaml: string, env: Environment = {}) => loadConfigurationSafely({ env, cwd: configDir({ 'otel-breaker.yaml': yaml }) });
const notYaml = 'mode: [shadow\n';

describe('a broken configuration', () => {
  it('is told, and the defaults take its place', () => {
    const { configuration, error } = load('defaults: { minimumCalls: 50, failureRatio: 2 }');
    expect(error).toBeInstanceOf(ConfigError);
    expect(configuration.settings.enabled).toBe(true);
    expect(configuration.resolve('x', { system: 'redis' })).toEqual({ options: {} });
    expect(configuration.source).toBe('otel-breaker.yaml');
  });

  it('is no matter when there is none', () => {
    const { configuration, error } = load('defaults: { minimumCalls: 50 }');
    expect(error).toBeUndefined();
    expect(configuration.resolve('x').options).toEqual({ minimumCalls: 50 });
  });

  it.each<[string, string, Environment]>([
    ['off', 'management: off\nfoo: 1', {}],
    ['false', 'management: false\nfoo: 1', {}],
    ['a variable', 'foo: 1', { OTEL_BREAKER_MANAGEMENT: 'off' }],
  ])('starts no management server where that was switched off by %s', (_, yaml, env) => {
    expect(load(yaml, env).configuration.settings.management.enabled).toBe(false);
    expect(load('foo: 1').configuration.settings.management.enabled).toBe(true);
  });

  it.each<[string, string, Environment]>([
    ['the environment, though the file is no YAML', notYaml, { OTEL_BREAKER_ON_CONFIG_ERROR: 'unprotected' }],
    ['the environment, though another variable is wrong', '', { OTEL_BREAKER_ON_CONFIG_ERROR: 'unprotected', OTEL_BREAKER_FOO: '1' }],
    ['the file, though a key of it is wrong', 'onError: unprotected\nfoo: 1', {}],
    ['the file, though it contradicts itself', 'onError: unprotected\ndefaults: { slowRatio: 1 }', {}],
  ])('leaves the service unprotected when told so by %s', (_, yaml, env) => {
    const { configuration, error } = load(yaml, env);
    expect(error).toBeInstanceOf(ConfigError);
    expect(configuration.settings).toMatchObject({ enabled: false, onError: 'unprotected' });
  });

  it('lets the environment win over the file in what to do', () => {
    expect(load('onError: unprotected\nfoo: 1', { OTEL_BREAKER_ON_CONFIG_ERROR: 'defaults' }).configuration.settings.enabled).toBe(true);
  });

  it.each<[string, string, Environment]>([
    ['in the file', 'mode: shadow\nfoo: 1', {}],
    ['under defaults', 'defaults: { mode: shadow, foo: 1 }', {}],
    ['in the environment', notYaml, { OTEL_BREAKER_MODE: 'shadow' }],
    ['beside a contradiction', 'mode: shadow\ndefaults: { slowRatio: 1 }', {}],
    [
      'beside a bad window in the environment',
      '',
      { OTEL_BREAKER_MODE: 'shadow', OTEL_BREAKER_WINDOW_TYPE: 'count', OTEL_BREAKER_WINDOW_BUCKETS: '5' },
    ],
  ])('does not make more of a service that only wanted shadow mode, %s', (_, yaml, env) => {
    const { configuration, error } = load(yaml, env);
    expect(error).toBeInstanceOf(ConfigError);
    expect(configuration.resolve('x').options).toEqual({ mode: 'shadow' });
  });

  it.each<[string, string, Environment]>([
    ['a brace is not closed', 'mode: shadow\ndefaults: { minimumCalls: 5\n', {}],
    ['the key stands there twice', 'mode: shadow\nmode: shadow\n', {}],
    ['it is misspelt', 'mode: shaddow\n', {}],
    ['the bracket is in the way', notYaml, {}],
    ['it is no mode at all', 'mode: { a: 1 }', {}],
    ['it is misspelt in the environment', '', { OTEL_BREAKER_MODE: 'shaddow' }],
    ['it is a rule that asks for it', 'breakers: [{ match: { system: redis }, mode: off, foo: 1 }]', {}],
  ])('refuses nothing where somebody asked for another mode than enforce but cannot be understood: %s', (_, yaml, env) => {
    const { configuration, error } = load(yaml, env);
    expect(error).toBeInstanceOf(ConfigError);
    expect(configuration.resolve('x', { system: 'redis' }).options).toEqual({ mode: 'shadow' });
  });

  it('is too large to be one, or no regular file: the start does not wait for it', () => {
    const { error } = load(`# ${'x'.repeat(300_000)}`);
    expect(error?.message).toMatch(/300002 bytes, at most 262144/);
    const device = loadConfigurationSafely({ env: { OTEL_BREAKER_CONFIG_FILE: '/dev/zero' }, cwd: configDir({}) });
    expect(device.error?.message).toMatch(/no regular file/);
  });

  it('keeps the other switches that are valid by themselves', () => {
    const { settings } = load(
      'enabled: no\ninstrumentations: { disabled: [pg, mysql] }\ntelemetry: { sdk: off }\nprometheus: { port: x }',
    ).configuration;
    expect(settings).toMatchObject({
      enabled: false,
      disabledInstrumentations: ['pg'],
      sdk: 'off',
      prometheus: { host: '127.0.0.1', port: undefined },
    });
    expect(load('', { OTEL_BREAKER_DISABLED_INSTRUMENTATIONS: 'pg,mysql' }).configuration.settings.disabledInstrumentations).toEqual(['pg']);
  });

  it.each(['- a', 'x', '5', 'defaults: 5\nfoo: 1', 'instrumentations: 5', 'instrumentations: { disabled: pg }'])('never throws: %j', (yaml) => {
    const { configuration, error } = load(yaml);
    expect(error).toBeInstanceOf(ConfigError);
    expect(configuration.resolve('x')).toEqual({ options: {} });
  });

  it('never throws, not even for a directory that is no text', () => {
    const { configuration, error } = loadConfigurationSafely({ env: {}, cwd: 5 as unknown as string });
    expect(error).toBeInstanceOf(Error);
    expect(configuration.settings.enabled).toBe(true);
  });
});
