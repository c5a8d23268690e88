import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { setFaultReporter } from '../../src/core/fault.ts';
import type { KeyValueStore } from '../../src/policies/stale-cache/disk-tier.ts';
import { Lru } from '../../src/policies/stale-cache/lru.ts';
import { StaleCache } from '../../src/policies/stale-cache/stale-cache.ts';
import { isStale, markStale, staleAge, withStaleInfo } from '../../src/policies/stale-cache/stale-mark.ts';
import { ManualClock } from '../../src/testing.ts';

describe('a stale cache', () => {
  test('tells the age of an answer, whether it is fresh, and gives nothing that is too old', () => {
    const clock = new ManualClock();
    const cache = new StaleCache({ ttlMs: 100, maxAgeMs: 1_000 }, { clock });
    cache.set('a', 'one');
    expect(cache.get('a')).toEqual({ value: 'one', ageMs: 0, fresh: true });
    clock.advance(100);
    expect(cache.get('a')).toEqual({ value: 'one', ageMs: 100, fresh: false });
    clock.advance(900);
    expect(cache.get('a')).toEqual({ value: 'one', ageMs: 1_000, fresh: false });
    clock.advance(1);
    expect(cache.get('a')).toBeUndefined();
    expect(cache.size).toBe(0);
    expect(cache.lookups).toEqual({ hit: 1, stale: 2, miss: 1 });
  });

  test('has nothing fresh without a ttl', () => {
    const cache = new StaleCache({}, { clock: new ManualClock() });
    cache.set('a', 1);
    expect(cache.get('a')).toMatchObject({ value: 1, fresh: false });
  });

  test('tells a stored null or undefined from nothing stored', () => {
    const cache = new StaleCache({}, { clock: new ManualClock() });
    cache.set('null', null);
    cache.set('undefined', undefined);
    expect(cache.get('null')?.value).toBe(null);
    expect(cache.get('undefined')).toMatchObject({ value: undefined });
    expect(cache.get('other')).toBeUndefined();
  });

  test('shares nothing mutable: not with whoever stored it, not between hits', () => {
    const cache = new StaleCache({}, { clock: new ManualClock() });
    const stored = { rows: [{ id: 1, at: new Date(5), blob: Buffer.from('abc') }] };
    cache.set('a', stored);
    stored.rows[0]?.blob.fill(0);
    stored.rows.push({ id: 2, at: new Date(6), blob: Buffer.alloc(0) });
    const first = cache.get('a')?.value as typeof stored;
    expect(first).toEqual({ rows: [{ id: 1, at: new Date(5), blob: Buffer.from('abc') }] });
    first.rows[0]?.blob.fill(1);
    first.rows[0]?.at.setTime(0);
    first.rows.length = 0;
    expect(cache.get('a')?.value).toEqual({ rows: [{ id: 1, at: new Date(5), blob: Buffer.from('abc') }] });
    cache.set('b', Buffer.from('xyz'));
    const hit = cache.get('b')?.value as Buffer;
    hit.fill(0);
    expect(cache.get('b')?.value).toEqual(Buffer.from('xyz'));
  });

  test('lets go of the least recently used, by entries and by bytes', () => {
    const clock = new ManualClock();
    const few = new StaleCache({ maxEntries: 2 }, { clock });
    few.set('a', 1);
    few.set('b', 2);
    few.get('a');
    few.set('c', 3);
    expect([few.get('a')?.value, few.get('b'), few.get('c')?.value]).toEqual([1, undefined, 3]);
    const small = new StaleCache({ maxBytes: 1_000 }, { clock });
    for (let n = 0; n < 10; n++) small.set(`k${n}`, 'x'.repeat(100));
    expect(small.bytes).toBeLessThanOrEqual(1_000);
    expect(small.get('k9')).toBeDefined();
    expect(small.get('k0')).toBeUndefined();
  });

  test('keeps no answer that is too large or would not come back as it was, and not the one before it either', () => {
    const cache = new StaleCache({ maxEntryBytes: 500 }, { clock: new ManualClock() });
    for (const value of ['x'.repeat(1_000), () => 1, Symbol('s'), { fn() {} }, new (class Own {})(), new Proxy(new Map(), {})]) {
      cache.set('a', 'good');
      expect(cache.set('a', value)).toBe(false);
      expect(cache.get('a')).toBeUndefined();
    }
    expect(cache.refused).toBe(6);
  });

  test('is not hurt by a value whose getters throw', () => {
    const faults: unknown[] = [];
    const before = setFaultReporter((error) => faults.push(error));
    const cache = new StaleCache({}, { clock: new ManualClock() });
    const value = Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    expect(cache.set('a', value)).toBe(false);
    setFaultReporter(before);
    expect(faults).toHaveLength(1);
  });

  test('refuses options that cannot be used', () => {
    expect(() => new StaleCache({ maxEntries: 0 })).toThrow(ConfigError);
    expect(() => new StaleCache({ ttlMs: 500, maxAgeMs: 100 })).toThrow(/maxAgeMs is 100; allowed: at least ttlMs/);
    expect(new StaleCache({ ttlMs: 3_600_000 }).options.maxAgeMs).toBe(3_600_000);
  });

  test('behaves as a list that is searched from the end', () => {
    const op = fc.oneof(
      fc.record({ op: fc.constant('set' as const), key: fc.constantFrom('a', 'b', 'c', 'd'), size: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ op: fc.constant('get' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ op: fc.constant('delete' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        const lru = new Lru<number>(3, 100);
        let naive: { key: string; value: number; bytes: number }[] = [];
        for (const [index, each] of ops.entries()) {
          const found = naive.find(({ key }) => key === each.key);
          naive = naive.filter((entry) => entry !== found);
          if (each.op === 'set') {
            lru.set(each.key, index, each.size);
            naive.push({ key: each.key, value: index, bytes: each.size });
            while (naive.length > 3 || naive.reduce((sum, { bytes }) => sum + bytes, 0) > 100) naive.shift();
          } else if (each.op === 'get') {
            expect(lru.get(each.key)).toBe(found?.value);
            if (found !== undefined) naive.push(found);
          } else expect(lru.delete(each.key)).toBe(found !== undefined);
          expect([lru.size, lru.bytes]).toEqual([naive.length, naive.reduce((sum, { bytes }) => sum + bytes, 0)]);
        }
      }),
    );
  });
});

/** A store as a map, with a wall clock by hand. */
class MapStore implements KeyValueStore {
  readonly map = new Map<string, { at: number; bytes: Uint8Array }>();
  wall = 1_000_000;
  broken = false;
  batches = 0;

  now(): number {
    return this.wall;
  }
  async *entries() {
    for (const [key, { at, bytes }] of this.map) yield { key, at, bytes };
  }
  async write(changes: Parameters<KeyValueStore['write']>[0]): Promise<void> {
    if (this.broken) throw new Error('ENOSPC');
    this.batches++;
    for (const { key, at, bytes } of changes) {
      if (bytes === undefined) this.map.delete(key);
      else this.map.set(key, { at, bytes });
    }
  }
  async clear(): Promise<void> {
    this.map.clear();
  }
  async close(): Promise<void> {}
}

describe('a stale cache with a disk', () => {
  test('has its answers again after a restart, with the age they have by then', async () => {
    const store = new MapStore();
    const first = new StaleCache({ ttlMs: 100 }, { clock: new ManualClock(50), store });
    first.set('a', { at: new Date(1) });
    first.set('b', 'text');
    first.set('c', 'gone');
    first.delete('c');
    await first.flush();
    expect(store.batches).toBe(1);
    store.wall += 5_000;
    const second = new StaleCache({ ttlMs: 100 }, { clock: new ManualClock(3), store });
    await second.load();
    expect(second.get('a')).toEqual({ value: { at: new Date(1) }, ageMs: 5_000, fresh: false });
    expect(second.get('b')?.value).toBe('text');
    expect(second.get('c')).toBeUndefined();
  });

  test('takes in nothing that is too old, of the future, unreadable, or older than what it has', async () => {
    const store = new MapStore();
    const first = new StaleCache({}, { store });
    for (const key of ['old', 'future', 'bad', 'here']) first.set(key, { key });
    await first.flush();
    const of = (key: string) => store.map.get(key) as { at: number; bytes: Uint8Array };
    of('old').at -= 300_001;
    of('future').at += 1;
    of('bad').bytes = Buffer.from('nonsense');
    const faults: unknown[] = [];
    const before = setFaultReporter((error) => faults.push(error));
    const second = new StaleCache({}, { store });
    second.set('here', 'newer');
    await second.load();
    expect(['old', 'future', 'bad', 'here'].map((key) => second.get(key)?.value)).toEqual([undefined, undefined, undefined, 'newer']);
    await second.flush();
    expect([...store.map.keys()]).toEqual(['here']);
    setFaultReporter(before);
  });

  test('goes on in memory when the disk fails, and says so once', async () => {
    const store = new MapStore();
    store.broken = true;
    const faults: unknown[] = [];
    const before = setFaultReporter((error) => faults.push(error));
    const cache = new StaleCache({}, { store });
    cache.set('a', 1);
    await cache.flush();
    cache.set('b', 2);
    await cache.flush();
    expect(cache.get('a')?.value).toBe(1);
    expect(faults).toHaveLength(1);
    store.broken = false;
    cache.set('c', 3);
    await cache.flush();
    expect([...store.map.keys()]).toEqual(['c']);
    setFaultReporter(before);
  });
});

describe('the mark of a stale answer', () => {
  test('is on objects, and only on those that were marked', () => {
    const rows = markStale([1], { ageMs: 40 });
    expect([isStale(rows), staleAge(rows), isStale([1]), isStale('text'), isStale(null), staleAge(undefined)]).toEqual([
      true,
      40,
      false,
      false,
      false,
      undefined,
    ]);
  });

  test('is told for primitives by a scope, with the age of the oldest answer', async () => {
    const read = async (value: string, ageMs: number) => {
      await null;
      return markStale(value, { ageMs });
    };
    expect(await withStaleInfo(async () => (await read('a', 5)) + (await read('b', 9)) + (await read('c', 7)))).toEqual({
      value: 'abc',
      stale: true,
      ageMs: 9,
    });
    expect(await withStaleInfo(() => 'fresh')).toEqual({ value: 'fresh', stale: false, ageMs: undefined });
    const outer = await withStaleInfo(async () => (await withStaleInfo(() => read('a', 5))).value);
    expect(outer).toEqual({ value: 'a', stale: true, ageMs: 5 });
  });
});
