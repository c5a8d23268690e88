import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { StorageError } from '../../src/core/errors.ts';
import { type BreakerOptions, resolveOptions } from '../../src/core/options.ts';
import type { ResolvedQueue, ResolvedStale } from '../../src/core/resolve-policies.ts';
import type { DurableQueue } from '../../src/policies/durable-queue/durable-queue.ts';
import { PolicyStorage } from '../../src/setup/policy-storage.ts';
import { configDir } from '../support/config-dir.ts';

const policies = (fallback: BreakerOptions['fallback']) => resolveOptions({ fallback }).policies;
const queueOf = (more = {}) => policies({ queue: { path: 'queue', ...more } });
const staleOf = (more = {}) => policies({ stale: { path: 'stale', ...more } });

const open: PolicyStorage[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

function storage() {
  const cwd = configDir({});
  const told: string[] = [];
  const made = new PolicyStorage(cwd, (message) => void told.push(message));
  open.push(made);
  return { cwd, told, storage: made };
}

describe('what policies keep on disk, after a reload', () => {
  it('queues take on limits and pace while they run, of the first breaker that names the folder', async () => {
    const { storage: kept } = storage();
    const slot = kept.queue(queueOf()?.fallback?.queue as ResolvedQueue);
    await slot.opened;
    expect(slot.queue?.options).toMatchObject({ maxEntries: 50_000, replayPerSecond: 500 });
    const next = [undefined, staleOf(), queueOf({ maxEntries: 7, replayPerSecond: 2_000 }), queueOf({ maxEntries: 8 })];
    expect(kept.follow(next)).toEqual([]);
    expect(slot.queue?.options).toMatchObject({ maxEntries: 7, replayPerSecond: 2_000 });
  });

  it('one that is still being opened does so too', async () => {
    const { storage: kept } = storage();
    const slot = kept.queue(queueOf()?.fallback?.queue as ResolvedQueue);
    kept.follow([queueOf({ maxEntries: 7 })]);
    await slot.opened;
    expect(slot.queue?.options.maxEntries).toBe(7);
  });

  it('one that could not be opened is tried again', async () => {
    const { storage: kept, cwd, told } = storage();
    writeFileSync(join(cwd, 'queue'), 'in the way');
    const slot = kept.queue(queueOf()?.fallback?.queue as ResolvedQueue);
    const heard: unknown[] = [];
    slot.onOpen(() => void heard.push(['waited', slot.queue?.depth, slot.settled]));
    await slot.opened;
    expect([slot.queue, slot.settled, told.length, heard]).toEqual([undefined, true, 1, []]);
    rmSync(join(cwd, 'queue'));
    kept.follow([queueOf()]);
    await slot.opened;
    expect([slot.queue?.depth, slot.settled, told.length, heard]).toEqual([0, true, 1, [['waited', 0, true]]]);
    slot.onOpen(() => void heard.push('came late'));
    kept.follow([queueOf({ maxEntries: 7 })]);
    expect(heard).toEqual([['waited', 0, true], 'came late']);
  });

  it('closes all that it has opened, whatever one of them says to that', async () => {
    const { storage: kept } = storage();
    const [bad, good] = ['one', 'other'].map((path) => kept.queue(queueOf({ path })?.fallback?.queue as ResolvedQueue));
    await Promise.all([bad?.opened, good?.opened]);
    open.splice(0);
    const closed = vi.spyOn(good?.queue as DurableQueue, 'close');
    vi.spyOn(bad?.queue as DurableQueue, 'close').mockRejectedValue(new Error('the disk is gone'));
    await expect(kept.close()).rejects.toThrow('the disk is gone');
    await closed.mock.results[0]?.value;
    vi.restoreAllMocks();
    await bad?.close();
    await expect(good?.queue?.append({ handler: 'w', keys: ['k'], payload: 1 })).rejects.toThrow('closed');
  });

  it('says what folders of stale answers take on at the next start only', () => {
    const { storage: kept } = storage();
    kept.stale('a', staleOf()?.fallback?.stale as ResolvedStale & { path: string });
    expect(kept.follow([staleOf(), policies({ stale: { maxBytes: 9_999_999 } })])).toEqual([]);
    expect(kept.follow([staleOf({ maxBytes: 9_999_999, maxAgeMs: 1_000 })])).toEqual([
      'fallback.stale.maxAgeMs of stale',
      'fallback.stale.maxBytes of stale',
    ]);
  });
});

describe('a package that is missing', () => {
  it('is told of once, whoever needs it, and again when the configuration has been read again', async () => {
    const missing = (path: string) => {
      throw new StorageError(
        `${path}: the package classic-level is not installed`,
        path,
        Object.assign(new Error(), { code: 'ERR_MODULE_NOT_FOUND' }),
      );
    };
    vi.doMock('../../src/storage/load-level.ts', async (load) => ({ ...(await load<object>()), loadLevel: async (path: string) => missing(path) }));
    onTestFinished(() => void vi.doUnmock('../../src/storage/load-level.ts'));
    vi.resetModules();
    const { storage: kept, told } = storage();
    await expect(kept.check(new Map([['defaults.fallback.queue.path', 'queue']]))).rejects.toThrow('not installed');
    const slot = kept.queue(queueOf()?.fallback?.queue as ResolvedQueue);
    await slot.opened;
    await kept.stale('a', staleOf()?.fallback?.stale as ResolvedStale & { path: string }).get('x');
    expect(told).toEqual([expect.stringMatching(/^otel-breaker: .*queue: the package classic-level is not installed$/)]);
    kept.follow([queueOf()]);
    await slot.opened;
    expect(told).toHaveLength(2);
  });
});
