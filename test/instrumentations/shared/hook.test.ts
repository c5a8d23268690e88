import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type HookDefinition, hookFiles, type LoadedFile, type Undo } from '../../../instrumentations/shared/hook.ts';
import { setFaultReporter } from '../../../src/core/fault.ts';

interface Client {
  default: { prototype: object };
}

const undos: Undo[] = [];
const directories: string[] = [];
const faults: unknown[] = [];
const before = setFaultReporter((error) => faults.push(error));
afterEach(() => {
  for (const undo of undos.splice(0)) undo();
  const { cache } = createRequire(import.meta.url);
  for (const directory of directories.splice(0)) {
    for (const file of Object.keys(cache)) if (file.startsWith(directory)) delete cache[file];
    rmSync(directory, { recursive: true, force: true });
  }
  faults.length = 0;
  setFaultReporter((error) => faults.push(error));
});
process.once('exit', () => setFaultReporter(before));

/** A project with a client package in node_modules: a main file that requires an internal one. */
function project(version = '3.1.4', type = 'commonjs') {
  const root = mkdtempSync(join(tmpdir(), 'otel-breaker-hook-'));
  directories.push(root);
  const directory = join(root, 'node_modules/acme-client');
  mkdirSync(join(directory, 'built/deep'), { recursive: true });
  const files = {
    'package.json': JSON.stringify({ name: 'acme-client', version, main: 'built/index.js', type: 'commonjs' }),
    'built/index.js': "module.exports = require('./Client').default; require('./deep'); module.exports.other = require('./Other');",
    'built/Client.js': "const other = require('./Other'); exports.default = class Client { send() {} };",
    'built/Other.js': "exports.client = require('./Client'); exports.lazy = () => require('./Client').default;",
    'built/deep/index.js': 'exports.deep = true;',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  writeFileSync(join(root, 'package.json'), JSON.stringify({ type }));
  writeFileSync(join(root, 'app.mjs'), "import Client from 'acme-client'; export default Client;");
  return { root, require: createRequire(join(root, 'app.js')), directory };
}

function definition(patched: LoadedFile[], overrides: Partial<HookDefinition> = {}): HookDefinition {
  return {
    package: 'acme-client',
    files: ['acme-client/built/Client.js', 'acme-client/built/deep/index.js', 'acme-client/lib/gone.js'],
    majors: [3],
    patch: (exports, loaded) => {
      const prototype = (exports as Partial<Client>).default?.prototype;
      patched.push(loaded);
      if (prototype === undefined) return undefined;
      Object.assign(prototype, { patched: true });
      return () => Reflect.deleteProperty(prototype, 'patched');
    },
    ...overrides,
  };
}

function hook(overrides: Partial<HookDefinition> = {}) {
  const patched: LoadedFile[] = [];
  const undo = hookFiles([definition(patched, overrides)]);
  undos.push(undo);
  return { patched, undo };
}

describe('hooked files', () => {
  it('are patched once when they are required, fully loaded in spite of circular requires', () => {
    const { require, directory } = project();
    const { patched } = hook();
    const client = require('acme-client') as Client['default'] & { other: { lazy(): unknown } };
    client.other.lazy();
    require('acme-client/built/Client.js');
    expect(patched.map(({ file, version }) => `${file} ${version}`)).toEqual([
      'acme-client/built/Client.js 3.1.4',
      'acme-client/built/deep/index.js 3.1.4',
    ]);
    expect(patched[0]?.directory).toBe(directory);
    expect(client.prototype).toHaveProperty('patched', true);
  });

  it('are patched when they have been loaded before', () => {
    const { require } = project();
    const client = require('acme-client') as Client['default'];
    const { patched } = hook();
    expect(client.prototype).toHaveProperty('patched', true);
    require('acme-client');
    expect(patched).toHaveLength(2);
  });

  it('are patched in an ES module app, which never requires the main file', async () => {
    const { root } = project('3.0.0', 'module');
    const { patched } = hook({ files: ['acme-client/built/index.js', 'acme-client/built/Client.js', 'acme-client/built/deep/index.js'] });
    const { default: client } = (await import(/* @vite-ignore */ pathToFileURL(join(root, 'app.mjs')).href)) as { default: Client['default'] };
    expect(client.prototype).toHaveProperty('patched', true);
    expect(patched.map(({ file }) => file)).toContain('acme-client/built/Client.js');
  });

  it('are patched in every copy that the process loads, each with its own version', () => {
    const copies = [project('3.0.1'), project('3.9.9')];
    const first = copies[0]?.require('acme-client') as Client['default'];
    const { patched } = hook();
    const second = copies[1]?.require('acme-client') as Client['default'];
    expect(first).not.toBe(second);
    expect([first.prototype, second.prototype]).toEqual([expect.objectContaining({ patched: true }), expect.objectContaining({ patched: true })]);
    expect(new Set(patched.map(({ version }) => version))).toEqual(new Set(['3.0.1', '3.9.9']));
  });

  it('are as they were when the hook is undone, and later ones are left alone', () => {
    const { require } = project();
    const { prototype } = createRequire(import.meta.url)('node:module') as typeof import('node:module');
    const original = Object.getOwnPropertyDescriptors(prototype);
    const { undo } = hook();
    const client = require('acme-client') as Client['default'];
    undo();
    expect(client.prototype).not.toHaveProperty('patched');
    expect(Object.getOwnPropertyDescriptors(prototype)).toEqual(original);
    expect((project().require('acme-client') as Client['default']).prototype).not.toHaveProperty('patched');
  });

  it('are patched again by a hook made later', () => {
    const { require } = project();
    hook().undo();
    const client = require('acme-client') as Client['default'];
    expect(client.prototype).not.toHaveProperty('patched');
    hook();
    expect(client.prototype).toHaveProperty('patched', true);
  });

  it('are known by the package.json beside them: under an alias, linked from elsewhere, in a checkout of sources', () => {
    const { root, directory } = project();
    const { patched } = hook({ files: ['acme-client/built/Client.js', 'acme-client/lib/Client.js'] });
    const alias = join(root, 'node_modules/acme-three');
    renameSync(directory, alias);
    const require = createRequire(join(root, 'app.js'));
    expect((require('acme-three') as Client['default']).prototype).toHaveProperty('patched', true);

    const checkout = join(root, 'checkout');
    mkdirSync(join(checkout, 'lib'), { recursive: true });
    writeFileSync(join(checkout, 'package.json'), JSON.stringify({ name: 'acme-client', version: '3.2.0' }));
    writeFileSync(join(checkout, 'lib/Client.cts'), 'exports.default = class Client { send() {} };');
    const compile = require.extensions['.cts'];
    require.extensions['.cts'] = require.extensions['.js'];
    try {
      expect((require('./checkout/lib/Client.cts') as Client).default.prototype).toHaveProperty('patched', true);
    } finally {
      if (compile === undefined) delete require.extensions['.cts'];
      else require.extensions['.cts'] = compile;
    }

    const linked = project('3.3.0');
    const workspace = join(root, 'packages');
    renameSync(linked.directory, workspace);
    symlinkSync(workspace, linked.directory, 'dir');
    expect((linked.require('acme-client') as Client['default']).prototype).toHaveProperty('patched', true);
    expect(patched.map(({ version, directory: where }) => [version, where])).toEqual([
      ['3.1.4', alias],
      ['3.2.0', checkout],
      ['3.3.0', workspace],
    ]);
  });

  it('of other packages that only look alike are left alone', () => {
    const { root } = project();
    const { patched } = hook();
    const other = join(root, 'node_modules/other');
    mkdirSync(join(other, 'built'), { recursive: true });
    writeFileSync(join(other, 'package.json'), JSON.stringify({ name: 'other', version: '3.0.0' }));
    writeFileSync(join(other, 'built/Client.js'), 'exports.default = class Client {};');
    expect((createRequire(join(root, 'app.js'))('other/built/Client.js') as Client).default.prototype).not.toHaveProperty('patched');
    expect(patched).toEqual([]);
  });

  it('of a major version nobody knows are left alone, with one warning', () => {
    const { require } = project('4.0.0');
    const { patched } = hook();
    const client = require('acme-client') as Client['default'];
    expect(client.prototype).not.toHaveProperty('patched');
    expect(patched).toEqual([]);
    expect(faults).toEqual([expect.stringContaining('acme-client 4.0.0')]);
  });

  it('are left alone when patching throws: the client still loads', () => {
    const { require } = project();
    hook({
      patch: () => {
        throw new Error('ours');
      },
    });
    const client = require('acme-client') as Client['default'];
    expect(client.prototype).toHaveProperty('send');
    expect(faults.length).toBeGreaterThan(0);
  });
});
