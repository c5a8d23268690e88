import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import { Emitter } from '../../core/emitter.ts';
import { ConfigError, QueueFullError, QueueOvertakenError, StorageError } from '../../core/errors.ts';
import { reportFault } from '../../core/fault.ts';
import { type Codec, createCodec } from '../stale-cache/codec.ts';
import { type DirectWrite, DirectWrites } from './direct-writes.ts';
import { GroupCommit } from './group-commit.ts';
import { HandlerBook } from './handler-book.ts';
import type { QueueHandler } from './handlers.ts';
import { KeyChains, type QueueEntry } from './key-chains.ts';
import { type DurableQueueOptions, resolveQueueOptions } from './options.ts';
import { orderOf, type QueueLog, type QueueRecord, recordId } from './queue-log.ts';
import type { PendingWrite, QueueCounts, QueuedWrite, QueueEvents } from './queued-write.ts';
import { Removals } from './removals.ts';
import { Replay } from './replay.ts';

export interface QueueEnvironment {
  readonly clock?: Clock;
  readonly codec?: Codec;
}

/**
 * Writes that could not be made, kept until they can be: durable before their callers are answered, in order by key, carried out at
 * least once. After a crash the writes whose removal was not durable yet are carried out again, in their old order.
 */
export class DurableQueue {
  #options: Required<DurableQueueOptions>;
  readonly #clock: Clock;
  readonly #log: QueueLog;
  readonly #commit: GroupCommit;
  readonly #removals: Removals;
  readonly #chains = new KeyChains();
  readonly #direct: DirectWrites;
  readonly #replay: Replay;
  readonly #handlers: HandlerBook;
  readonly #events = new Emitter<QueueEvents>();
  readonly #counts = { appended: 0, delivered: 0, deadLetters: 0, refused: 0 };
  #bytes = 0;
  #nextOrder = 1;
  #nextForeign = -Number.MAX_SAFE_INTEGER;
  #closed = false;
  #adopting: Timer | undefined;

  /** @throws StorageError if the log cannot be opened; ConfigError for options that cannot be used */
  static async open(log: QueueLog, options: DurableQueueOptions = {}, environment: QueueEnvironment = {}): Promise<DurableQueue> {
    const queue = new DurableQueue(log, options, environment);
    queue.#take(await log.open(() => queue.#held()));
    queue.#replay.resume();
    queue.#adoptLater();
    return queue;
  }

  private constructor(log: QueueLog, options: DurableQueueOptions, { clock = systemClock, codec = createCodec() }: QueueEnvironment) {
    this.#options = resolveQueueOptions(options);
    this.#clock = clock;
    this.#handlers = new HandlerBook(codec);
    this.#log = log;
    this.#commit = new GroupCommit(log);
    this.#removals = new Removals(this.#commit, clock, this.options.retryMs, this.options.name);
    this.#direct = new DirectWrites(clock, (keys) => this.#freed(keys));
    const port = {
      isHeldUp: (entry: QueueEntry) => this.#isHeldUp(entry),
      chains: this.#chains,
      attempt: ({ record, since, attempts }: QueueEntry) =>
        this.#handlers.attempt(record.payload, { keys: record.keys, ageMs: clock.now() - since, attempt: attempts + 1 }),
      done: (entry: QueueEntry) => void this.#remove(entry),
      delivered: (entry: QueueEntry) => this.#delivered(entry),
      bury: (entry: QueueEntry, error: unknown) => this.#bury(entry, error),
    };
    this.#replay = new Replay(port, clock, this.options);
  }

  get options(): Required<DurableQueueOptions> {
    return this.#options;
  }

  /**
   * Changes limits and pace while it runs. What it holds beyond a lower limit stays; only new writes are refused.
   * @throws ConfigError for options that cannot be used, and for another name, by which it is known already; nothing has changed then
   */
  setOptions(changes: Omit<DurableQueueOptions, 'name'>): void {
    const { name } = this.#options;
    const { name: other = name } = changes as DurableQueueOptions;
    if (other !== name) throw new ConfigError([{ path: 'name', value: other, allowed: `${name}, since a queue keeps its name` }]);
    this.#options = resolveQueueOptions({ ...this.#options, ...changes, name });
    this.#replay.setOptions(this.#options);
  }

  /** Entries that are not known to have been carried out. */
  get depth(): number {
    return this.#chains.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether an entry of so many bytes would be refused for want of room. */
  isFullFor(bytes: number): boolean {
    return this.#chains.size >= this.options.maxEntries || this.#bytes + bytes > this.options.maxBytes;
  }

  /** ms since the oldest entry was queued; 0 with none. */
  get ageMs(): number {
    let oldest = this.#clock.now();
    for (const { since } of this.#chains.all()) oldest = Math.min(oldest, since);
    return this.#clock.now() - oldest;
  }

  get counts(): QueueCounts {
    return this.#counts;
  }

  on<K extends keyof QueueEvents>(name: K, listener: (event: QueueEvents[K]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  /** Says who carries out the writes of a name. Those that wait for it go on. */
  handle<P>(name: string, handler: QueueHandler<P>): Disposable {
    const registered = this.#handlers.set(name, handler as QueueHandler);
    for (const entry of this.#chains.all()) if (this.#chains.isNext(entry)) this.#replay.offer(entry);
    return registered;
  }

  /** Whether a write of any of these keys has to be queued behind others. */
  has(...keys: readonly string[]): boolean {
    return keys.some((key) => this.#chains.has(key) || this.#direct.waits(key));
  }

  /** What waits for a key and is durable, in order. Empty while the last of them has been carried out but is not removed yet. */
  pending(key: string): readonly PendingWrite[] {
    const now = this.#clock.now();
    return this.#chains
      .of(key)
      .filter(({ state }) => state !== 'appending' && state !== 'sent')
      .map(({ record, since }) => ({ ...this.#handlers.open(record.payload), ageMs: now - since }));
  }

  /**
   * A place in the order, for a write that is tried first and queued only if it fails. To be ended, whatever comes of it: by {@link passed}, by
   * {@link append}, or by `over()`.
   */
  begin(keys: readonly string[]): DirectWrite {
    return this.#direct.begin(this.#nextOrder++, [...new Set(keys)]);
  }

  /** A write was carried out without the queue: earlier ones of its keys may not be queued any more. */
  passed(write: DirectWrite): void {
    write.passed((each) => this.#direct.overtake(each));
  }

  /**
   * Resolves once the write would survive a crash or a loss of power.
   * @throws QueueFullError, QueueOvertakenError, StorageError, NotPreservedError: nothing was kept of it
   */
  async append({ handler, keys, payload, direct, cause }: QueuedWrite): Promise<void> {
    direct?.failed();
    try {
      if (this.#closed) throw new StorageError(`${this.options.name}: the queue is closed`, '');
      await this.#append([...new Set(keys)], this.#handlers.close(handler, payload), direct, cause);
    } catch (error) {
      this.#counts.refused++;
      if (this.#events.heard('refused')) this.#events.emit('refused', { queue: this, error: error as Error });
      throw error;
    } finally {
      direct?.over();
    }
    this.#counts.appended++;
    if (this.#events.heard('appended')) this.#events.emit('appended', { queue: this, keys });
  }

  /** Somebody knows that the server is back: replay goes on at once. */
  resume(): void {
    this.#replay.resume();
  }

  /** Replays nothing until {@link resume}. Writes are queued as before. */
  pause(): void {
    this.#replay.pause();
  }

  /** Waits for what is under way, and lets go of the storage. What waits is carried out by the next process. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#removals.close();
    this.#adopting?.cancel();
    await this.#replay.close();
    await this.#commit.settled();
    await this.#log.close();
  }

  async #append(keys: readonly string[], payload: Uint8Array, direct: DirectWrite | undefined, cause: unknown): Promise<void> {
    const { name } = this.options;
    this.#checkRoom(payload, cause);
    const order = direct?.order ?? this.#nextOrder++;
    if (direct !== undefined) {
      await this.#direct.laterEnded(keys, order);
      this.#checkRoom(payload, cause);
    }
    const entry = this.#entryOf({ id: recordId(order), at: this.#log.now(), keys, payload }, order, 'appending');
    const later = direct?.overtakenAt;
    if (later !== undefined || !this.#chains.add(entry)) throw new QueueOvertakenError(name, later ?? (keys[0] as string), cause);
    direct?.over();
    this.#bytes += payload.byteLength;
    try {
      await this.#commit.append(entry.record);
    } catch (error) {
      this.#forget(entry);
      throw error instanceof StorageError ? error : new StorageError(`${name}: the write could not be queued: ${String(error)}`, '', error);
    }
    entry.state = 'waiting';
    this.#replay.grant();
    if (this.#chains.isNext(entry)) this.#replay.offer(entry);
  }

  #checkRoom({ byteLength }: Uint8Array, cause: unknown): void {
    const { name, maxEntries, maxBytes } = this.options;
    if (this.#chains.size >= maxEntries) throw QueueFullError.of(name, `${maxEntries} entries`, cause);
    if (this.#bytes + byteLength > maxBytes) throw QueueFullError.of(name, `${maxBytes} bytes`, cause);
  }

  /** Whether an earlier write of its keys, which nobody has queued, is still on its way. It is offered again when that has ended, or has taken too long. */
  #isHeldUp(entry: QueueEntry): boolean {
    const ms = this.#direct.holdUpMs(entry.record.keys, entry.order);
    if (ms > 0) this.#clock.setTimer(() => this.#freed(entry.record.keys), ms);
    return ms > 0;
  }

  /** Nothing holds up writes of these keys that wait any more. */
  #freed(keys: readonly string[]): void {
    for (const entry of this.#chains.nextOf(keys)) this.#replay.offer(entry);
  }

  /** Carried out, or set aside. Until that is durable, its keys are not free: a crash would carry it out again. */
  async #remove(entry: QueueEntry): Promise<void> {
    const { keys, id } = entry.record;
    this.#direct.overtake({ keys, order: entry.order });
    if (!(await this.#removals.remove(id))) return;
    this.#forget(entry);
    if (this.#chains.size === 0 && this.#events.heard('drained')) this.#events.emit('drained', { queue: this });
  }

  async #bury(entry: QueueEntry, error: unknown): Promise<void> {
    const { record, attempts } = entry;
    try {
      await this.#log.bury({ record, error, attempts, readable: this.#handlers.readable(record.payload) });
    } catch (fault) {
      reportFault(fault, `${this.options.name}: setting an entry aside`);
      throw fault;
    }
    this.#counts.deadLetters++;
    if (this.#events.heard('deadLetter')) this.#events.emit('deadLetter', { queue: this, keys: record.keys, error, attempts });
  }

  #delivered(entry: QueueEntry): void {
    this.#counts.delivered++;
    if (!this.#events.heard('delivered')) return;
    this.#events.emit('delivered', { queue: this, keys: entry.record.keys, ageMs: this.#clock.now() - entry.since });
  }

  #forget(entry: QueueEntry): void {
    this.#bytes -= entry.record.payload.byteLength;
    for (const next of this.#chains.remove(entry)) this.#replay.offer(next);
  }

  /** Takes in what the log has. */
  #take(records: readonly QueueRecord[]): void {
    const taken = records.map((record) => {
      const order = orderOf(record.id);
      if (order !== undefined) this.#nextOrder = Math.max(this.#nextOrder, order + 1);
      const entry = this.#entryOf(record, order ?? this.#nextForeign++, 'waiting');
      this.#chains.add(entry, true);
      this.#bytes += record.payload.byteLength;
      return entry;
    });
    for (const entry of taken) if (this.#chains.isNext(entry)) this.#replay.offer(entry);
  }

  #entryOf(record: QueueRecord, order: number, state: QueueEntry['state']): QueueEntry {
    // A wall clock that was set back makes nothing younger than new.
    const since = this.#clock.now() - Math.max(0, this.#log.now() - record.at);
    return { record, order, since, state, attempts: 0, successesSeen: this.#replay.successes };
  }

  *#held(): Iterable<QueueRecord> {
    for (const { record, state } of this.#chains.all()) if (state !== 'appending' && state !== 'sent') yield record;
  }

  #adoptLater(): void {
    this.#adopting = this.#clock.setTimer(async () => {
      try {
        const records = await this.#log.adopt();
        if (!this.#closed) this.#take(records);
      } catch (error) {
        reportFault(error, `${this.options.name}: taking over what ended processes have left behind`);
      }
      if (!this.#closed) this.#adoptLater();
    }, this.options.adoptMs);
  }
}
