import type { ResolvedQueue } from '../core/resolve-policies.ts';
import type { DurableQueue } from '../policies/durable-queue/durable-queue.ts';
import type { QueueSlot } from '../policies/ports.ts';

/** A durable queue that opens when it is first asked for. */
export class OpeningQueue implements QueueSlot {
  readonly opened: Promise<void>;
  #queue: DurableQueue | undefined;
  #settled = false;

  /** @param options of the first who names the folder; all others share them */
  constructor(path: string, options: ResolvedQueue, tell: (message: string) => void) {
    this.opened = open(path, options)
      .then((queue) => {
        this.#queue = queue;
      })
      .catch((error: unknown) => tell(`otel-breaker: writes are not queued: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        this.#settled = true;
      });
  }

  get queue(): DurableQueue | undefined {
    return this.#queue;
  }

  get settled(): boolean {
    return this.#settled;
  }

  async close(): Promise<void> {
    await this.opened;
    await this.#queue?.close();
  }
}

async function open(path: string, { maxEntries, maxBytes, replayPerSecond, maxAttempts }: ResolvedQueue): Promise<DurableQueue> {
  const [{ DurableQueue: Queue }, { queueLog }] = await Promise.all([
    import('../policies/durable-queue/durable-queue.ts'),
    import('../storage/level-queue-log.ts'),
  ]);
  return Queue.open(await queueLog(path), { name: path, maxEntries, maxBytes, replayPerSecond, maxAttempts });
}
