import type { QueueRecord } from './queue-log.ts';

/** `appending`: not durable yet. `ready`: in the hands of the replay. `sent`: carried out, its removal from the log not durable yet. */
export type EntryState = 'appending' | 'waiting' | 'ready' | 'sending' | 'sent';

/** A queued write in memory. */
export interface QueueEntry {
  readonly record: QueueRecord;
  /** Place in the order of all writes of this process; negative for those of earlier ones. */
  readonly order: number;
  /** On the clock, when it was queued. */
  readonly since: number;
  state: EntryState;
  /** Failed attempts while the server was working otherwise. */
  attempts: number;
  /** Successes of the whole queue when it last failed. */
  successesSeen: number;
}

interface Chain {
  readonly entries: QueueEntry[];
  /** How many at the beginning have been carried out. */
  sent: number;
}

/** The order of writes, key by key. A write of several keys waits for its turn in each of them. */
export class KeyChains {
  readonly #chains = new Map<string, Chain>();
  #entries = new Set<QueueEntry>();

  get size(): number {
    return this.#entries.size;
  }

  all(): Iterable<QueueEntry> {
    return this.#entries;
  }

  has(key: string): boolean {
    return this.#chains.has(key);
  }

  of(key: string): readonly QueueEntry[] {
    return this.#chains.get(key)?.entries ?? [];
  }

  /**
   * Takes its place in the order. `false`, and nothing done, if a later one of a key has been taken up already; with `late` it then comes
   * right behind that one.
   */
  add(entry: QueueEntry, late = false): boolean {
    if (!late && entry.record.keys.some((key) => this.#takenUp(key).some(({ order }) => order > entry.order))) return false;
    for (const key of entry.record.keys) {
      const chain = this.#chains.get(key) ?? { entries: [], sent: 0 };
      this.#chains.set(key, chain);
      const first = this.#takenUp(key).length;
      let place = chain.entries.length;
      while (place > first && (chain.entries[place - 1] as QueueEntry).order > entry.order) place--;
      chain.entries.splice(place, 0, entry);
    }
    this.#entries.add(entry);
    return true;
  }

  /** Whether everything before it, in each of its keys, has been carried out. */
  isNext(entry: QueueEntry): boolean {
    return entry.record.keys.every((key) => {
      const chain = this.#chains.get(key);
      return chain !== undefined && chain.entries[chain.sent] === entry;
    });
  }

  /** Counts it as carried out; returns those whose turn may have come. */
  sent(entry: QueueEntry): QueueEntry[] {
    entry.state = 'sent';
    for (const key of entry.record.keys) {
      const chain = this.#chains.get(key);
      if (chain !== undefined) chain.sent++;
    }
    return this.#after(entry);
  }

  /** Forgets it; returns those whose turn may have come. */
  remove(entry: QueueEntry): QueueEntry[] {
    if (!this.#entries.delete(entry)) return [];
    for (const key of entry.record.keys) {
      const chain = this.#chains.get(key);
      if (chain === undefined) continue;
      chain.entries.splice(chain.entries.indexOf(entry), 1);
      if (entry.state === 'sent') chain.sent--;
      if (chain.entries.length === 0) this.#chains.delete(key);
    }
    return this.#after(entry);
  }

  #after(entry: QueueEntry): QueueEntry[] {
    return this.nextOf(entry.record.keys);
  }

  /** Those of some keys whose turn it is. */
  nextOf(keys: readonly string[]): QueueEntry[] {
    const next = new Set<QueueEntry>();
    for (const key of keys) {
      const chain = this.#chains.get(key);
      const candidate = chain?.entries[chain.sent];
      if (candidate !== undefined && candidate.state === 'waiting' && this.isNext(candidate)) next.add(candidate);
    }
    return [...next];
  }

  #takenUp(key: string): readonly QueueEntry[] {
    const chain = this.#chains.get(key);
    if (chain === undefined) return [];
    return chain.entries.slice(0, chain.sent + (chain.entries[chain.sent]?.state === 'sending' ? 1 : 0));
  }
}
