import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { defaultRules } from '../../src/alerts/default-rules.ts';
import { loadConfiguration } from '../../src/config/configuration.ts';
import { codeConfigSchema, configSchema } from '../../src/config/schema.ts';
import { ConfigError } from '../../src/core/errors.ts';
import type { ObjectSchema, Schema } from '../../src/core/schema.ts';
import { plannedValues, values } from '../../src/telemetry/names.ts';
import { configDir } from '../support/config-dir.ts';
import { repository } from '../support/spawn-app.ts';
import { documents, files } from './documents.ts';
import { sources, textOf } from './imports.ts';

// What stands in `code` within a sentence is copied into a configuration at three in the morning: it has to be right as well.

const top = configSchema.properties;
const optionsOf = ({ properties }: ObjectSchema) => (properties['defaults'] as ObjectSchema).properties;
const options = optionsOf(configSchema);

interface Quoted {
  readonly file: string;
  readonly text: string;
}

/** Everything in backticks, fenced blocks apart. */
const quoted: readonly Quoted[] = documents.flatMap((document, index) => {
  const prose = document.replaceAll(/^ *```.*?^ *```/gms, '');
  return [...prose.matchAll(/`([^`]+)`/g)].map(([, text = '']) => ({ file: files[index] ?? '', text: text.replaceAll(/\s*\n\s*/g, ' ') }));
});

/** `key: value` in YAML; `undefined` for what is none, or is of another language. */
function settingsIn(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^(\{ )?[a-z]\w*: /i.test(text) || text.includes('...') || text.includes("'recorded'")) return undefined;
  const parsed: unknown = parse(text);
  return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
}

/** What stands at a path of options, such as `fallback.stale.maxAgeMs`. */
function at(path: string): readonly Schema[] {
  return path.split('.').reduce<readonly Schema[]>(
    (found, key) =>
      found.flatMap((schema) => {
        if (schema.kind === 'array') return at(key);
        if (schema.kind === 'union') return schema.of;
        const inside =
          schema.kind === 'object'
            ? [schema.properties]
            : schema.kind === 'variant'
              ? Object.values(schema.variants).map(({ properties }) => properties)
              : [];
        return inside.map((properties) => properties[key]).filter((property) => property !== undefined);
      }),
    [{ kind: 'object', properties: { ...codeConfigSchema.properties, ...optionsOf(codeConfigSchema) } }],
  );
}

describe('the documents', () => {
  it('name settings that are accepted, with these values', () => {
    const checked: string[] = [];
    for (const { file, text } of quoted) {
      const settings = settingsIn(text);
      if (settings === undefined || !Object.keys(settings).every((key) => key in top || key in options)) continue;
      const ofBreakers = Object.keys(settings).every((key) => key in options);
      const document = JSON.stringify({ version: 1, ...(ofBreakers ? { defaults: settings } : settings) });
      checked.push(text);
      try {
        loadConfiguration({ env: {}, cwd: configDir({ 'otel-breaker.json': document }) });
      } catch (error) {
        expect.fail(`${file}: ${text}: ${error instanceof ConfigError ? error.message : String(error)}`);
      }
    }
    expect(checked).toContain('halfOpen: { permits: 10 }');
    expect(checked.length).toBeGreaterThan(15);
  });

  it('name paths of options that are there', () => {
    const paths = quoted.filter(
      ({ text }) =>
        /^[a-z]\w*(\.[a-z]\w*)+$/i.test(text) &&
        ((text.split('.')[0] ?? '') in options || /^(management|health|alerts|faults|reload|prometheus|telemetry)\./.test(text)),
    );
    expect(paths.map(({ text }) => text)).toContain('fallback.stale.maxAgeMs');
    expect(paths.filter(({ text }) => at(text).length === 0)).toEqual([]);
  });

  it('name no value of an attribute, and nothing in camelCase, that the code does not know', () => {
    const said = new Set<string>(Object.values(values).flat());
    // Of Prometheus, PagerDuty, Redis, PostgreSQL and URLs.
    const foreign = ['rule_files', 'error_type', 'dedup_key', 'set_config', 'api_key', 'query_timeout'];
    const snake = quoted.filter(({ text }) => /^[a-z]+(_[a-z]+)+$/.test(text) && !text.startsWith('breaker_') && !foreign.includes(text));
    expect(snake.length).toBeGreaterThan(5);
    expect(snake.filter(({ text }) => !said.has(text))).toEqual([]);
    const code = [...sources().map(textOf), ...documents.flatMap((text) => text.match(/^ *```ts.*?^ *```/gms) ?? [])].join('\n');
    const known = new Set(code.match(/\w+/g));
    // Of clients, and of the shop in the README.
    const ofOthers = ['connectionTimeoutMillis', 'commandTimeout', 'headersTimeout', 'getBuffer', 'saveCart', 'readCart'];
    const camel = quoted.filter(({ text }) => /^[a-z]+[A-Z]\w*$/.test(text) && !ofOthers.includes(text));
    expect(camel.length).toBeGreaterThan(50);
    expect(camel.filter(({ text }) => !known.has(text))).toEqual([]);
  });

  it('name no reason and no trigger that nothing gives yet', () => {
    const planned: readonly string[] = Object.values(plannedValues).flat();
    expect(quoted.filter(({ text }) => planned.includes(text))).toEqual([]);
  });
});

describe('the runbooks', () => {
  const words = quoted.filter(({ file }) => file === 'examples/runbooks.md').map(({ text }) => text);

  it('name no alert or option that does not exist', () => {
    const rules = readFileSync(join(repository, 'examples/prometheus/rules-otlp.yaml'), 'utf8');
    const alerts = new Set([...Object.keys(defaultRules), ...[...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name)]);
    expect(words.filter((text) => /^Breaker[A-Z]/.test(text) && !alerts.has(text))).toEqual([]);
    const known = JSON.stringify(configSchema);
    const elsewhere = ['lastTrip', 'lastErrors', 'connectionTimeoutMillis'];
    const camel = words.filter((text) => /^[a-z]+[A-Z]\w*$/.test(text) && !elsewhere.includes(text));
    expect(camel.length).toBeGreaterThan(5);
    expect(camel.filter((text) => !known.includes(`"${text}"`))).toEqual([]);
  });

  it('name as what has served calls all that serves them, and nothing else', () => {
    const [, paragraph = ''] = /`breaker_fallback_type`\.(.*?)\n\n/s.exec(documents[files.indexOf('examples/runbooks.md')] ?? '') ?? [];
    const named = [...paragraph.matchAll(/`(\w+)`/g)].map(([, word]) => word);
    for (const type of values.fallbackType) expect(named).toContain(type);
    expect(named.filter((word) => !(values.fallbackType as readonly (string | undefined)[]).includes(word))).toEqual(['maxAgeMs']);
  });
});

describe('the guides', () => {
  const there = ['src', 'instrumentations', 'test'].flatMap((folder) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' }).map((path) => `/${folder}/${path}`),
  );

  it.each(['src/README.md', 'instrumentations/README.md'])('of %s name files that are there', (file) => {
    const text = readFileSync(join(repository, file), 'utf8');
    const named = [...text.matchAll(/`((?:[\w.-]+\/)*[\w-]+\.(?:ts|test\.ts)|(?:[\w.-]+\/)+)`/g)].map(([, path = '']) => path);
    const places = named.map((path) => `/${path.replace('../', '')}`);
    expect(places.length).toBeGreaterThan(0);
    expect(places.filter((place) => !there.some((path) => (place.endsWith('/') ? path.includes(place) : path.endsWith(place))))).toEqual([]);
  });

  it('name every script that they tell to run', () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const texts = ['README.md', 'src/README.md', 'instrumentations/README.md', 'src/policies/README.md'].map((file) =>
      readFileSync(join(repository, file), 'utf8'),
    );
    const told = [...texts.join('\n').matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(told.filter((name) => !(name in scripts))).toEqual([]);
  });
});
