import type { Injection } from '../../src/breaker/injection.ts';
import { InjectedFaultError } from '../../src/core/injected-fault-error.ts';
import { discard } from './attempts.ts';
import type { HttpCall } from './http-call.ts';
import type { AnyHandler, ControllerHandler, DispatchController, FetchInit, ResponseLike } from './types.ts';

/** As `fetch` tells of whatever happened on its way. */
export function fetchFailed(cause: Error): TypeError {
  return new TypeError('fetch failed', { cause });
}

/** A refusal, or an injected error in the form in which `fetch` would tell it. */
export function asOfFetch(error: Error): Error {
  return error instanceof InjectedFaultError ? fetchFailed(error) : error;
}

/** The caller's, as `fetch` reads it from its arguments. */
export function signalOf([input, init]: readonly unknown[]): AbortSignal | undefined {
  const { signal } = (init ?? {}) as FetchInit;
  const given = signal === undefined ? (typeof input === 'object' && input !== null ? (input as { signal?: unknown }).signal : undefined) : signal;
  return given instanceof AbortSignal ? given : undefined;
}

/** A `fetch` that meets an injected hang: no request is made, and it is answered when the injection ends, or earlier by whoever gives it up. */
export function hungFetch(call: HttpCall, injection: Injection, signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const end = (error: unknown): void => {
      held.drop();
      signal?.removeEventListener('abort', aborted);
      reject(error);
    };
    const held = injection.hold(() => {
      call.unsent();
      end(fetchFailed(injection.error(call.permit.breaker)));
    });
    const aborted = (): void => {
      call.failed(signal?.reason);
      end(signal?.reason);
    };
    call.request = {
      abort: (cause) => {
        const error = fetchFailed(cause);
        call.failed(error);
        end(error);
      },
    };
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** Lets the caller of a `fetch` wait longer for its response; errors, and what takes a call back, are told at once. */
export async function delayedFetch(result: unknown, injection: Injection, signal: AbortSignal | undefined): Promise<unknown> {
  const response = await result;
  await new Promise<void>((resolve, reject) => {
    const aborted = (): void => {
      held.drop();
      discard(response as ResponseLike);
      reject(signal?.reason);
    };
    const held = injection.delay(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    });
    if (signal?.aborted === true) aborted();
    else signal?.addEventListener('abort', aborted, { once: true });
  });
  return response;
}

/** A request of undici's that meets an injected hang: its handler is told that it begins, and how it ends. */
export function hungRequest(call: HttpCall, handler: AnyHandler, injection: Injection): void {
  let over = false;
  const end = (error: Error, settle: () => void): void => {
    if (over) return;
    over = true;
    held.drop();
    settle();
    if (isController(handler)) handler.onResponseError?.(controller, error);
    else handler.onError(error);
  };
  const abort = (reason?: unknown): void => {
    const error = reason instanceof Error ? reason : Object.assign(new Error('Request aborted'), { name: 'AbortError', code: 'UND_ERR_ABORTED' });
    call.taken(reason ?? error);
    aborted = { reason: error };
    end(error, () => call.failed(error));
  };
  let aborted: { readonly reason: Error } | undefined;
  const nothing = (): void => undefined;
  const controller = {
    get aborted() {
      return aborted !== undefined;
    },
    get reason() {
      return aborted?.reason;
    },
    paused: false,
    pause: nothing,
    resume: nothing,
    abort,
  } as DispatchController;
  const held = injection.hold(() => {
    end(injection.error(call.permit.breaker), () => call.unsent());
  });
  call.request = { abort: (error) => end(error, () => call.failed(error)) };
  try {
    if (isController(handler)) handler.onRequestStart(controller, null);
    else handler.onConnect(abort, null);
  } catch (error) {
    end(error as Error, () => call.unsent());
  }
}

export function isController(handler: AnyHandler): handler is ControllerHandler {
  return typeof (handler as Partial<ControllerHandler>).onRequestStart === 'function';
}
