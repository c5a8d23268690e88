import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withTables } from '../../scripts/generate-tables.ts';
import { loadConfiguration } from '../../src/config/configuration.ts';
import { apartVariables, variables } from '../../src/config/environment.ts';
import * as errors from '../../src/core/errors.ts';
import * as policyErrors from '../../src/core/policy-errors.ts';
import { attributes, eventNames, metrics, spanEventNames, spanNames } from '../../src/telemetry/names.ts';
import { configDir } from '../support/config-dir.ts';
import { repository } from '../support/spawn-app.ts';
import { documents, files } from './documents.ts';

const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const all = documents.join('\n');
// Within the repository, so that the package's own name resolves as it does for users.
const folder = join(repository, '.readme-snippets');

/** The text of every fenced block of a language, in all documents. */
function blocks(language: string): string[] {
  return [...all.matchAll(new RegExp(`^( *)\`\`\`${language}\n(.*?)^\\1\`\`\``, 'gms'))].map(([, indent = '', text = '']) =>
    text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

describe('the documents', () => {
  it('lead to files and headings that are there', () => {
    const broken: string[] = [];
    for (const [index, text] of documents.entries()) {
      const from = dirname(files[index] ?? '');
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = '', heading] = target.split('#');
        const file = path === '' ? (files[index] ?? '') : normalize(join(from, path));
        if (!existsSync(join(repository, file))) broken.push(`${files[index]}: ${target}`);
        else if (heading !== undefined && !headings(file).includes(heading)) broken.push(`${files[index]}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });
});

/** As links name them. */
function headings(file: string): string[] {
  const text = readFileSync(join(repository, file), 'utf8').replaceAll(/^```.*?^```/gms, '');
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('the README', () => {
  it('has the tables that the code gives: `npm run tables`', () => {
    expect(withTables(readme)).toBe(readme);
  });

  it('lists every error with its code', () => {
    const classes = (Object.values({ ...errors, ...policyErrors }) as unknown as { name: string; prototype?: { code?: unknown } }[]).filter(
      ({ prototype }) => typeof prototype?.code === 'string',
    );
    expect(classes.length).toBeGreaterThan(10);
    for (const { name, prototype } of classes) expect(readme).toContain(`| \`${name}\` | \`${String(prototype?.code)}\` |`);
  });

  it('names no variable, metric, attribute or event that does not exist', () => {
    const known = new Set(['OTEL_BREAKER_CONFIG_FILE', ...apartVariables, ...variables.keys()]);
    for (const [name] of all.matchAll(/OTEL_BREAKER_[A-Z_]*[A-Z]/g)) expect(known, name).toContain(name);
    const names = [
      ...Object.values(metrics).map(({ name }) => name),
      ...Object.values(attributes),
      ...Object.values(eventNames),
      ...Object.values(spanEventNames),
    ];
    for (const [name] of all.matchAll(/(?<![-\w])breaker\.[A-Za-z_.]*[A-Za-z]/g)) {
      // Methods of a breaker in the code examples.
      if (/^breaker\.(run|on|state|tryAcquire|rejection|degraded|inject)$/.test(name) && !names.includes(name)) continue;
      expect(
        names.some((each) => each === name || each.startsWith(`${name}.`)),
        name,
      ).toBe(true);
    }
    const families = names.map((name) => name.replaceAll('.', '_'));
    for (const [name] of all.matchAll(/\bbreaker_[a-z_]*[a-z]/g)) {
      expect(families, name).toContain(name.replace(/_(total|seconds|bucket|seconds_bucket)$/, ''));
    }
    for (const name of Object.values(spanNames)) if (!name.includes('half_open')) expect(readme).toContain(name);
  });

  it('has configuration that is accepted', () => {
    const texts = [...blocks('yaml'), ...[...readme.matchAll(/<<'YAML'\n(.*?)^YAML$/gms)].map(([, text = '']) => text)];
    expect(texts.length).toBeGreaterThan(1);
    for (const text of texts) loadConfiguration({ env: {}, cwd: configDir({ 'otel-breaker.yaml': text }) });
  });
});

describe('the TypeScript in the README', () => {
  const snippets = blocks('ts');

  beforeAll(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [index, text] of snippets.entries()) writeFileSync(join(folder, `snippet-${index}.ts`), text);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('compiles under strict options', () => {
    expect(snippets.length).toBeGreaterThan(3);
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      noEmit: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    execFileSync(join(repository, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: 'pipe' });
  }, 120_000);

  it('runs, and prints what it says', () => {
    for (const [index, text] of snippets.entries()) {
      const printed = execFileSync(process.execPath, ['--import', 'tsx', join(folder, `snippet-${index}.ts`)], { cwd: repository, encoding: 'utf8' });
      const promised = [...text.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, said]) => said);
      expect(printed.trim().split('\n').filter(Boolean)).toEqual(promised);
    }
  }, 120_000);
});
