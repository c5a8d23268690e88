import { isolated } from '../core/isolated.ts';
import type { ResolvedQueue } from '../core/resolve-policies.ts';
import type { DurableQueue } from '../policies/durable-queue/durable-queue.ts';
import type { QueueSlot } from '../policies/ports.ts';

/** A durable queue that opens when it is first asked for. */
export class OpeningQueue implements QueueSlot {
  #opened: Promise<void>;
  #queue: DurableQueue | undefined;
  #settled = false;
  #options: ResolvedQueue;
  readonly #listeners: (() => void)[] = [];
  readonly #path: string;
  readonly #tell: (message: string, error: unknown) => void;

  /** @param options of the first who names the folder; all others share them */
  constructor(path: string, options: ResolvedQueue, tell: (message: string, error: unknown) => void) {
    this.#path = path;
    this.#options = options;
    this.#tell = tell;
    this.#opened = this.#open();
  }

  get opened(): Promise<void> {
    return this.#opened;
  }

  get queue(): DurableQueue | undefined {
    return this.#queue;
  }

  get settled(): boolean {
    return this.#settled;
  }

  onOpen(listener: () => void): void {
    this.#listeners.push(listener);
    if (this.#queue !== undefined) isolated('opening a queue', listener);
  }

  /** The configuration has been read again: limits and pace change while it runs; one that could not be opened is tried again. */
  follow(options: ResolvedQueue): void {
    this.#options = options;
    this.#queue?.setOptions(limitsOf(options));
    if (this.#settled && this.#queue === undefined) this.#opened = this.#open();
  }

  async close(): Promise<void> {
    await this.#opened;
    await this.#queue?.close();
  }

  async #open(): Promise<void> {
    this.#settled = false;
    try {
      const [{ DurableQueue: Queue }, { queueLog }] = await Promise.all([
        import('../policies/durable-queue/durable-queue.ts'),
        import('../storage/level-queue-log.ts'),
      ]);
      const log = await queueLog(this.#path);
      this.#queue = await Queue.open(log, { name: this.#path, ...limitsOf(this.#options) });
      // They may have changed while it was opened.
      this.#queue.setOptions(limitsOf(this.#options));
    } catch (error) {
      this.#tell(`otel-breaker: writes are not queued: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    this.#settled = true;
    if (this.#queue !== undefined) for (const listener of this.#listeners) isolated('opening a queue', listener);
  }
}

function limitsOf({ maxEntries, maxBytes, replayPerSecond, maxAttempts }: ResolvedQueue) {
  return { maxEntries, maxBytes, replayPerSecond, maxAttempts };
}
