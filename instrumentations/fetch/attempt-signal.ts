import type { Clock, Timer } from '../../src/core/clock.ts';

/** A timer this late, in ms, says that the event loop was blocked: answers that have come are read before anybody is given up. */
const lateMs = 50;

/** Bodies that nobody reads to their end: what followed the caller for them is let go with them. */
const unread = new FinalizationRegistry<() => void>((release) => release());

/**
 * The signal of one attempt: aborted by its caller, until its body has come; by the end of the whole call's time and of its own,
 * until its headers have. (`AbortSignal.any` would keep what a long-lived signal of the caller's has been combined with.)
 */
export class AttemptSignal {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #outer: AbortSignal | undefined;
  readonly #byCaller = (): void => this.#controller.abort(this.#caller?.reason);
  readonly #byOuter: () => void;
  #timer: Timer | undefined;

  /**
   * @param outer of the whole call, where that is not the caller's
   * @param ended told when the attempt is ended by us, before its signal is: whoever does not listen to it would let the caller wait
   */
  constructor(
    caller: AbortSignal | undefined,
    outer: AbortSignal | undefined,
    reasonOf: (outer: AbortSignal) => unknown,
    ended: (error: unknown) => void,
  ) {
    this.#caller = caller;
    this.#outer = outer === caller ? undefined : outer;
    this.#byOuter = () => {
      if (this.#outer !== undefined && caller?.aborted !== true) this.#end(reasonOf(this.#outer), ended);
    };
    if (caller?.aborted === true) this.#byCaller();
    else caller?.addEventListener('abort', this.#byCaller, { once: true });
    if (this.#outer?.aborted === true) this.#byOuter();
    else this.#outer?.addEventListener('abort', this.#byOuter, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on the attempt has so long until its headers. */
  limit(clock: Clock, ms: number, errorOf: () => Error, ended: (error: unknown) => void): void {
    const due = clock.now() + ms;
    const ring = (): void => {
      if (clock.now() - due > lateMs && !again) {
        again = true;
        this.#timer = clock.setTimer(ring, 1, true);
      } else {
        this.#end(errorOf(), ended);
      }
    };
    let again = false;
    this.#timer = clock.setTimer(ring, ms, true);
  }

  /** The headers have come: from now on only the caller ends it, until its body has come or is let go. */
  answered(body: object | undefined): void {
    this.#timer?.cancel();
    this.#outer?.removeEventListener('abort', this.#byOuter);
    if (body === undefined) this.over();
    else if (this.#caller !== undefined) unread.register(body, releaseOf(this.#caller, this.#byCaller));
  }

  /** Nothing is left to abort. */
  over(): void {
    this.#timer?.cancel();
    this.#outer?.removeEventListener('abort', this.#byOuter);
    this.#caller?.removeEventListener('abort', this.#byCaller);
  }

  #end(error: unknown, ended: (error: unknown) => void): void {
    ended(error);
    this.over();
    this.#controller.abort(error);
  }
}

/** In a scope of its own, which knows nothing of the body. */
function releaseOf(caller: AbortSignal, listener: () => void): () => void {
  return () => caller.removeEventListener('abort', listener);
}
