import type { FailureRecord } from './events.ts';

const LIMIT = 32;

/** The last failures, for whoever asks why a circuit opened. Nothing is kept before the first, and nothing is made for one. */
export class RecentFailures {
  readonly #errorTypes: string[] = [];
  readonly #traces: unknown[] = [];
  #next = 0;

  add(errorType: string, trace: unknown): void {
    this.#errorTypes[this.#next] = errorType;
    this.#traces[this.#next] = trace;
    this.#next = (this.#next + 1) % LIMIT;
  }

  /** Oldest first. */
  list(): FailureRecord[] {
    const records = this.#errorTypes.map((errorType, at) => ({ errorType, trace: this.#traces[at] }));
    return records.length < LIMIT ? records : [...records.slice(this.#next), ...records.slice(0, this.#next)];
  }
}
