import type { Clock } from '../../core/clock.ts';
import { reportFault } from '../../core/fault.ts';
import type { GroupCommit } from './group-commit.ts';

/** Removes entries from the log, however long it takes: what fails is tried again together with all else that waits. */
export class Removals {
  readonly #commit: GroupCommit;
  readonly #clock: Clock;
  readonly #retryMs: number;
  readonly #where: string;
  #again: Promise<void> | undefined;
  #faulty = false;
  #closed = false;

  constructor(commit: GroupCommit, clock: Clock, retryMs: number, queue: string) {
    this.#commit = commit;
    this.#clock = clock;
    this.#retryMs = retryMs;
    this.#where = `${queue}: removing what was carried out`;
  }

  /** `false` if that was not possible before the end: then it will be carried out once more. Never rejects. */
  async remove(id: string): Promise<boolean> {
    for (;;) {
      try {
        await this.#commit.remove(id);
        this.#faulty = false;
        return true;
      } catch (error) {
        if (this.#closed) return false;
        // Once per spell: a full disk must not fill the log too.
        if (!this.#faulty) reportFault(error, this.#where);
        this.#faulty = true;
        await this.#later();
      }
    }
  }

  close(): void {
    this.#closed = true;
  }

  #later(): Promise<void> {
    this.#again ??= new Promise((resolve) => {
      this.#clock.setTimer(() => {
        this.#again = undefined;
        resolve();
      }, this.#retryMs);
    });
    return this.#again;
  }
}
