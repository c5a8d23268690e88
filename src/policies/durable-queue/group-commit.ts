import type { QueueLog, QueueRecord } from './queue-log.ts';

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Many changes share one commit: what comes in while one is under way goes into the next. */
export class GroupCommit {
  readonly #log: QueueLog;
  #append: QueueRecord[] = [];
  #remove: string[] = [];
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(log: QueueLog) {
    this.#log = log;
  }

  append(record: QueueRecord): Promise<void> {
    this.#append.push(record);
    return this.#wait();
  }

  remove(id: string): Promise<void> {
    this.#remove.push(id);
    return this.#wait();
  }

  /** Until nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // One turn later: what the same burst of calls brings goes in together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const changes = { append: this.#append, remove: this.#remove };
      const waiting = this.#waiting;
      this.#append = [];
      this.#remove = [];
      this.#waiting = [];
      try {
        await this.#log.commit(changes);
        for (const { resolve } of waiting) resolve();
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
    }
    this.#running = undefined;
  }
}
