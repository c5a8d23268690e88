import { basename } from 'node:path';
import { type Clock, systemClock } from '../core/clock.ts';
import { reportFault } from '../core/fault.ts';
import { type DeadLetter, orderOf, type QueueChanges, type QueueLog, type QueueRecord } from '../policies/durable-queue/queue-log.ts';
import { appendDeadLetter } from './dead-letters.ts';
import type { LevelSlot } from './level-slot.ts';
import { loadLevel, storageError } from './load-level.ts';
import { decodeRecord, encodeRecord } from './record-format.ts';
import { Slots } from './slots.ts';
import { wallTime } from './wall-time.ts';

/**
 * A queue's log in a folder, by LevelDB: each commit is written and flushed to the disk (`fdatasync`) before it resolves.
 * Several processes may name the same folder: each has a database of its own in it.
 * @throws StorageError if `classic-level` is not installed: at start, not in the first outage
 */
export async function queueLog(path: string, { clock = systemClock }: { readonly clock?: Clock } = {}): Promise<QueueLog> {
  return new LevelQueueLog(new Slots(path, await loadLevel(path), clock));
}

class LevelQueueLog implements QueueLog {
  readonly #slots: Slots;
  #own: LevelSlot | undefined;
  /** Of ended processes, until they are empty: how many records each has left. */
  readonly #foreign = new Map<LevelSlot, number>();
  #held: () => Iterable<QueueRecord> = () => [];

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  now(): number {
    return wallTime();
  }

  async open(held: () => Iterable<QueueRecord>): Promise<readonly QueueRecord[]> {
    this.#held = held;
    this.#own = await this.#slots.claim();
    try {
      return [...(await this.adopt()), ...(await read(this.#own, ''))];
    } catch (error) {
      await this.close();
      throw storageError(this.#slots.path, 'cannot be read', error);
    }
  }

  async adopt(): Promise<readonly QueueRecord[]> {
    const found: Placed[] = [];
    const mine = [...this.#foreign.keys(), ...(this.#own === undefined ? [] : [this.#own])];
    for (const slot of await this.#slots.orphans(mine)) {
      const records = await read(slot, prefixOf(slot));
      this.#foreign.set(slot, records.length);
      found.push(...placed(records));
    }
    return found.sort((a, b) => a.at - b.at).map(({ record }) => record);
  }

  async commit({ append, remove }: QueueChanges): Promise<void> {
    const own = this.#own;
    if (own === undefined) throw storageError(this.#slots.path, 'is not open', undefined);
    for (const slot of this.#foreign.keys()) await this.#removeFrom(slot, remove);
    const deletions = remove.filter((id) => orderOf(id) !== undefined).map((key) => ({ type: 'del', key }) as const);
    const puts = append.map((record) => ({ type: 'put', key: record.id, value: encodeRecord(record) }) as const);
    if (deletions.length + puts.length > 0) await own.write([...deletions, ...puts], () => this.#expected(''));
  }

  async bury(letter: DeadLetter): Promise<void> {
    const path = `${this.#slots.path}/dead-letters-${basename(this.#own?.path ?? 'slot-0')}.jsonl`;
    try {
      await appendDeadLetter(path, letter, wallTime());
    } catch (error) {
      throw storageError(path, 'cannot be written', error);
    }
  }

  async close(): Promise<void> {
    const open = [...this.#foreign.keys(), ...(this.#own === undefined ? [] : [this.#own])];
    this.#foreign.clear();
    this.#own = undefined;
    for (const slot of open) await slot.close();
  }

  async #removeFrom(slot: LevelSlot, remove: readonly string[]): Promise<void> {
    const prefix = prefixOf(slot);
    const deletions = remove.filter((id) => id.startsWith(prefix)).map((id) => ({ type: 'del', key: id.slice(prefix.length) }) as const);
    if (deletions.length === 0) return;
    try {
      await slot.write(deletions, () => this.#expected(prefix));
    } catch (error) {
      // Not a reason to refuse new writes. At worst they are carried out once more, by whoever finds them.
      reportFault(error, 'removing queued writes of an ended process');
    }
    const left = (this.#foreign.get(slot) ?? 0) - deletions.length;
    if (left > 0) return void this.#foreign.set(slot, left);
    this.#foreign.delete(slot);
    await this.#slots.letGo(slot).catch(() => {});
  }

  /** What a database that was opened anew should hold. */
  #expected(prefix: string): Map<string, Uint8Array> {
    const expected = new Map<string, Uint8Array>();
    for (const record of this.#held()) {
      const own = prefix === '' ? orderOf(record.id) !== undefined : record.id.startsWith(prefix);
      if (own) expected.set(record.id.slice(prefix.length), encodeRecord(record));
    }
    return expected;
  }
}

interface Placed {
  readonly record: QueueRecord;
  /** Where it comes among those of other processes. */
  readonly at: number;
}

/**
 * Of one process the ids are the order, whatever its clock says: a write that was tried before it was queued is stamped later than those that
 * came behind it.
 */
function placed(records: readonly QueueRecord[]): Placed[] {
  let at = Number.NEGATIVE_INFINITY;
  return records.map((record) => {
    at = Math.max(at, record.at);
    return { record, at };
  });
}

function prefixOf(slot: LevelSlot): string {
  return `${basename(slot.path)}/`;
}

async function read(slot: LevelSlot, prefix: string): Promise<QueueRecord[]> {
  const records: QueueRecord[] = [];
  for await (const [key, value] of slot.entries()) records.push({ ...decodeRecord(key, value), id: prefix + key });
  return records;
}
