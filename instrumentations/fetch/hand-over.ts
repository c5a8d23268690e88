import { AsyncLocalStorage } from 'node:async_hooks';
import type { HttpCall } from './http-call.ts';

/**
 * Tells which admitted call a request belongs to. undici makes a `fetch`'s first request within the very call, and a
 * client makes its request within its `dispatch`: a note for the length of that call is enough, and no async context is
 * kept. Only dispatchers that may send later than that (an interceptor that asks the name service first) need one.
 */
class HandOver {
  /** The `fetch` whose original is being called right now. */
  #fetch: HttpCall | undefined;
  /** The call whose client is making a request right now. */
  #request: HttpCall | undefined;
  #deferred: AsyncLocalStorage<HttpCall> | undefined;
  /** Calls whose first exchange is over and which have no answer: they may have been redirected, and make further requests. */
  following = 0;

  /** The original of a fetch is about to be called. Calls may nest: a hook of a tracer may fetch on its own. @returns what to {@link end} with */
  begin(call: HttpCall): HttpCall | undefined {
    const outer = this.#fetch;
    this.#fetch = call;
    return outer;
  }

  end(outer: HttpCall | undefined): void {
    this.#fetch = outer;
  }

  /** Runs the original of a fetch. */
  during<R>(call: HttpCall, original: () => R): R {
    const outer = this.begin(call);
    try {
      return original();
    } finally {
      this.end(outer);
    }
  }

  /** The same for a dispatcher that may send the request, or further ones, later on. */
  duringAndAfter<R>(call: HttpCall, original: () => R): R {
    this.#deferred ??= new AsyncLocalStorage();
    return this.#deferred.run(call, () => this.during(call, original));
  }

  /** Runs a client's dispatch, which makes the request of this call and no other. */
  requesting<R>(call: HttpCall, dispatch: () => R): R {
    const outer = this.#request;
    this.#request = call;
    try {
      return dispatch();
    } finally {
      this.#request = outer;
    }
  }

  /** Whether a request of that origin is admitted already. */
  covers(origin: string): boolean {
    return this.#fetch?.origin === origin;
  }

  /** The call that a request of that origin belongs to; it is handed out once, since later requests are other calls. */
  take(origin: string): HttpCall | undefined {
    const call = this.#fetch;
    if (call?.origin !== origin) return undefined;
    this.#fetch = undefined;
    return call;
  }

  /**
   * The fetch, waiting for its answer, that makes a dispatcher send a request to that origin, or to an address that its name
   * was resolved to: a retry or a redirect within the origin is part of the same call.
   */
  behind(origin: string, servername: unknown): HttpCall | undefined {
    const call = this.#deferred?.getStore();
    if (call?.waiting !== true) return undefined;
    return call.origin === origin || new URL(call.origin).hostname === servername ? call : undefined;
  }

  /** The call of a request that has just been made. @param originOf asked only when it is needed */
  takeRequest(originOf: () => string | undefined): HttpCall | undefined {
    const call = this.#request;
    if (call !== undefined) {
      this.#request = undefined;
      return call;
    }
    if (this.#fetch === undefined) return undefined;
    const origin = originOf();
    return origin === undefined ? undefined : this.take(origin);
  }
}

/** One for the thread, like the call stack it mirrors: several instrumentations must know of each other's calls. */
export const handOver = new HandOver();
