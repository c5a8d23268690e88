import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/config/load.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { configDir } from '../support/config-dir.ts';

function errorOf(files: Record<string, string>, named?: string): ConfigError {
  try {
    readConfigFile(named, configDir(files));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('the configuration file', () => {
  it('is looked for in the working directory: yaml, then yml, then json', () => {
    const files = { 'otel-breaker.json': '{"mode":"json"}', 'otel-breaker.yml': 'mode: yml', 'otel-breaker.yaml': 'mode: yaml' };
    expect(readConfigFile(undefined, configDir(files))).toMatchObject({ name: 'otel-breaker.yaml', content: { mode: 'yaml' } });
    expect(readConfigFile(undefined, configDir({ 'otel-breaker.json': files['otel-breaker.json'] }))?.content).toEqual({ mode: 'json' });
    expect(readConfigFile(undefined, configDir())).toBeUndefined();
  });

  it('may be named, relative to the working directory', () => {
    expect(readConfigFile('my.conf', configDir({ 'my.conf': 'a: 1' }))?.content).toEqual({ a: 1 });
  });

  it('that was named must be there', () => {
    const error = errorOf({}, 'gone.yaml');
    expect(error.message).toBe('environment: OTEL_BREAKER_CONFIG_FILE is "gone.yaml"; allowed: a file that can be read (ENOENT)');
  });

  it('that is no file is an error', () => expect(errorOf({}, '.').allowed).toBe('a file that can be read (EISDIR)'));

  it('of broken YAML is refused with line and column', () => {
    const error = errorOf({ 'otel-breaker.yaml': 'version: 1\ndefaults:\n  failureRatio: [0.5\nmode: shadow\n' });
    expect(error.source).toBe('otel-breaker.yaml');
    expect(error.issues[0]).toMatchObject({ line: 3, column: 17, value: 'failureRatio: [0.5' });
    expect(error.message).toContain('otel-breaker.yaml: line 3, column 17 is "failureRatio: [0.5"; allowed: valid YAML ([ is never closed)');
  });

  it.each([
    ['mode: shadow\ndefaults: {failureRatio: 0.5\nbreakers: []\n', ['2:11 { is never closed']],
    ['mode: "shadow\ndefaults:\n  a: 1\n', ['1:7 " is never closed']],
    ['breakers: [ {match: {system: redis}, mode: shadow ]\nx: 1\n', ['1:13 { is never closed']],
    ['mode: shadow\n defaults:\n  a: 1\n', ['2:2 it is indented further than the line before, which has its value already']],
    ['mode shadow\ndefaults:\n  a: 1\n', ['1:1 Implicit keys need to be on a single line']],
    ['a: b: c\n', ['1:4 Nested mappings are not allowed in compact mappings']],
    ['mode: [', ['1:7 [ is never closed']],
  ])('of broken YAML has one fault, at its cause: %j', (text, told) => {
    const { issues } = errorOf({ 'otel-breaker.yaml': text });
    expect(issues.map(({ line, column, allowed }) => `${line}:${column} ${/^valid YAML \((.*)\)$/.exec(allowed)?.[1]}`)).toEqual(told);
  });

  it('of YAML with faults that have nothing to do with each other has them all', () => {
    const { issues } = errorOf({ 'otel-breaker.yaml': 'mode: @x\nmode: shadow\nname: %y\n' });
    expect(issues.map(({ line }) => line)).toEqual([1, 2, 3]);
  });

  it('with a key twice is refused', () => {
    expect(errorOf({ 'otel-breaker.yaml': 'mode: shadow\nmode: off\n' }).issues[0]).toMatchObject({ line: 2, value: 'mode: off' });
  });

  it.each([
    ['{\n  "mode": "shadow",\n  "enabled": tru\n}', 3],
    ['{\n  "mode": "shadow",\n}', 3],
    ['{\n  "mode": "shadow"\n', 3],
    ["{ 'mode': 1 }", 1],
  ])('of broken JSON %j is refused with line %d', (text, line) => {
    const error = errorOf({ 'otel-breaker.json': text });
    expect(error.issues[0]).toMatchObject({ line });
    expect(error.message).toContain('valid JSON (');
  });

  it('with aliases that multiply without end is refused, not expanded', () => {
    const layer = (name: string, below: string): string => `${name}: &${name} [${`*${below},`.repeat(10)}]\n`;
    const text = `a: &a [x]\n${layer('b', 'a')}${layer('c', 'b')}${layer('d', 'c')}${layer('e', 'd')}`;
    expect(errorOf({ 'otel-breaker.yaml': text }).allowed).toContain('valid YAML (');
  });

  it('may share parts by anchors and merge keys', () => {
    const text = 'base: &base { a: 1, b: 2 }\nother: { <<: *base, b: 3 }\n';
    expect(readConfigFile(undefined, configDir({ 'otel-breaker.yaml': text }))?.content).toMatchObject({ other: { a: 1, b: 3 } });
  });

  it('may begin with a byte order mark', () => {
    expect(readConfigFile(undefined, configDir({ 'otel-breaker.json': '\uFEFF{"a":1}' }))?.content).toEqual({ a: 1 });
  });

  it('tells where things stand, or the nearest thing around them', () => {
    const yaml = readConfigFile(
      undefined,
      configDir({ 'otel-breaker.yaml': 'version: 1\nbreakers:\n  - match: { system: redis }\n  - match:\n      system: pg\n' }),
    );
    expect(yaml?.locate('breakers[1].match.system')).toEqual({ line: 5, column: 7 });
    expect(yaml?.locate('breakers[0].failureRatio')).toEqual({ line: 3, column: 5 });
    expect(yaml?.locate('nothing')).toBeUndefined();
    const shared = readConfigFile(undefined, configDir({ 'otel-breaker.yaml': 'a: &a\n  b: 1\nc: *a\n' }));
    expect(shared?.locate('c.b')).toEqual({ line: 2, column: 3 });
    const json = readConfigFile(undefined, configDir({ 'otel-breaker.json': '{\n  "a": [1,\n    2]\n}' }));
    expect(json?.locate('a[1]')).toEqual({ line: 3, column: 5 });
  });

  it('of JSON, or none at all, does not cost loading the YAML parser', () => {
    const script = `
      import { createRequire } from 'node:module';
      const { loadConfiguration } = await import(${JSON.stringify(new URL('../../src/config/configuration.ts', import.meta.url).href)});
      loadConfiguration({ env: {}, cwd: process.argv[1] });
      console.log(Object.keys(createRequire(import.meta.url).cache).filter((file) => /node_modules.yaml/.test(file)).length);`;
    const loaded = (cwd: string): number =>
      Number(execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, cwd], { encoding: 'utf8' }));
    expect(loaded(configDir({ 'otel-breaker.json': '{}' }))).toBe(0);
    expect(loaded(configDir({ 'otel-breaker.yaml': '{}' }))).toBeGreaterThan(0);
  }, 20_000);
});
