import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { reportFault } from '../core/fault.ts';
import { LevelSlot } from './level-slot.ts';
import { isDamaged, isLocked, type MakeLevel, storageError } from './load-level.ts';
import { wallTime } from './wall-time.ts';

/** More processes than this on one path are a mistake. */
const MAX_SLOTS = 1_024;
const prefix = 'slot-';

/**
 * Several processes on one path: each has a database of its own, `slot-0`, `slot-1`, ..., locked by the operating system for as long as
 * the process lives. What an ended process has left behind is taken over by the next one that looks.
 */
export class Slots {
  readonly path: string;
  readonly #make: MakeLevel;
  readonly #clock: Clock;
  /** Slots found empty, with the time of their last change. */
  readonly #empty = new Map<string, number>();

  constructor(path: string, make: MakeLevel, clock: Clock) {
    this.path = path;
    this.#make = make;
    this.#clock = clock;
  }

  /** The first one that nobody has. @throws StorageError */
  async claim(): Promise<LevelSlot> {
    for (let n = 0; n < MAX_SLOTS; n++) {
      const slot = await this.#open(`${prefix}${n}`);
      if (slot !== undefined) return slot;
    }
    throw storageError(this.path, `${MAX_SLOTS} processes have it open already`, undefined);
  }

  /** Those that nobody has and that hold something, now held by us. */
  async orphans(but: readonly LevelSlot[]): Promise<LevelSlot[]> {
    const found: LevelSlot[] = [];
    const names = (await readdir(this.path)).filter((name) => /^slot-\d+$/.test(name) && !but.some(({ path }) => path === join(this.path, name)));
    for (const name of names.sort()) {
      // Opening leaves files behind: not again unless somebody else has had it open since.
      if (this.#empty.get(name) === (await this.#changed(name))) continue;
      const slot = await this.#open(name).catch(() => undefined);
      if (slot === undefined) continue;
      if (await holdsAnything(slot)) found.push(slot);
      else await this.letGo(slot);
    }
    return found;
  }

  /** Closes an empty slot. */
  async letGo(slot: LevelSlot): Promise<void> {
    await slot.close();
    const name = slot.path.slice(this.path.length + 1);
    this.#empty.set(name, await this.#changed(name));
  }

  async #open(name: string): Promise<LevelSlot | undefined> {
    try {
      return await this.#openAsItIs(name);
    } catch (error) {
      if (!isDamaged((error as Error).cause)) throw error;
      await this.#setAside(name, error);
      return this.#openAsItIs(name);
    }
  }

  /**
   * A damaged slot must not keep anybody from queueing: it goes out of the way, and what can still be read of it comes back as one that an ended
   * process has left. Whoever renames it first does all that.
   */
  async #setAside(name: string, damage: unknown): Promise<void> {
    const aside = join(this.path, `damaged-${name}-${wallTime()}-${process.pid}`);
    try {
      await rename(join(this.path, name), aside);
    } catch {
      return;
    }
    try {
      await this.#make.repair(aside);
      const back = await this.#putBack(aside);
      reportFault(
        damage,
        `the queue: ${name} was damaged; what could be read of it is made as ${back}, whose folder lost has the files as they were`,
      );
    } catch {
      reportFault(damage, `the queue: ${name} is damaged and cannot be read; it is set aside as ${aside}`);
    }
  }

  /** Under the next free name, unless another process is faster. */
  async #putBack(aside: string): Promise<string> {
    for (let attempts = 1; ; attempts++) {
      const taken = (await readdir(this.path)).map((name) => Number(/^slot-(\d+)$/.exec(name)?.[1] ?? -1));
      const name = `${prefix}${Math.max(...taken) + 1}`;
      try {
        await rename(aside, join(this.path, name));
        return name;
      } catch (error) {
        if (attempts === 10) throw error;
      }
    }
  }

  async #openAsItIs(name: string): Promise<LevelSlot | undefined> {
    const slot = new LevelSlot(join(this.path, name), this.#make, this.#clock);
    try {
      await mkdir(this.path, { recursive: true, mode: 0o700 });
      await slot.open();
      return slot;
    } catch (error) {
      await slot.close().catch(() => {});
      if (isLocked(error)) return undefined;
      throw storageError(this.path, 'cannot be opened', error);
    }
  }

  async #changed(name: string): Promise<number> {
    return (await stat(join(this.path, name, 'CURRENT')).catch(() => undefined))?.mtimeMs ?? 0;
  }
}

async function holdsAnything(slot: LevelSlot): Promise<boolean> {
  for await (const _ of slot.entries()) return true;
  return false;
}
