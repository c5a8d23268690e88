import { describe, expect, test } from 'vitest';
import { allImports, type Import, importsOf, say, sources, textOf, withoutComments } from './imports.ts';

/**
 * Who may import whom, file by file: the first pattern that fits a file says where its imports inside the repository may
 * lead. Imports only go down; siblings of a level meet only in `src/setup.ts`.
 */
const layers: readonly { readonly of: RegExp; readonly may: RegExp }[] = [
  { of: /^src\/core\//, may: /^src\/core\// },
  { of: /^src\/testing\.ts$/, may: /^src\/core\// },
  { of: /^src\/breaker\//, may: /^src\/(core|breaker)\// },
  { of: /^src\/policies\//, may: /^src\/(core|breaker|policies)\// },
  // Disks, for the ports of policies.
  { of: /^src\/storage\//, may: /^src\/(core|policies|storage)\// },
  { of: /^src\/protect\.ts$/, may: /^src\/(core|breaker|policies)\// },
  { of: /^src\/config\//, may: /^src\/(core|config)\// },
  // Rules from code are checked and matched like those of a file.
  { of: /^src\/registry\/create-registry\.ts$/, may: /^src\/(core|breaker|registry)\/|^src\/config\/(schema|resolver)\.ts$/ },
  { of: /^src\/registry\//, may: /^src\/(core|breaker|registry)\// },
  // What has been, as plain numbers: for whoever shows it or judges by it.
  { of: /^src\/history\//, may: /^src\/(core|breaker|policies|registry|history)\// },
  // Judges by the history, by rules that the configuration matches as its own.
  {
    of: /^src\/alerts\//,
    may: /^src\/(core|breaker|policies|registry|history|alerts)\/|^src\/config\/(alerts-schema|matching|schema|system-names)\.ts$/,
  },
  { of: /^src\/telemetry\//, may: /^src\/(core|breaker|policies|registry|telemetry)\// },
  // Dashboards and rules, made from the names, and from the limits that the process itself goes by.
  { of: /^src\/observability\//, may: /^src\/observability\/|^src\/(telemetry\/names|alerts\/default-rules)\.ts$/ },
  // What register adds when the process has no SDK: knows the settings, and how telemetry is read.
  { of: /^src\/sdk\//, may: /^src\/(core|config|telemetry|sdk)\// },
  // Its settings are checked, and its URLs read, like all else that is configured.
  { of: /^src\/health\//, may: /^src\/(core|breaker|registry|health)\/|^src\/config\/(health|health-schema|check-url|matching)\.ts$/ },
  // A mode set by hand, and an injected fault, is for whom a rule of the configuration would be.
  {
    of: /^src\/management\/(mode|fault)-control\.ts$/,
    may: /^src\/(core|breaker|registry|management)\/|^src\/config\/(matching|schema|system-names)\.ts$/,
  },
  { of: /^src\/management\/page\//, may: /^src\/management\// },
  { of: /^src\/management\//, may: /^src\/(core|breaker|policies|registry|history|health|management)\// },
  // Talks to the management server by HTTP, as anybody may: of it, only what is said and how tokens are written.
  { of: /^src\/cli\//, may: /^src\/(core|config|observability|cli)\/|^src\/management\/(wire|tokens)\.ts$/ },
  { of: /^src\/setup(\.ts$|\/)/, may: /^(src|instrumentations)\// },
  { of: /^src\/index\.ts$/, may: /^src\/(core|breaker|policies|registry)\/|^src\/protect\.ts$/ },
  { of: /^instrumentations\/register\.ts$/, may: /^src\/setup\.ts$/ },
  { of: /^instrumentations\/index\.ts$/, may: /^instrumentations\// },
  { of: /^instrumentations\/shared\//, may: /^src\/(core|breaker|policies|registry)\/|^instrumentations\/shared\// },
  ...['ioredis', 'pg', 'fetch'].map((client) => ({
    of: new RegExp(`^instrumentations/${client}/`),
    may: new RegExp(`^src/(core|breaker|policies|registry)/|^instrumentations/(shared|${client})/`),
  })),
];

const imports = allImports();
const inside = imports.filter(({ target }) => target.endsWith('.ts'));
const packages = imports.filter(({ target }) => !target.endsWith('.ts') && !target.startsWith('node:'));
const wrong = (found: readonly Import[]): string[] => found.map(say);

describe('the parser of imports', () => {
  test('finds every kind of them', () => {
    const found = new Map(imports.map((each) => [`${each.from} ${each.specifier} ${each.typeOnly}`, each]));
    expect(found.has('src/core/clock.ts node:async_hooks false')).toBe(true);
    expect(found.has('src/config/load.ts yaml true')).toBe(true);
    expect(found.has('src/config/load.ts yaml false')).toBe(true);
    expect(found.has('src/index.ts ./core/errors.ts false')).toBe(true);
    expect(inside.length).toBeGreaterThan(100);
  });

  test('overlooks no line that has the look of one', () => {
    for (const file of sources()) {
      const lines = withoutComments(textOf(file)).match(/\bfrom '[^']+'|^import '[^']+'/gm) ?? [];
      expect(importsOf(file).filter(({ specifier }) => lines.some((line) => line.includes(`'${specifier}'`))).length, file).toBeGreaterThanOrEqual(
        new Set(lines).size,
      );
    }
  });
});

describe('the layers', () => {
  test('every file has its place', () => {
    expect(sources().filter((file) => !layers.some(({ of }) => of.test(file)))).toEqual([]);
  });

  test('imports only go down, and siblings meet only in setup', () => {
    const upward = inside.filter(({ from, target }) => layers.find(({ of }) => of.test(from))?.may.test(target) !== true);
    expect(wrong(upward)).toEqual([]);
  });

  test('nobody inside imports an index.ts', () => {
    expect(wrong(inside.filter(({ target }) => /(^|\/)index\.ts$/.test(target)))).toEqual([]);
  });

  test('imports inside are relative and name their file', () => {
    const vague = imports.filter(
      ({ specifier }) => specifier.startsWith('otel-breaker') || (specifier.startsWith('.') && !specifier.endsWith('.ts')),
    );
    expect(wrong(vague)).toEqual([]);
    const known = new Set(sources());
    expect(wrong(inside.filter(({ target }) => !known.has(target)))).toEqual([]);
  });

  test('built-in modules are imported as node:', () => {
    expect(packages.map(({ target }) => target).filter((name) => /^(fs|path|net|tls|http|https|url|util|events|stream|module)$/.test(name))).toEqual(
      [],
    );
  });
});

describe('packages', () => {
  test('core, engine, registry and configuration import none, the YAML parser excepted', () => {
    const low = packages.filter(({ from }) => /^src\/(core|breaker|registry|config)\/|^src\/(index|protect|testing)\.ts$/.test(from));
    expect(wrong(low.filter(({ from, target }) => !(from === 'src/config/load.ts' && target === 'yaml')))).toEqual([]);
  });

  test('nothing below telemetry and the instrumentations imports OpenTelemetry', () => {
    const ours = /^src\/(telemetry|sdk|setup)\/|^src\/setup\.ts$|^instrumentations\//;
    expect(wrong(packages.filter(({ from, target }) => target.startsWith('@opentelemetry/') && !ours.test(from)))).toEqual([]);
  });

  test('outside the SDK that register sets up, nothing of OpenTelemetry but its API', () => {
    const sdk = packages.filter(({ from, target }) => !from.startsWith('src/sdk/') && target.startsWith('@opentelemetry/'));
    expect(wrong(sdk.filter(({ target }) => target !== '@opentelemetry/api'))).toEqual([]);
  });

  test('client libraries are imported as types only, or described structurally', () => {
    const clients = /^(ioredis|redis|pg|pg-.*|undici|@types\/.*)$/;
    expect(wrong(packages.filter(({ target, typeOnly }) => clients.test(target) && !typeOnly))).toEqual([]);
  });

  test('the SDK is loaded when it is needed, never by an import of its own', () => {
    const statically = packages.filter(({ target, typeOnly, lazy }) => !typeOnly && !lazy && target !== '@opentelemetry/api');
    expect(wrong(statically)).toEqual([]);
  });
});

describe('time, timers and randomness', () => {
  const wallClock = /\bDate\.now\b|\bnew Date\(\s*\)/;
  const ambient = /\bnodeTiming\b|\bperformance\.(now|timeOrigin)\b|\bsetTimeout\s*\(|\bsetInterval\s*\(|\bMath\.random\b|\bhrtime\s*[.(]/;

  /** Where the surroundings may be asked all the same, and why. */
  const exceptions: Readonly<Record<string, string>> = {
    'src/core/clock.ts': 'the source of all of them',
    'src/sdk/batteries.ts': 'how long the last export may take, outside any breaker',
    'src/sdk/exit.ts': 'the last flush of a process that ends, outside any breaker',
    'src/sdk/receiver.ts': 'a time-out of a socket, at the end of the process, outside any breaker',
    'instrumentations/ioredis/pipeline.ts': 'keeps the order of callbacks, as the client does, and waits for nothing',
  };
  /** Where wall-clock time is what is asked for: it decides nothing. */
  const stamped = /^src\/telemetry\/|^src\/(storage|management|history|health|alerts)\/wall-time\.ts$|^instrumentations\/fetch\/retry-after\.ts$/;

  const using = (pattern: RegExp): string[] => sources().filter((file) => pattern.test(withoutComments(textOf(file))));

  test('come in through the clock', () => {
    expect(using(ambient).filter((file) => !Object.hasOwn(exceptions, file))).toEqual([]);
  });

  test('the exceptions are still needed', () => {
    expect(Object.keys(exceptions).filter((file) => !using(ambient).includes(file))).toEqual([]);
  });

  test('the wall clock is read only to stamp spans, metrics and what goes to disk, and for a Retry-After that is a date', () => {
    expect(using(wallClock).filter((file) => !stamped.test(file))).toEqual([]);
  });
});
