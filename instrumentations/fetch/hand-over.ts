import type { HttpCall } from './http-call.ts';

/**
 * The admitted `fetch` whose original is being called right now. undici makes its first request within that very call, so
 * that whatever it makes of the same origin meanwhile belongs to it: no async context is needed to tell, and none is kept.
 */
class HandOver {
  #call: HttpCall | undefined;

  /** Runs the original of a call. Calls may nest: a hook of a tracer may fetch on its own. */
  during<R>(call: HttpCall, original: () => R): R {
    const outer = this.#call;
    this.#call = call;
    try {
      return original();
    } finally {
      this.#call = outer;
    }
  }

  /** Whether a request of that origin is admitted already. */
  covers(origin: string): boolean {
    return this.#call?.origin === origin;
  }

  /** The call that a request of that origin belongs to; it is handed out once, since later requests are other calls. */
  take(origin: string): HttpCall | undefined {
    const call = this.#call;
    if (call?.origin !== origin) return undefined;
    this.#call = undefined;
    return call;
  }
}

/** One for the thread, like the call stack it mirrors: several instrumentations must know of each other's calls. */
export const handOver = new HandOver();
