import type { DirectWrite } from './direct-writes.ts';
import type { DurableQueue } from './durable-queue.ts';

/** A write to be queued. */
export interface QueuedWrite {
  /** Under which name it was registered by {@link DurableQueue.handle}: who carries it out. */
  readonly handler: string;
  /** What it changes. Writes that share a key keep their order. */
  readonly keys: readonly string[];
  /** Kept as a copy; see `createCodec` for what can be. */
  readonly payload: unknown;
  /** The attempt to make it without the queue that has failed: its place in the order is that of its beginning. Default: the end. */
  readonly direct?: DirectWrite | undefined;
  /** Why it is queued: the cause of the error, if it cannot be. */
  readonly cause?: unknown;
}

/** A write that waits, as reads see it. */
export interface PendingWrite {
  readonly handler: string;
  readonly payload: unknown;
  /** ms since it was queued. */
  readonly ageMs: number;
}

export interface QueueEvents {
  readonly appended: { readonly queue: DurableQueue; readonly keys: readonly string[] };
  /** A write was refused: the queue is full, or its storage failed. */
  readonly refused: { readonly queue: DurableQueue; readonly error: Error };
  readonly delivered: { readonly queue: DurableQueue; readonly keys: readonly string[]; readonly ageMs: number };
  readonly deadLetter: { readonly queue: DurableQueue; readonly keys: readonly string[]; readonly error: unknown; readonly attempts: number };
  /** Nothing waits any more. */
  readonly drained: { readonly queue: DurableQueue };
}

/** Counted since the beginning of the process. */
export interface QueueCounts {
  readonly appended: number;
  readonly delivered: number;
  readonly deadLetters: number;
  /** Not queued: full, overtaken, or storage failed. */
  readonly refused: number;
}
