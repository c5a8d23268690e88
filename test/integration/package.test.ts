import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/servers/free-port.ts';
import { repository } from '../support/spawn-app.ts';

let folder: string;
let tarball: string;
let files: string[];

function run(command: string, args: string[], cwd: string): string {
  const env = { ...process.env, NODE_OPTIONS: '', OTEL_SDK_DISABLED: 'true' };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** A project as a user would begin it, with the packed package installed. */
function project(name: string, type: 'module' | 'commonjs', sources: Record<string, string>): string {
  const root = mkdtempSync(join(folder, `${name}-`));
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name, private: true, type }));
  for (const [file, text] of Object.entries(sources)) writeFileSync(join(root, file), text);
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', tarball], root);
  return root;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'otel-breaker-package-'));
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], repository)) as {
    filename: string;
    files: { path: string }[];
  }[];
  tarball = join(folder, packed?.filename ?? '');
  files = packed?.files.map(({ path }) => path) ?? [];
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Manifest {
  readonly exports: Record<string, string | { readonly default: string; readonly types: string }>;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
}
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Manifest;

/** All but the preload, which is there for what it does. */
const entries = Object.entries(manifest.exports)
  .filter(([name, target]) => typeof target !== 'string' && name !== './register')
  .map(([name]) => name.replace(/^\./, 'otel-breaker'));

describe('what npm pack ships', () => {
  it('is the build, the schema and the papers, with all that the README leads to, and nothing else', () => {
    const others = files.filter((path) => !/^dist\/|\/[^/]*\.(md|png|ya?ml|json)$/.test(path));
    expect(others.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'otel-breaker.schema.json', 'package.json']);
    const readme = readFileSync(join(repository, 'README.md'), 'utf8');
    const linked = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)|(?:src|srcset)="([^"]+)"/g)].map(([, link, picture]) => link ?? picture ?? '');
    expect(linked.length).toBeGreaterThan(10);
    for (const link of linked) expect([link, files.some((path) => path === link || path.startsWith(`${link}/`))]).toEqual([link, true]);
    expect(files.filter((path) => /\.test\.|\/test\//.test(path))).toEqual([]);
    for (const target of Object.values(manifest.exports).flatMap((each) => (typeof each === 'string' ? [each] : Object.values(each)))) {
      expect(files).toContain(target.replace('./', ''));
    }
  });

  it('imports of others only what installs with it, and of its peers', async () => {
    const entryPoints = files.filter((path) => path.endsWith('.js')).map((path) => join(repository, path));
    const options = { entryPoints, outdir: folder, bundle: true, format: 'esm', platform: 'node', packages: 'external' } as const;
    const { metafile } = await build({ ...options, metafile: true, write: false, logLevel: 'silent' });
    const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter(({ external }) => external).map(({ path }) => path));
    const packages = new Set(imported.filter((path) => !isBuiltin(path)).map((path) => /^(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path));
    expect(packages.size).toBeGreaterThan(3);
    expect(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })).toEqual(expect.arrayContaining([...packages]));
  });

  it.each(['module', 'commonjs'] as const)('installs into an empty %s project and works there, with one copy of the API', async (type) => {
    const port = await freePort();
    const load = (name: string): string => (type === 'module' ? `await import('${name}')` : `require('${name}')`);
    const root = project(`empty-${type}`, type, {
      'all.js': `const report = {}; ${entries.map((name) => `report['${name}'] = Object.keys(${load(name)}).sort();`).join('\n')} console.log(JSON.stringify(report));`,
      'use.js': `
        const { createBreaker } = ${load('otel-breaker')};
        const breaker = createBreaker({ name: 'x', consecutiveFailures: 1 });
        const calls = async () => {
          await breaker.run(async () => { throw new Error('down'); }).catch(() => {});
          await breaker.run(async () => 1).catch((error) => console.log(error.code, error.cause.message));
        };
        calls();`,
      'app.js': `const call = () => fetch('http://127.0.0.1:${port}/').then(() => 'answered', (error) => error.code);
        call().then(call).then(call).then(call).then(call).then(call).then((code) => console.log(code));`,
    });
    const exported = JSON.parse(run('node', ['all.js'], root)) as Record<string, string[]>;
    for (const name of entries) expect(exported[name]?.length, name).toBeGreaterThan(0);
    expect(run('node', ['use.js'], root).trim()).toBe('EBREAKEROPEN down');
    // The first calls are refused by the system, the last by the breaker.
    expect(run('node', ['--import', 'otel-breaker/register', 'app.js'], root).trim()).toBe('EBREAKEROPEN');
    expect(run('node', ['--require', 'otel-breaker/register', 'app.js'], root).trim()).toBe('EBREAKEROPEN');
    const copies = JSON.parse(run('npm', ['ls', '@opentelemetry/api', '--all', '--json'], root)) as object;
    expect(new Set(JSON.stringify(copies).match(/"@opentelemetry\/api":\{"version":"[^"]+"/g)).size).toBe(1);
  });

  it.each(['module', 'commonjs'] as const)('has types that a strict %s project compiles against', (type) => {
    const root = project(`typed-${type}`, type, {
      'use.ts': `
        import { createBreaker, protect, BreakerOpenError, type Snapshot } from 'otel-breaker';
        import { ManualClock } from 'otel-breaker/testing';
        import { setup } from 'otel-breaker/setup';
        import { IORedisBreakerInstrumentation } from 'otel-breaker/instrumentations';
        import { attachTelemetry, names } from 'otel-breaker/telemetry';
        const breaker = createBreaker({ name: 'x', failureRatio: undefined }, { clock: new ManualClock() });
        export const charge: (order: string, cents: number) => Promise<boolean> = protect(async (order: string, cents: number) => order.length > cents, { breaker });
        export const snapshot: Snapshot = breaker.snapshot();
        export const uses = [BreakerOpenError, setup, IORedisBreakerInstrumentation, attachTelemetry, names];
        // @ts-expect-error: an option that does not exist
        createBreaker({ failureRatoi: 1 });`,
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          module: 'nodenext',
          target: 'es2022',
          noEmit: true,
          types: ['node'],
          lib: ['es2023', 'esnext.disposable', 'dom'],
        },
        files: ['use.ts'],
      }),
    });
    run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', '@types/node@20'], root);
    run(join(repository, 'node_modules/.bin/tsc'), ['-p', '.'], root);
  });
});
