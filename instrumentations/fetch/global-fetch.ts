import { reportFault } from '../../src/core/fault.ts';
import type { Undo } from '../shared/hook.ts';
import type { Admission, HttpAdmission } from './admission.ts';
import { isMocking, isMockingByDefault } from './global-dispatcher.ts';
import { handOver } from './hand-over.ts';
import type { Answer, HttpCall } from './http-call.ts';
import { originOf, originOfInput } from './origin.ts';
import type { Fetch, ResponseLike } from './types.ts';

/** Answered by a guarded `fetch`, for other copies of this package. */
const guarded = Symbol.for('otel-breaker.guarded');

interface FetchInit {
  readonly signal?: AbortSignal | null;
  readonly dispatcher?: unknown;
}

/**
 * Guards `globalThis.fetch` where it stands. The guard is a proxy: name, length, text and properties are the original's
 * own. An application that wraps `fetch` later has the guard inside its wrapper, and one that replaces it has what it
 * asked for. Nothing of undici is loaded before the first call.
 */
export function guardGlobalFetch(admission: HttpAdmission, scope: object = globalThis): Undo {
  const descriptor = Object.getOwnPropertyDescriptor(scope, 'fetch');
  const original: unknown = Reflect.get(scope, 'fetch');
  if (typeof original !== 'function' || descriptor?.configurable !== true || Reflect.get(original, guarded) === true) return () => undefined;
  let active = true;
  const proxy = new Proxy(original as Fetch, {
    apply: (fetch, self, args) => (active ? guardedFetch(admission, fetch, self, args) : Reflect.apply(fetch, self, args)),
    get: (fetch, key) => (key === guarded ? active : Reflect.get(fetch, key)),
  });
  Object.defineProperty(scope, 'fetch', { configurable: true, enumerable: descriptor.enumerable ?? true, writable: true, value: proxy });
  return () => {
    active = false;
    // Whatever the application has put there since stays; the guard inside it passes everything through.
    if (Object.getOwnPropertyDescriptor(scope, 'fetch')?.value === proxy) Object.defineProperty(scope, 'fetch', descriptor);
  };
}

function guardedFetch(admission: HttpAdmission, fetch: Fetch, self: unknown, args: unknown[]): unknown {
  let admitted: Admission | undefined;
  try {
    admitted = admit(admission, args);
  } catch (error) {
    reportFault(error, 'the guard of fetch');
  }
  if (admitted === undefined) return Reflect.apply(fetch, self, args);
  const { call, refusal } = admitted;
  // One microtask later: a promise that is rejected before anybody looks costs Node its book-keeping of unhandled ones.
  if (call === undefined) {
    return Promise.resolve().then(() => {
      throw refusal;
    });
  }
  return follow(call, () => Reflect.apply(fetch, self, args));
}

function admit(admission: HttpAdmission, args: readonly unknown[]): Admission | undefined {
  const [input, init] = args as [unknown, FetchInit | null | undefined];
  const origin = originOfInput(input);
  if (origin === undefined || handOver.covers(origin)) return undefined;
  if (init?.dispatcher === undefined ? isMockingByDefault() : isMocking(init.dispatcher)) return undefined;
  const signal = init?.signal ?? (input as { signal?: AbortSignal }).signal;
  // A call that is not going to be made needs no permit.
  if (signal?.aborted === true) return undefined;
  return admission.admit(origin, signal);
}

function follow(call: HttpCall, original: () => unknown): unknown {
  let result: unknown;
  try {
    result = handOver.during(call, call.permit.probe ? () => call.permit.enter(original) : original);
  } catch (error) {
    isolated(() => call.failed(error));
    throw error;
  }
  const answered = (response: unknown): unknown => {
    isolated(() => call.answered(answerOf(call.origin, response as ResponseLike | undefined)));
    return response;
  };
  const failed = (error: unknown): never => {
    isolated(() => call.failed(error));
    throw error;
  };
  // The promise that is handed on must be one whose rejection Node reports when nobody handles it.
  if (result instanceof Promise) return result.then(answered, failed);
  if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
    (result as PromiseLike<unknown>).then(answered, (error) => isolated(() => call.failed(error)));
  } else {
    call.permit.ignore();
  }
  return result;
}

function answerOf(origin: string, response: ResponseLike | undefined): Answer {
  return {
    status: typeof response?.status === 'number' ? response.status : 0,
    value: response,
    retryAfter: () => response?.headers?.get?.('retry-after'),
    elsewhere: response?.redirected === true && typeof response.url === 'string' && originOf(response.url) !== origin,
  };
}

function isolated(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    reportFault(error, 'the guard of fetch');
  }
}
