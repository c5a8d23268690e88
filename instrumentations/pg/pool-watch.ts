import type { Timer } from '../../src/core/clock.ts';
import { reportFault } from '../../src/core/fault.ts';
import { isolated } from '../../src/core/isolated.ts';
import type { PoolReading, PoolSeat, ReadPool } from '../../src/registry/pools.ts';
import type { Database } from './database.ts';
import { POOL_CALM_MS, POOL_LOOK_MS } from './defaults.ts';
import type { PgPool } from './types.ts';

/** Whether an error is pg-pool's own: all its connections were in use for longer than its `connectionTimeoutMillis`. */
export const isPoolTimeout = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && (error as { message?: unknown }).message === 'timeout exceeded when trying to connect';

/**
 * Follows one pool: its numbers for telemetry, and whether calls wait because all its connections are in use. It is
 * exhausted when a call gives up waiting, or one stands at the head of the queue for a second, and the server answers when
 * asked: if it does not, the queue is the server's doing, and its circuits tell of that.
 */
export class PoolWatch {
  readonly database: Database;
  /** A pool that nobody ended must be free to go. */
  readonly #pool: WeakRef<PgPool>;
  readonly #seat: PoolSeat;
  readonly #read: ReadPool;
  #timer: Timer | undefined;
  /** What stood at the head of the queue when it was looked at last. */
  #head: WeakRef<object> | undefined;
  #pressedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #exhaustedAt: number | undefined;
  #timeouts = 0;
  #ended = false;

  constructor(pool: PgPool, database: Database) {
    this.database = database;
    const held = new WeakRef(pool);
    this.#pool = held;
    this.#read = () => readingOf(held.deref());
    const { registry, group, address, port } = database.server;
    const target = { system: 'postgresql', address, ...(port === undefined ? {} : { port }), namespace: database.name, server: group.key };
    this.#seat = registry.pools.add(`${group.key}/${database.name}`, target, this.#read);
  }

  /** A call has asked for a connection: while it has to wait, the queue is looked at. */
  asked({ idleCount = 0, _pendingQueue: queue }: PgPool): void {
    if (queue !== undefined && queue.length > idleCount && this.#timer === undefined) isolated('watching a pool', () => this.#schedule());
  }

  /** A call gave up waiting. To be called in its own async context. */
  timedOut(pool: PgPool): void {
    isolated('watching a pool', () => {
      const now = this.#now();
      // The call itself has left the queue already.
      const { waiting, ...reading } = readingOf(pool) ?? nothing;
      const then = { ...reading, waiting: waiting + 1 };
      this.database.server.registry.pools.timedOut(this.#seat, then);
      if (this.#exhaustedAt === undefined && now - this.#pressedAt > POOL_CALM_MS) this.#timeouts = 0;
      this.#timeouts += 1;
      this.#pressedAt = now;
      this.#suspect(then);
    });
  }

  /** The pool has been told to end. */
  ended(): void {
    isolated('watching a pool', () => {
      this.#ended = true;
      this.database.server.registry.pools.remove(this.#seat, this.#read);
      this.#timer?.cancel();
      this.#relieved(nothing);
    });
  }

  #now(): number {
    return this.database.server.registry.clock.now();
  }

  #schedule(): void {
    if (this.#ended) return;
    this.#timer?.cancel();
    this.#timer = this.database.server.registry.clock.setTimer(() => isolated('watching a pool', () => this.#look()), POOL_LOOK_MS);
  }

  #look(): void {
    this.#timer = undefined;
    const pool = this.#pool.deref();
    const reading = readingOf(pool);
    const head = pool?._pendingQueue?.[0];
    const stuck = head !== undefined && head === this.#head?.deref();
    this.#head = head && new WeakRef(head);
    const now = this.#now();
    if (stuck) this.#pressedAt = now;
    if (reading === undefined || now - this.#pressedAt >= POOL_CALM_MS) this.#relieved(reading ?? nothing);
    else if (stuck) this.#suspect(reading);
    if (reading !== undefined && (head !== undefined || this.#exhaustedAt !== undefined)) this.#schedule();
  }

  /** Asks whether the server is there before the pool is blamed, at most once per look. */
  #suspect(reading: PoolReading): void {
    const now = this.#now();
    if (this.#exhaustedAt !== undefined || now - this.#askedAt < POOL_LOOK_MS) return;
    this.#askedAt = now;
    this.database.server.answers().then(
      (answers) => {
        if (answers && !this.#ended) this.#exhausted(reading, now);
      },
      (fault: unknown) => reportFault(fault, 'watching a pool'),
    );
  }

  #exhausted(reading: PoolReading, at: number): void {
    if (this.#exhaustedAt !== undefined) return;
    this.#exhaustedAt = at;
    this.database.server.registry.pools.tell('exhausted', { seat: this.#seat, reading, timeouts: this.#timeouts });
    this.#schedule();
  }

  #relieved(reading: PoolReading): void {
    const at = this.#exhaustedAt;
    if (at === undefined) return;
    this.#exhaustedAt = undefined;
    const event = { seat: this.#seat, reading, timeouts: this.#timeouts, durationMs: this.#now() - at };
    this.database.server.registry.pools.tell('relieved', event);
  }
}

const nothing: PoolReading = { used: 0, idle: 0, limit: 0, waiting: 0 };

/** `undefined` for a pool that is gone or ends: it has no connections to give. */
function readingOf(pool: PgPool | undefined): PoolReading | undefined {
  if (pool === undefined || pool.ending === true) return undefined;
  const { totalCount = 0, idleCount = 0, _pendingQueue: queue, options } = pool;
  return { used: Math.max(0, totalCount - idleCount), idle: idleCount, limit: options?.max ?? 0, waiting: queue?.length ?? 0 };
}
