import { reportFault } from '../../core/fault.ts';

/** Keeps bytes by key across restarts; `otel-breaker/storage` has one. Losing the last moments' writes is allowed, giving wrong bytes is not. */
export interface KeyValueStore {
  /** Milliseconds of the wall clock: the only time that means something to the next process. */
  now(): number;
  /** Everything there is, in any order. */
  entries(): AsyncIterable<{ readonly key: string; readonly at: number; readonly bytes: Uint8Array }>;
  /** All or nothing. `undefined` deletes. */
  write(changes: readonly { readonly key: string; readonly at: number; readonly bytes: Uint8Array | undefined }[]): Promise<void>;
  /** Deletes everything. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Writes behind: each key's last state, one batch at a time. A fault of the store is reported and is never the caller's. */
export class DiskTier {
  readonly #store: KeyValueStore;
  readonly #waiting = new Map<string, { readonly at: number; readonly bytes: (() => Uint8Array) | undefined }>();
  #writing: Promise<void> | undefined;
  #clearing = false;
  #faulty = false;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  put(key: string, bytes: () => Uint8Array): void {
    this.#change(key, bytes);
  }

  delete(key: string): void {
    this.#change(key, undefined);
  }

  clear(): void {
    this.#waiting.clear();
    this.#clearing = true;
    this.#writing ??= this.#write();
  }

  /** Hands over what is stored, the oldest first; what is of no use is deleted. */
  async load(useful: (key: string, bytes: Uint8Array, ageMs: number) => boolean): Promise<void> {
    try {
      const now = this.#store.now();
      const found = [];
      for await (const entry of this.#store.entries()) found.push(entry);
      found.sort((a, b) => a.at - b.at);
      for (const { key, at, bytes } of found) {
        // Stored in the future: the wall clock was set back, and nobody can tell the age.
        if (at > now || !useful(key, bytes, now - at)) this.delete(key);
      }
    } catch (error) {
      this.#fault(error);
    }
  }

  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #change(key: string, bytes: (() => Uint8Array) | undefined): void {
    this.#waiting.set(key, { at: this.#store.now(), bytes });
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    // One turn later, so that a burst is one batch.
    await Promise.resolve();
    while (this.#waiting.size > 0 || this.#clearing) {
      try {
        if (this.#clearing) {
          this.#clearing = false;
          await this.#store.clear();
        }
        const changes = Array.from(this.#waiting, ([key, { at, bytes }]) => ({ key, at, bytes: bytes?.() }));
        this.#waiting.clear();
        if (changes.length > 0) await this.#store.write(changes);
        this.#faulty = false;
      } catch (error) {
        this.#fault(error);
      }
    }
    this.#writing = undefined;
  }

  /** Once per spell of faults: a full disk must not fill the log too. */
  #fault(error: unknown): void {
    if (!this.#faulty) reportFault(error, 'the store of the stale cache');
    this.#faulty = true;
  }
}
