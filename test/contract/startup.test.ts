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
