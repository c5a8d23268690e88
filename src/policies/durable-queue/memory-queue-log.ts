import type { DeadLetter, QueueChanges, QueueLog, QueueRecord } from './queue-log.ts';

/** A log that survives nothing: for tests, and for who wants order and replay but no disk. */
export class MemoryQueueLog implements QueueLog {
  readonly records = new Map<string, QueueRecord>();
  readonly deadLetters: DeadLetter[] = [];
  readonly #now: () => number;

  /** @param now the time to stamp writes with, in ms */
  constructor(now: () => number = () => 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now();
  }

  async open(_held?: () => Iterable<QueueRecord>): Promise<readonly QueueRecord[]> {
    return [...this.records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async commit({ append, remove }: QueueChanges): Promise<void> {
    for (const id of remove) this.records.delete(id);
    for (const record of append) this.records.set(record.id, record);
  }

  async adopt(): Promise<readonly QueueRecord[]> {
    return [];
  }

  async bury(letter: DeadLetter): Promise<void> {
    this.deadLetters.push(letter);
  }

  async close(): Promise<void> {}
}
