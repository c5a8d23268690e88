import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { root } from '../contract/imports.ts';

const withoutLevel = `
export function resolve(specifier, context, next) {
  if (specifier !== 'classic-level') return next(specifier, context);
  throw Object.assign(new Error("Cannot find package 'classic-level'"), { code: 'ERR_MODULE_NOT_FOUND' });
}`;

test('without its package, storage says at once what to install', () => {
  const inline = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`;
  const hook = inline(`import { register } from 'node:module'; register(${JSON.stringify(inline(withoutLevel))});`);
  const from = (file: string) => JSON.stringify(pathToFileURL(join(root, file)).href);
  const app = `
    const { queueLog, keyValueStore } = await import(${from('src/storage/index.ts')});
    for (const open of [queueLog, keyValueStore]) {
      await open(${JSON.stringify(join(tmpdir(), 'none'))}).catch((error) => console.log(error.code, error.message));
    }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--import', hook, '--input-type=module', '-e', app], {
    encoding: 'utf8',
    cwd: root,
  });
  expect(stderr.replace(/.*(DeprecationWarning|--trace-deprecation).*\n/g, '')).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^ESTORAGE .*the package classic-level is not installed; .*npm install classic-level$/),
    expect.stringMatching(/^ESTORAGE .*npm install classic-level$/),
  ]);
});
