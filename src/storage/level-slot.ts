import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { reportFault } from '../core/fault.ts';
import { type LevelDatabase, type LevelOperation, type MakeLevel, storageError } from './load-level.ts';

/** ms between attempts to open a database again: each leaves files behind. */
const REOPEN_MS = 1_000;

/**
 * One database on disk, opened by one process at a time. After a failed write nothing is certain about the end of its log, and
 * what is written behind a torn record would be lost with it: so it is opened anew before the next write, and brought to what it should hold.
 */
export class LevelSlot {
  readonly path: string;
  readonly #make: MakeLevel;
  readonly #clock: Clock;
  #database: LevelDatabase | undefined;
  /** Of the file that says where the rest is: another one, or none, and writes go into files that nobody will find again. */
  #inode: number | undefined;
  #failed: { readonly error: unknown; readonly at: number } | undefined;

  constructor(path: string, make: MakeLevel, clock: Clock) {
    this.path = path;
    this.#make = make;
    this.#clock = clock;
  }

  /** Makes the folder if there is none. Rejects as the store does: see `isLocked`. */
  async open(): Promise<void> {
    // What waits may be anything that a service stores: nobody else's business.
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const database = this.#make(this.path);
    await database.open();
    this.#database = database;
    this.#inode = (await stat(join(this.path, 'CURRENT'))).ino;
    const lost = await this.#unreadable();
    if (lost > 0)
      reportFault(new Error(`${lost} bytes there cannot be read any more: the disk has erred`), `${this.path}: queued writes may be lost`);
  }

  /** What the store has left out in silence, in bytes: it says so in a file that it begins anew whenever it is opened. Not the end of a write that a crash cut short. */
  async #unreadable(): Promise<number> {
    const log = await readFile(join(this.path, 'LOG'), 'utf8').catch(() => '');
    let bytes = 0;
    for (const [, dropped] of log.matchAll(/dropping (\d+) bytes/g)) bytes += Number(dropped);
    return bytes;
  }

  async *entries(): AsyncIterable<[key: string, value: Uint8Array]> {
    if (this.#database !== undefined) yield* this.#database.iterator();
  }

  /**
   * All or nothing, and durable.
   * @param expected what the database should hold beside, asked when it had to be opened anew
   * @throws StorageError
   */
  async write(operations: readonly LevelOperation[], expected: () => ReadonlyMap<string, Uint8Array>): Promise<void> {
    try {
      const database = this.#database ?? (await this.#reopen(expected));
      await database.batch(operations, { sync: true });
      if ((await stat(join(this.path, 'CURRENT'))).ino !== this.#inode) throw new Error('the folder has been replaced');
      this.#failed = undefined;
    } catch (error) {
      await this.#giveUp(error);
      throw storageError(this.path, 'the write is not on disk', error);
    }
  }

  async close(): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    await database?.close();
  }

  async #reopen(expected: () => ReadonlyMap<string, Uint8Array>): Promise<LevelDatabase> {
    if (this.#failed !== undefined && this.#clock.now() - this.#failed.at < REOPEN_MS) throw this.#failed.error;
    await this.open();
    const missing = new Map(expected());
    const operations: LevelOperation[] = [];
    for await (const [key] of this.entries()) if (!missing.delete(key)) operations.push({ type: 'del', key });
    for (const [key, value] of missing) operations.push({ type: 'put', key, value });
    const database = this.#database as LevelDatabase | undefined as LevelDatabase;
    if (operations.length > 0) await database.batch(operations, { sync: true });
    return database;
  }

  async #giveUp(error: unknown): Promise<void> {
    if (error !== this.#failed?.error) this.#failed = { error, at: this.#clock.now() };
    // A database that cannot even be closed holds its lock until the process ends.
    await this.close().catch(() => {});
  }
}
