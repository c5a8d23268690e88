import type { Clock } from '../../src/core/clock.ts';
import { DurableQueue } from '../../src/policies/durable-queue/durable-queue.ts';
import type { QueueHandler } from '../../src/policies/durable-queue/handlers.ts';
import { MemoryQueueLog } from '../../src/policies/durable-queue/memory-queue-log.ts';
import type { DurableQueueOptions } from '../../src/policies/durable-queue/options.ts';
import type { QueueChanges, QueueRecord } from '../../src/policies/durable-queue/queue-log.ts';
import { ManualClock } from '../../src/testing.ts';

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
}

/** A log whose commits can be held back or made to fail. */
export class TestLog extends MemoryQueueLog {
  commits = 0;
  fault: Error | undefined;
  buryFault: Error | undefined;
  held: () => Iterable<QueueRecord> = () => [];
  #gate: { promise: Promise<void>; open: () => void } | undefined;

  override async open(held: () => Iterable<QueueRecord> = () => []): Promise<readonly QueueRecord[]> {
    this.held = held;
    return super.open();
  }

  override async commit(changes: QueueChanges): Promise<void> {
    this.commits++;
    await this.#gate?.promise;
    if (this.fault) throw this.fault;
    await super.commit(changes);
  }

  override async bury(letter: Parameters<MemoryQueueLog['bury']>[0]): Promise<void> {
    if (this.buryFault) throw this.buryFault;
    await super.bury(letter);
  }

  hold(): void {
    let open = (): void => {};
    const promise = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { promise, open };
  }

  release(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }
}

/** A server that records what reaches it. */
export class Server implements QueueHandler<string> {
  readonly got: string[] = [];
  readonly ages: number[] = [];
  /** Thrown at each attempt, while set. */
  down: unknown;
  /** By payload: thrown for these alone. */
  readonly refuses = new Map<string, unknown>();
  attempts = 0;
  healthyNow: boolean | undefined;
  /** While set, attempts hang until it is called. */
  #held: (() => void)[] | undefined;
  maxInFlight = 0;
  #inFlight = 0;

  async deliver(payload: string, { ageMs }: { ageMs: number }): Promise<void> {
    this.attempts++;
    this.maxInFlight = Math.max(this.maxInFlight, ++this.#inFlight);
    const { down } = this;
    try {
      await null;
      if (this.#held) await new Promise<void>((resolve) => this.#held?.push(resolve));
      if (down !== undefined) throw down;
      if (this.refuses.has(payload)) throw this.refuses.get(payload);
      this.got.push(payload);
      this.ages.push(ageMs);
    } finally {
      this.#inFlight--;
    }
  }

  classify(error: unknown): 'unavailable' | 'poison' | 'retry' {
    return (error as { verdict?: 'unavailable' | 'poison' | 'retry' }).verdict ?? 'unavailable';
  }

  healthy(): boolean {
    return this.healthyNow ?? false;
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const go of held ?? []) go();
  }
}

export const failing = (verdict: 'unavailable' | 'poison' | 'retry'): Error => Object.assign(new Error(verdict), { verdict });

export async function makeQueue(options: DurableQueueOptions = {}, parts: { log?: TestLog; clock?: ManualClock; server?: Server } = {}) {
  const clock = parts.clock ?? new ManualClock(1_000);
  const log = parts.log ?? new TestLog(() => clock.now());
  const server = parts.server ?? new Server();
  const queue = await DurableQueue.open(log, options, { clock: clock as Clock });
  const handler = (): Disposable => queue.handle('w', server);
  handler();
  const write = (payload: string, ...keys: string[]): Promise<void> =>
    queue.append({ handler: 'w', keys: keys.length === 0 ? [payload[0] as string] : keys, payload });
  return { queue, clock, log, server, write };
}
