import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StorageError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import { StaleCache } from '../../src/policies/stale-cache/stale-cache.ts';
import { keyValueStore } from '../../src/storage/level-key-value-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otel-breaker-store-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the store of stale answers', () => {
  test('has them after a restart, types and all', async () => {
    const store = await keyValueStore(join(folder, 'a', 'b'));
    const cache = new StaleCache({}, { store });
    const value = { rows: [{ at: new Date(5), blob: Buffer.from('x'), big: 3n }] };
    cache.set('k', value);
    cache.set('gone', 1);
    cache.delete('gone');
    await cache.flush();
    await store.close();
    const again = await keyValueStore(join(folder, 'a', 'b'));
    const next = new StaleCache({}, { store: again });
    await next.load();
    expect(next.size).toBe(1);
    expect(next.get('k')?.value).toEqual(value);
    next.clear();
    await next.flush();
    const left: string[] = [];
    for await (const { key } of again.entries()) left.push(key);
    expect(left).toEqual([]);
    await again.close();
  });

  test('is for one process at a time, and says so', async () => {
    const store = await keyValueStore(folder);
    const error = await keyValueStore(folder).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toContain('another process has it open');
    await store.close();
    await (await keyValueStore(folder)).close();
  });

  test('begins anew where its files are damaged', async () => {
    const faults: string[] = [];
    setFaultReporter((_, where) => void faults.push(where));
    try {
      const store = await keyValueStore(folder);
      await store.write([{ key: 'a', at: 1, bytes: Buffer.from('x') }]);
      await store.close();
      writeFileSync(join(folder, 'CURRENT'), 'garbage');
      const again = await keyValueStore(folder);
      for await (const entry of again.entries()) expect(entry).toBeUndefined();
      await again.write([{ key: 'b', at: 1, bytes: Buffer.from('y') }]);
      await again.close();
      expect(faults).toEqual([expect.stringContaining('have been deleted')]);
    } finally {
      setFaultReporter(undefined);
    }
  });
});
