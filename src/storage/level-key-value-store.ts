import { mkdir } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import { reportFault } from '../core/fault.ts';
import type { KeyValueStore } from '../policies/stale-cache/disk-tier.ts';
import { isDamaged, isLocked, type LevelDatabase, type LevelOperation, loadLevel, storageError } from './load-level.ts';
import { wallTime } from './wall-time.ts';

/**
 * A store for stale answers in a folder. One process at a time: further ones get a StorageError, and do without.
 * Not flushed on each write: a loss of power may lose the last ones.
 * @throws StorageError if `classic-level` is not installed, or the folder is in use or cannot be made
 */
export async function keyValueStore(path: string): Promise<KeyValueStore> {
  const make = await loadLevel(path);
  const open = async (): Promise<KeyValueStore> => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const database = make(path);
    await database.open();
    return new LevelKeyValueStore(path, database);
  };
  try {
    return await open().catch(async (error: unknown) => {
      if (!isDamaged(error)) throw error;
      // Answers come again by themselves.
      reportFault(error, `${path}: the stale answers there are damaged and have been deleted`);
      await make.destroy(path);
      return open();
    });
  } catch (error) {
    throw storageError(path, isLocked(error) ? 'another process has it open' : 'cannot be opened', error);
  }
}

class LevelKeyValueStore implements KeyValueStore {
  readonly #path: string;
  readonly #database: LevelDatabase;

  constructor(path: string, database: LevelDatabase) {
    this.#path = path;
    this.#database = database;
  }

  now(): number {
    return wallTime();
  }

  async *entries(): AsyncIterable<{ key: string; at: number; bytes: Uint8Array }> {
    for await (const [key, value] of this.#database.iterator()) {
      const [at, bytes] = read(value);
      yield { key, at, bytes };
    }
  }

  async write(changes: readonly { readonly key: string; readonly at: number; readonly bytes: Uint8Array | undefined }[]): Promise<void> {
    const operations = changes.map(
      ({ key, at, bytes }): LevelOperation => (bytes === undefined ? { type: 'del', key } : { type: 'put', key, value: serialize([at, bytes]) }),
    );
    await this.#try('cannot be written', this.#database.batch(operations, { sync: false }));
  }

  async clear(): Promise<void> {
    await this.#try('cannot be emptied', this.#database.clear());
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  async #try(doing: string, done: Promise<void>): Promise<void> {
    try {
      await done;
    } catch (error) {
      throw storageError(this.#path, doing, error);
    }
  }
}

/** What cannot be read has no bytes and an age without bounds: the cache drops it. */
function read(value: Uint8Array): [at: number, bytes: Uint8Array] {
  try {
    const [at, bytes] = deserialize(value) as [unknown, unknown];
    if (typeof at === 'number' && bytes instanceof Uint8Array) return [at, bytes];
  } catch {
    // As below.
  }
  return [0, new Uint8Array()];
}
