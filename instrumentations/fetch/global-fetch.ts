import { reportFault } from '../../src/core/fault.ts';
import { isTracingSuppressed } from '../../src/core/suppress-tracing.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { watchLimits } from '../../src/policies/watching.ts';
import type { Undo } from '../shared/hook.ts';
import { deepenStacks, restoreStacks } from '../shared/stack-depth.ts';
import type { HttpAdmission } from './admission.ts';
import { Attempts } from './attempts.ts';
import { isSafeFetch } from './fetch-request.ts';
import { guardedBases, isMocking, isMockingByDefault, mayDefer } from './global-dispatcher.ts';
import { handOver } from './hand-over.ts';
import { HttpCall } from './http-call.ts';
import { delayedFetch, hungFetch, signalOf } from './injected.ts';
import { originOf, originOfInput } from './origin.ts';
import { hasPolicies, PolicedFetch } from './policed-fetch.ts';
import type { RequestObserver } from './request-observer.ts';
import type { Responses } from './served-response.ts';
import type { Fetch, ResponseLike } from './types.ts';
import type { Upstream } from './upstream.ts';

/** Answered by a guarded `fetch`, for other copies of this package. */
const guarded = Symbol.for('otel-breaker.guarded');

interface FetchInit {
  readonly signal?: AbortSignal | null;
  readonly dispatcher?: unknown;
}

/**
 * Guards `globalThis.fetch` where it stands. An application that wraps `fetch` later has the guard inside its wrapper, and
 * one that replaces it has what it asked for. Nothing of undici is loaded before the first call.
 */
export function guardGlobalFetch(admission: HttpAdmission, observer: RequestObserver, scope: object = globalThis): Undo {
  return guardFetch(admission, observer, scope, false);
}

/** Guards the `fetch` that npm's undici exports: policies stand around it, and whatever has none goes on to its dispatchers, which are guarded themselves. */
export function guardUndiciFetch(admission: HttpAdmission, observer: RequestObserver, exports: object): Undo {
  return guardFetch(admission, observer, exports, true);
}

function guardFetch(admission: HttpAdmission, observer: RequestObserver, scope: object, onlyPolicies: boolean): Undo {
  const descriptor = Object.getOwnPropertyDescriptor(scope, 'fetch');
  const original: unknown = Reflect.get(scope, 'fetch');
  if (typeof original !== 'function' || descriptor?.configurable !== true || Reflect.get(original, guarded) === true) return () => undefined;
  const guard = new FetchGuard(admission, observer, original as Fetch, scope as Responses, onlyPolicies);
  Object.defineProperty(scope, 'fetch', { configurable: true, enumerable: descriptor.enumerable ?? true, writable: true, value: guard.fetch });
  return () => {
    guard.active = false;
    // Whatever the application has put there since stays; the guard inside it passes everything through.
    if (Object.getOwnPropertyDescriptor(scope, 'fetch')?.value === guard.fetch) Object.defineProperty(scope, 'fetch', descriptor);
  };
}

/** Whether a `fetch` is, by its looks, the one that Node came with; guarded or not. */
export function isNodesOwn(fetch: unknown): boolean {
  if (typeof fetch !== 'function') return true;
  return Reflect.get(fetch, guarded) === true || Function.prototype.toString.call(fetch).includes('internal/deps/undici');
}

class FetchGuard {
  /** What stands in the place of the original, with the original's name, length and properties. */
  readonly fetch: Fetch;
  active = true;
  readonly #admission: HttpAdmission;
  readonly #observer: RequestObserver;
  readonly #original: Fetch;
  readonly #attempts: Attempts;

  /**
   * @param scope whose `Response` its answers are; read when it is needed
   * @param onlyPolicies whether calls without any are somebody else's to guard
   */
  constructor(
    admission: HttpAdmission,
    observer: RequestObserver,
    original: Fetch,
    private readonly scope: Responses,
    private readonly onlyPolicies: boolean,
  ) {
    this.#admission = admission;
    this.#observer = observer;
    this.#original = original;
    this.#attempts = new Attempts(admission, (call, args) => this.#send(call, args));
    const guard = this;
    // A plain function: calling a Proxy takes ten times as long. All in one, to be one frame only in the client's stacks.
    this.fetch = function (this: unknown, ...args: unknown[]): unknown {
      const call = guard.#admitted(args);
      if (call !== undefined) {
        if (!(call instanceof HttpCall)) return call instanceof PolicedFetch ? call.run() : refuse(call);
        if (guard.#needsContext(call, args)) return guard.#sendInContext(call, this, args);
      }
      const outer = call && handOver.begin(call);
      const depth = deepenStacks();
      let result: unknown;
      try {
        result = Reflect.apply(original, this, args);
      } catch (error) {
        if (call !== undefined) rejected(call, error);
        throw error;
      } finally {
        restoreStacks(depth);
        if (call !== undefined) handOver.end(outer);
      }
      return call === undefined ? result : followed(call, result);
    };
    Object.setPrototypeOf(this.fetch, Object.getPrototypeOf(original) as object);
    if (!Object.hasOwn(original, 'prototype')) this.fetch.prototype = undefined;
    for (const key of Reflect.ownKeys(original)) {
      Reflect.defineProperty(this.fetch, key, Object.getOwnPropertyDescriptor(original, key) as PropertyDescriptor);
    }
    Object.defineProperty(this.fetch, guarded, { configurable: true, get: () => this.active });
  }

  #admitted(args: unknown[]): HttpCall | PolicedFetch | Error | undefined {
    if (!this.active) return undefined;
    try {
      return this.#admit(args[0], args[1] as FetchInit | null | undefined, args);
    } catch (error) {
      reportFault(error, 'the guard of fetch');
      return undefined;
    }
  }

  #admit(input: unknown, init: FetchInit | null | undefined, args: unknown[]): HttpCall | PolicedFetch | Error | undefined {
    let origin: string | undefined;
    let dispatcher: unknown;
    let signal: AbortSignal | undefined;
    try {
      origin = originOfInput(input);
      if (origin === undefined || handOver.covers(origin)) return undefined;
      dispatcher = init?.dispatcher;
      signal = init?.signal ?? (typeof input === 'object' ? (input as { signal?: AbortSignal }).signal : undefined);
    } catch {
      // A getter of the caller's has thrown, and so it will for the original, which knows what to do then.
      return undefined;
    }
    if (dispatcher === undefined ? isMockingByDefault() : isMocking(dispatcher)) return undefined;
    // A call that is not going to be made needs no permit.
    if (signal?.aborted === true) return undefined;
    if (isTracingSuppressed()) return undefined;
    this.#observer.observe(!this.onlyPolicies);
    const upstream = this.#admission.upstreamOf(origin);
    const { breaker } = upstream;
    if (hasPolicies(breaker)) {
      return breaker.onlyWatches ? this.#watched(upstream, args, signal) : new PolicedFetch(upstream, this.#attempts, args, this.scope);
    }
    return this.onlyPolicies ? undefined : this.#admission.admitTo(upstream, 'promise', signal);
  }

  /** As without policies, but that limits count what they would have refused. */
  #watched(upstream: Upstream, args: readonly unknown[], signal: AbortSignal | undefined): HttpCall | Error | undefined {
    const { breaker } = upstream;
    const policies = policiesOf(breaker);
    // undici's dispatchers ask for everything but the bulkhead themselves.
    if (this.onlyPolicies && policies?.bulkhead === undefined) return undefined;
    const place = policies && watchLimits(breaker, policies, isSafeFetch(args));
    const call = this.#admission.admitTo(upstream, 'promise', signal);
    if (call instanceof HttpCall) call.place = place;
    else place?.leave();
    return call;
  }

  /** One attempt of many. Whatever `this` was, `fetch` has no use for it. */
  #send(call: HttpCall, args: unknown[]): unknown {
    if (this.#needsContext(call, args)) return this.#sendInContext(call, undefined, args);
    const outer = handOver.begin(call);
    try {
      return followed(call, this.#original(...args));
    } catch (error) {
      rejected(call, error);
      throw error;
    } finally {
      handOver.end(outer);
    }
  }

  /** A probe's span is entered, and injected faults are met; and a dispatcher may send later than in this very call. */
  #needsContext(call: HttpCall, args: unknown[]): boolean {
    try {
      return call.permit.probe || call.permit.injection !== undefined || defers(args[1]);
    } catch (error) {
      reportFault(error, 'the guard of fetch');
      return false;
    }
  }

  #sendInContext(call: HttpCall, self: unknown, args: unknown[]): unknown {
    const { injection } = call.permit;
    if (injection?.kind === 'hang') return hungFetch(call, injection, signalOf(args));
    const original = (): unknown => Reflect.apply(this.#original, self, args);
    const enter = call.permit.probe ? () => call.permit.enter(original) : original;
    let result: unknown;
    try {
      result = defers(args[1]) ? handOver.duringAndAfter(call, enter) : handOver.during(call, enter);
    } catch (error) {
      rejected(call, error);
      throw error;
    }
    return followed(call, injection === undefined ? result : delayedFetch(result, injection, signalOf(args)));
  }
}

/** Reads nothing of the caller's where no dispatcher can. */
function defers(init: unknown): boolean {
  return guardedBases.size > 0 && mayDefer((init as FetchInit | null | undefined)?.dispatcher);
}

/** What the caller gets, and the call is told what becomes of it. */
function followed(call: HttpCall, result: unknown): unknown {
  // The promise that is handed on must be one whose rejection Node reports when nobody handles it.
  if (result instanceof Promise) {
    return result.then(
      (response: unknown) => {
        resolved(call, response as ResponseLike | undefined);
        return response;
      },
      (error: unknown) => {
        rejected(call, error);
        throw error;
      },
    );
  }
  if (typeof (result as PromiseLike<ResponseLike> | undefined)?.then === 'function') {
    (result as PromiseLike<ResponseLike>).then(
      (response) => resolved(call, response),
      (error: unknown) => rejected(call, error),
    );
  } else {
    call.unsent();
  }
  return result;
}

/** One microtask later: a promise that is rejected before anybody looks costs Node its book-keeping of unhandled ones. */
function refuse(refusal: Error): Promise<never> {
  return Promise.resolve().then(() => {
    throw refusal;
  });
}

function resolved(call: HttpCall, response: ResponseLike | undefined): void {
  try {
    call.answered({
      status: typeof response?.status === 'number' ? response.status : 0,
      value: response,
      retryAfter: () => response?.headers?.get?.('retry-after'),
      elsewhere: response?.redirected === true && typeof response.url === 'string' && originOf(response.url) !== call.origin,
    });
  } catch (error) {
    reportFault(error, 'the guard of fetch');
  }
}

function rejected(call: HttpCall, error: unknown): void {
  try {
    call.failed(error);
  } catch (fault) {
    reportFault(fault, 'the guard of fetch');
  }
}
