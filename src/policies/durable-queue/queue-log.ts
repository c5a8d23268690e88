/** One write that waits, as the log keeps it. */
export interface QueueRecord {
  /** Sorts as the order of writing; unique within the log. */
  readonly id: string;
  /** Wall clock in ms: the only time that means something to the next process. */
  readonly at: number;
  readonly keys: readonly string[];
  readonly payload: Uint8Array;
}

/** A write that was given up. */
export interface DeadLetter {
  readonly record: QueueRecord;
  /** Why. */
  readonly error: unknown;
  readonly attempts: number;
  /** The payload for people to read. */
  readonly readable: string;
}

/** Changes that become durable together. */
export interface QueueChanges {
  readonly append: readonly QueueRecord[];
  readonly remove: readonly string[];
}

/**
 * Where a queue keeps its entries. `otel-breaker/storage` has one on disk, the tests' `MemoryQueueLog` is the reference; both pass one suite.
 * The queue never has two calls of `commit` under way.
 */
export interface QueueLog {
  /** Milliseconds of the wall clock. */
  now(): number;
  /**
   * Everything that is still to be written, in order; what other processes have left behind comes first.
   * @param held asked, when the log had to begin anew after a fault, for what it should hold
   */
  open(held: () => Iterable<QueueRecord>): Promise<readonly QueueRecord[]>;
  /** Resolves once the changes would survive the loss of power. Rejects if that is not certain; then none of `append` may come back. */
  commit(changes: QueueChanges): Promise<void>;
  /** What other processes have left behind since, and nobody else has taken over. */
  adopt(): Promise<readonly QueueRecord[]>;
  /** Sets a write aside, durably. It is removed from the log afterwards, by `commit`. */
  bury(letter: DeadLetter): Promise<void>;
  close(): Promise<void>;
}

const DIGITS = 16;

/** The id of the nth write of a process. */
export function recordId(order: number): string {
  return String(order).padStart(DIGITS, '0');
}

/** The n of a process's own write; `undefined` for a write taken over from another process. */
export function orderOf(id: string): number | undefined {
  return /^\d+$/.test(id) ? Number(id) : undefined;
}
