import type { FailureRecord } from './events.ts';

const LIMIT = 32;

/** The last failures, for whoever asks why a circuit opened. Nothing is kept before the first. */
export class RecentFailures {
  readonly #ring: FailureRecord[] = [];
  #next = 0;

  add(errorType: string, trace: unknown): void {
    this.#ring[this.#next] = { errorType, trace };
    this.#next = (this.#next + 1) % LIMIT;
  }

  /** Oldest first. */
  list(): FailureRecord[] {
    return this.#ring.length < LIMIT ? [...this.#ring] : [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  clear(): void {
    this.#ring.length = 0;
    this.#next = 0;
  }
}
