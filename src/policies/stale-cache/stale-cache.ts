import { type Clock, systemClock } from '../../core/clock.ts';
import { reportFault } from '../../core/fault.ts';
import { type Codec, createCodec, NotPreservedError } from './codec.ts';
import { DiskTier, type KeyValueStore } from './disk-tier.ts';
import { Lru } from './lru.ts';
import { resolveStaleCacheOptions, type StaleCacheOptions } from './options.ts';

/** A stored answer, as its own copy. */
export interface CacheHit<T = unknown> {
  readonly value: T;
  /** ms since it was stored. */
  readonly ageMs: number;
  /** Younger than `ttlMs`. */
  readonly fresh: boolean;
}

export interface StaleCacheEnvironment {
  readonly clock?: Clock;
  readonly codec?: Codec;
  /** Keeps answers across restarts. Written behind: what was stored in the last moments before a crash may be missing. */
  readonly store?: KeyValueStore;
}

interface Stored {
  /** Immutable as it is, or encoded. */
  readonly content: { readonly primitive: unknown } | { readonly bytes: Uint8Array };
  /** On the clock; may lie before its beginning, for what an earlier process stored. */
  readonly at: number;
}

/**
 * The last good answers, for when there are no new ones. Least recently used entries go first. A hit never shares mutable
 * state with another caller, or with whoever stored it: values go in and out as copies.
 */
export class StaleCache {
  readonly options: Required<StaleCacheOptions>;
  readonly #clock: Clock;
  readonly #codec: Codec;
  readonly #entries: Lru<Stored>;
  readonly #disk: DiskTier | undefined;
  #lookups = { hit: 0, stale: 0, miss: 0 };
  #refused = 0;

  /** @throws ConfigError for options that cannot be used */
  constructor(options: StaleCacheOptions = {}, { clock = systemClock, codec = createCodec(), store }: StaleCacheEnvironment = {}) {
    this.options = resolveStaleCacheOptions(options);
    this.#clock = clock;
    this.#codec = codec;
    this.#disk = store && new DiskTier(store);
    this.#entries = new Lru(this.options.maxEntries, this.options.maxBytes, (key) => this.#disk?.delete(key));
  }

  /** Lookups by how they ended, since the beginning: fresh hits, stale hits, misses. */
  get lookups(): Readonly<Record<'hit' | 'stale' | 'miss', number>> {
    return this.#lookups;
  }

  /** Answers that could not be kept: too large, or of a kind that would not come back as it was. */
  get refused(): number {
    return this.#refused;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.bytes;
  }

  /** The stored answer, if it is not too old; counted as a lookup. Never throws. */
  get(key: string): CacheHit | undefined {
    const hit = this.#read(key);
    this.#lookups[hit === undefined ? 'miss' : hit.fresh ? 'hit' : 'stale']++;
    return hit;
  }

  /** Keeps a copy of an answer; `false` if that is not possible. Never throws. */
  set(key: string, value: unknown): boolean {
    const content = this.#encode(value);
    const bytes = content === undefined ? 0 : sizeOf(key, content);
    if (content === undefined || bytes > this.options.maxEntryBytes || !this.#entries.set(key, { content, at: this.#clock.now() }, bytes)) {
      this.#refused++;
      // The last answer is no longer the last one.
      this.delete(key);
      return false;
    }
    this.#disk?.put(key, () => ('bytes' in content ? content.bytes : this.#codec.encode(content.primitive)));
    return true;
  }

  delete(key: string): boolean {
    this.#disk?.delete(key);
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#disk?.clear();
  }

  /** Takes in what an earlier process left in the store. Never rejects: without the store the cache begins empty. */
  async load(): Promise<void> {
    await this.#disk?.load((key, bytes, ageMs) => {
      if (ageMs > this.options.maxAgeMs) return false;
      // What has come in meanwhile is newer, and is or will be in the store.
      if (this.#entries.get(key) !== undefined) return true;
      const content = { bytes };
      return this.#entries.set(key, { content, at: this.#clock.now() - ageMs }, sizeOf(key, content));
    });
  }

  /** Writes to the store what is still to be written. */
  async flush(): Promise<void> {
    await this.#disk?.flush();
  }

  #read(key: string): CacheHit | undefined {
    const stored = this.#entries.get(key);
    if (stored === undefined) return undefined;
    const ageMs = this.#clock.now() - stored.at;
    if (ageMs > this.options.maxAgeMs) {
      this.delete(key);
      return undefined;
    }
    try {
      const value = 'bytes' in stored.content ? this.#codec.decode(stored.content.bytes) : stored.content.primitive;
      return { value, ageMs, fresh: ageMs < this.options.ttlMs };
    } catch (error) {
      // Of another version's making, or a class that is not loaded yet: as good as not there.
      if (!(error instanceof NotPreservedError)) reportFault(error, 'the stale cache');
      this.delete(key);
      return undefined;
    }
  }

  #encode(value: unknown): Stored['content'] | undefined {
    if (typeof value === 'function' || typeof value === 'symbol') return undefined;
    if (typeof value !== 'object' || value === null) return { primitive: value };
    try {
      return { bytes: this.#codec.encode(value) };
    } catch (error) {
      // A getter of the value's own may throw whatever it likes.
      if (!(error instanceof NotPreservedError)) reportFault(error, 'storing an answer');
      return undefined;
    }
  }
}

/** About what a small object costs beside its content. */
const OVERHEAD = 100;

function sizeOf(key: string, content: Stored['content']): number {
  const size = 'bytes' in content ? content.bytes.byteLength : typeof content.primitive === 'string' ? 2 * content.primitive.length : 8;
  return size + 2 * key.length + OVERHEAD;
}
