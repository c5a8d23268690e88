import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileWatch, settledAfterMs, watchEveryMs } from '../../src/config/watch.ts';
import { ManualClock } from '../../src/testing.ts';
import { configDir } from '../support/config-dir.ts';

/** Watches files of a folder; `pass` lets time go by, with the looks that fall into it. */
function watching(files: Readonly<Record<string, string>>, names: readonly string[] = ['a.yaml']) {
  const folder = configDir(files);
  const clock = new ManualClock();
  let changes = 0;
  const watch = new FileWatch(
    names.map((name) => join(folder, name)),
    clock,
    () => {
      changes += 1;
    },
  );
  const pass = async (ms: number): Promise<number> => {
    for (let passed = 0; passed < ms; passed += settledAfterMs) {
      clock.advance(settledAfterMs);
      // A look takes a turn or two of the event loop.
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return changes;
  };
  return { folder, clock, watch, pass, path: (name: string) => join(folder, name) };
}

const aWhile = watchEveryMs + 3 * settledAfterMs;

describe('watching a file', () => {
  it('tells once of a change, and of nothing else', async () => {
    const { pass, path } = watching({ 'a.yaml': 'mode: off' });
    expect(await pass(3 * watchEveryMs)).toBe(0);
    writeFileSync(path('a.yaml'), 'mode: shadow');
    expect(await pass(aWhile)).toBe(1);
    expect(await pass(3 * watchEveryMs)).toBe(1);
  });

  it('sees a change that keeps the size', async () => {
    const { pass, path } = watching({ 'a.yaml': 'a: 1' });
    writeFileSync(path('a.yaml'), 'a: 2');
    utimesSync(path('a.yaml'), new Date(), new Date(Date.now() + 5_000));
    expect(await pass(aWhile)).toBe(1);
  });

  it('waits until whoever writes it has left it alone', async () => {
    const { pass, path } = watching({ 'a.yaml': '' });
    await pass(watchEveryMs - settledAfterMs);
    for (let size = 1; size <= 5; size += 1) {
      writeFileSync(path('a.yaml'), 'x'.repeat(size));
      expect(await pass(settledAfterMs)).toBe(0);
    }
    expect(await pass(aWhile)).toBe(1);
  });

  it('sees an editor put a new file in its place', async () => {
    const { pass, path } = watching({ 'a.yaml': 'mode: off', 'a.yaml~': 'mode: on!' });
    renameSync(path('a.yaml~'), path('a.yaml'));
    expect(await pass(aWhile)).toBe(1);
    writeFileSync(path('a.yaml'), 'mode: enforce');
    expect(await pass(aWhile)).toBe(2);
  });

  it('sees Kubernetes turn a link to another folder', async () => {
    const { pass, path } = watching({}, ['mounted.yaml']);
    for (const version of ['v1', 'v2']) {
      mkdirSync(path(version));
      writeFileSync(path(`${version}/mounted.yaml`), 'mode: off');
    }
    symlinkSync('v1', path('..data'));
    symlinkSync('..data/mounted.yaml', path('mounted.yaml'));
    expect(await pass(aWhile)).toBe(1);
    symlinkSync('v2', path('..data_tmp'));
    renameSync(path('..data_tmp'), path('..data'));
    expect(await pass(aWhile)).toBe(2);
  });

  it('sees a file appear, and go', async () => {
    const { pass, path } = watching({}, ['a.yaml', 'a.json']);
    writeFileSync(path('a.json'), '{}');
    expect(await pass(aWhile)).toBe(1);
    rmSync(path('a.json'));
    expect(await pass(aWhile)).toBe(2);
  });

  it('does not tell of a file that is as it was when it has settled', async () => {
    const { pass, path } = watching({ 'a.yaml': 'mode: off' });
    await pass(watchEveryMs - settledAfterMs);
    renameSync(path('a.yaml'), path('b.yaml'));
    await pass(settledAfterMs);
    renameSync(path('b.yaml'), path('a.yaml'));
    expect(await pass(aWhile)).toBe(0);
  });

  it('ends when it is disposed of, and leaves no timer', async () => {
    const { watch, pass, path } = watching({ 'a.yaml': 'mode: off' });
    watch[Symbol.dispose]();
    writeFileSync(path('a.yaml'), 'mode: shadow');
    expect(await pass(aWhile)).toBe(0);
  });
});
