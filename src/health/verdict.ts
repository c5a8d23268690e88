import type { CheckStatus } from '../registry/health-board.ts';

/** How many results in a row it takes. */
export interface Patience {
  /** To be down. */
  readonly failures: number;
  /** To be up. */
  readonly successes: number;
}

/** What results of checks come to: one that is contradicted by the next changes nothing, as configured. */
export class Verdict {
  #status: CheckStatus = 'unknown';
  #failures = 0;
  #successes = 0;

  get status(): CheckStatus {
    return this.#status;
  }

  /** In a row. */
  get failures(): number {
    return this.#failures;
  }

  /** The last result speaks against the status, or there is none yet: the next one should not be long. */
  get inDoubt(): boolean {
    if (this.#status === 'unknown') return true;
    return this.#status === 'up' ? this.#failures > 0 : this.#successes > 0;
  }

  /** @returns whether the status has changed */
  record(good: boolean, { failures, successes }: Patience): boolean {
    this.#successes = good ? this.#successes + 1 : 0;
    this.#failures = good ? 0 : this.#failures + 1;
    const before = this.#status;
    if (good && this.#successes >= successes) this.#status = 'up';
    if (!good && this.#failures >= failures) this.#status = 'down';
    return this.#status !== before;
  }
}
