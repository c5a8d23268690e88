import { refusesOutright } from './faults.ts';

/** What was heard a moment ago still holds: clients try again within two seconds, and where a circuit is open its watch asks more often. */
const freshMs = 3_000;

/** What refused connections tell of a server. */
export class Refusals {
  /** Whether the last that was heard of the server is that it refuses connections. */
  refusing = false;
  /** Faults of their own, one after the other. */
  inRow = 0;
  #proof: { readonly error: unknown; readonly at: number } | undefined;

  /** A refusal that opens circuits by itself. */
  proved(error: unknown, at: number): void {
    this.refusing = true;
    this.#proof = { error, at };
  }

  /** When it was asked it did something else, or kept silent: it may still be there. */
  asked(met: unknown, at: number): void {
    if (refusesOutright(met)) this.proved(met, at);
    else {
      this.refusing = false;
      this.#proof = undefined;
    }
  }

  /** Calls succeed. */
  refuted(): void {
    this.#proof = undefined;
  }

  /** It has been reached. */
  over(): void {
    this.refuted();
    this.refusing = false;
    this.inRow = 0;
  }

  /** The refusal that a circuit which begins at `now` may begin with. @param watched whether somebody asks the server all the time */
  evidence(now: number, watched: boolean): unknown {
    return this.#proof !== undefined && (watched || now - this.#proof.at <= freshMs) ? this.#proof.error : undefined;
  }
}
