import type { ResolvedQueue, ResolvedStale } from '../core/resolve-policies.ts';
import type { DurableQueue } from './durable-queue/durable-queue.ts';
import type { Codec } from './stale-cache/codec.ts';
import type { HttpRules } from './stale-cache/http-rules.ts';

/** An answer of earlier. */
export interface StaleAnswer<T> {
  readonly value: T;
  readonly ageMs: number;
  /** Young enough to count as fresh. */
  readonly fresh?: boolean;
}

type Awaitable<T> = T | Promise<T>;

/** The last good answers of reads, by key. Nothing here may throw, or wait for a disk: a fault is the store's own to report. */
export interface StaleStore {
  /** Keeps an answer; may decline. The value is the caller's: what is kept is a copy. */
  set(key: string, value: unknown): unknown;
  /** An answer no older than allowed, as a copy. */
  get(key: string): Awaitable<StaleAnswer<unknown> | undefined>;
}

/** What metrics tell of a durable queue. */
export interface QueueGauge {
  /** Entries that wait. */
  readonly depth: number;
  /** Of the oldest of them, in ms. */
  readonly ageMs: number;
}

/** A call's part in the cache of last good answers, given by whoever knows what its answers are made of. */
export interface StaleHook<T> {
  /** The call has succeeded with this. Must not throw and must leave the value usable for the caller. */
  keep(value: T): void;
  /** What is served and not fresh is marked as stale by whoever serves it. */
  find(): Awaitable<StaleAnswer<T> | undefined>;
}

/** A write's part in the durable queue, given by whoever knows which writes can be answered truthfully without being made. */
export interface QueueHook<T> {
  /** For the metrics of the breaker. */
  readonly gauge?: QueueGauge;
  /** Whether writes of the same key wait already: this one has to queue up behind them. If not, it takes its place in the order now. */
  behind(): boolean;
  /** Whether there is no room for it now, as far as can be told beforehand. */
  isFull?(): boolean;
  /** The write was refused before it was sent: nothing that comes after it may be made before it. */
  refused?(): void;
  /** The write was made without the queue. */
  passed(): void;
  /** Resolves with the write's reply once it is safe on disk; rejects when the queue is full or cannot write. */
  append(cause: unknown): Promise<T>;
  /** The call has ended, whatever has come of the write. */
  over?(): void;
}

/** A queue of writes on disk, which takes a moment to open. */
export interface QueueSlot {
  /** `undefined` while it is being opened, and where it cannot be. */
  readonly queue: DurableQueue | undefined;
  /** Settles once it is open or cannot be opened, which has been said then; after a reload that tries again it is another one. Never rejects. */
  readonly opened: Promise<void>;
  /** Tells once it is open, however often that had to be tried; at once if it is. */
  onOpen(listener: () => void): void;
  /** Whether {@link opened} has settled. */
  readonly settled: boolean;
}

/** What policies use of the outside; the composition root knows. */
export interface PolicyPorts {
  /** Where answers are kept that are to outlive the process. @param breaker its name */
  stale?(breaker: string, options: ResolvedStale & { readonly path: string }, codec?: Codec): StaleStore | undefined;
  /** Whether any options name a queue. */
  readonly mayQueue?: boolean;
  /** The queue of a path: one for all who name it. */
  queue?(options: ResolvedQueue): QueueSlot | undefined;
  /** The rules of HTTP caching; `undefined` where their package is not installed, which has been said at the start. */
  readonly http?: HttpRules | undefined;
}

let ports: PolicyPorts = {};

/** Sets what policies use of the outside; returns what was set before. */
export function setPolicyPorts(next: PolicyPorts): PolicyPorts {
  const before = ports;
  ports = next;
  return before;
}

/** @internal */
export function policyPorts(): PolicyPorts {
  return ports;
}
