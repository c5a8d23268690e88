import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { importsOf } from './imports.ts';

/** What is loaded when a file is, at once: not what a call loads later. */
function loadedWith(entry: string): string[] {
  const seen = new Set<string>([entry]);
  for (const file of seen) {
    if (!file.endsWith('.ts')) continue;
    for (const { target, typeOnly, lazy } of importsOf(file)) if (!typeOnly && !lazy) seen.add(target);
  }
  return [...seen].filter((target) => !target.endsWith('.ts')).sort();
}

// Every process pays for these, and a service is not held up by what it may never need.
test('the preload loads no package, and of Node only what is there already or costs little', () => {
  expect(loadedWith('instrumentations/register.ts')).toEqual([
    'node:async_hooks',
    'node:diagnostics_channel',
    'node:fs',
    'node:module',
    'node:path',
    'node:url',
  ]);
});

// V8 keeps the text of every loaded module, and all of it in two bytes a character where there is one beyond Latin-1.
test('what is published has no character beyond Latin-1', () => {
  const files = readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'));
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((file) => /[\u0100-\uffff]/.test(readFileSync(`dist/${file}`, 'utf8')))).toEqual([]);
});
