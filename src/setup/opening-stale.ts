import type { ResolvedStale } from '../core/resolve-policies.ts';
import type { StaleAnswer, StaleStore } from '../policies/ports.ts';
import { type Codec, createCodec } from '../policies/stale-cache/codec.ts';
import type { KeyValueStore } from '../policies/stale-cache/disk-tier.ts';
import { StaleCache } from '../policies/stale-cache/stale-cache.ts';

/** Stale answers in a folder, shared by all breakers that name it. What is stored while it opens is stored then. */
export class OpeningStale {
  readonly #opened: Promise<void>;
  #early: (() => void)[] | undefined = [];
  #cache: StaleCache | undefined;
  #store: KeyValueStore | undefined;
  /** What it keeps, and for how long: of its first breaker. */
  readonly limits: Omit<ResolvedStale, 'path'>;

  /** @param options of the first who names the folder */
  constructor(path: string, options: ResolvedStale, tell: (message: string, error: unknown) => void) {
    const { path: _, ...limits } = options;
    this.limits = limits;
    this.#opened = this.#open(path, limits)
      // Without a disk they are kept in memory: better than none.
      .catch((error: unknown) => {
        tell(`otel-breaker: stale answers are kept in memory only: ${error instanceof Error ? error.message : String(error)}`, error);
        this.#cache = new StaleCache(limits);
      })
      .finally(() => {
        for (const each of this.#early ?? []) each();
        this.#early = undefined;
      });
  }

  /** A breaker's part: its keys are its own. */
  of(breaker: string, codec?: Codec): StaleStore {
    const keyOf = (key: string): string => `${breaker}\0${key}`;
    return {
      set: (key, value) => {
        const copy = encoded(value, codec, this.#early !== undefined);
        if (copy === undefined) return;
        if (this.#early === undefined) this.#cache?.set(keyOf(key), copy());
        else this.#early.push(() => this.#cache?.set(keyOf(key), copy()));
      },
      get: async (key) => {
        await this.#opened;
        const hit = this.#cache?.get(keyOf(key));
        return hit && decoded(hit, codec);
      },
    };
  }

  async close(): Promise<void> {
    await this.#opened;
    await this.#cache?.flush();
    await this.#store?.close();
  }

  async #open(path: string, limits: Omit<ResolvedStale, 'path'>): Promise<void> {
    const { keyValueStore } = await import('../storage/level-key-value-store.ts');
    this.#store = await keyValueStore(path);
    const cache = new StaleCache(limits, { store: this.#store });
    await cache.load();
    this.#cache = cache;
  }
}

const plain = createCodec();

/** What the cache is to keep. A copy at once where that is later: the caller may change its answer meanwhile. `undefined`: not to be kept. */
function encoded(value: unknown, codec: Codec | undefined, later: boolean): (() => unknown) | undefined {
  try {
    if (codec !== undefined) {
      const bytes = codec.encode(value);
      return () => bytes;
    }
    if (!later) return () => value;
    const bytes = plain.encode(value);
    return () => plain.decode(bytes);
  } catch {
    return undefined;
  }
}

function decoded(hit: StaleAnswer<unknown>, codec: Codec | undefined): StaleAnswer<unknown> | undefined {
  if (codec === undefined) return hit;
  try {
    return { ...hit, value: codec.decode(hit.value as Uint8Array) };
  } catch {
    return undefined;
  }
}
