import { reportFault } from '../../src/core/fault.ts';
import type { HttpCall } from './http-call.ts';
import { headerOf } from './retry-after.ts';
import type { ControllerHandler, DispatchController, LegacyHandler } from './types.ts';

/**
 * Stands before a request's handler, hears what undici tells it and passes everything on. Being of these classes is also
 * what marks a request as admitted, on its way from a pool to one of its clients.
 */
abstract class GuardedHandler {
  protected readonly call: HttpCall;

  constructor(call: HttpCall) {
    this.call = call;
    call.observed = true;
  }

  /** Responses below 200 only announce the one that counts. */
  protected headers(status: number, headers: unknown): void {
    if (status < 200 && status !== 101) return;
    this.tell(() =>
      this.call.answered({ status, value: { status, statusCode: status, headers }, retryAfter: () => headerOf(headers, 'retry-after') }),
    );
  }

  protected error(error: unknown): void {
    this.tell(() => {
      // Within the phase that it is in, one of the two applies and the other is ignored.
      this.call.failed(error);
      this.call.broke(error);
    });
  }

  protected tell(what: () => void): void {
    try {
      what();
    } catch (fault) {
      reportFault(fault, 'the guard of undici');
    }
  }
}

/** For handlers of undici 6 and 7. */
export class GuardedLegacyHandler extends GuardedHandler implements LegacyHandler {
  readonly #handler: LegacyHandler;

  constructor(handler: LegacyHandler, call: HttpCall) {
    super(call);
    this.#handler = handler;
  }

  onConnect(abort: (reason?: unknown) => void, context?: unknown): unknown {
    const tellingAbort = (reason?: unknown): void => {
      this.call.taken(reason);
      abort(reason);
    };
    return this.#handler.onConnect(tellingAbort, context);
  }

  onHeaders(status: number, headers: unknown, resume: () => void, statusText: string): unknown {
    this.headers(status, headers);
    return this.#handler.onHeaders(status, headers, resume, statusText);
  }

  onUpgrade(status: number, headers: unknown, socket: unknown): unknown {
    this.headers(status, headers);
    this.tell(() => this.call.ended());
    return this.#handler.onUpgrade?.(status, headers, socket);
  }

  onData(chunk: unknown): unknown {
    return this.#handler.onData(chunk);
  }

  onComplete(trailers: unknown): unknown {
    this.tell(() => this.call.ended());
    return this.#handler.onComplete(trailers);
  }

  onError(error: unknown): unknown {
    this.error(error);
    return this.#handler.onError(error);
  }

  onResponseStarted(): unknown {
    return this.#handler.onResponseStarted?.();
  }

  onBodySent(chunk: unknown): unknown {
    return this.#handler.onBodySent?.(chunk);
  }

  onRequestSent(): unknown {
    return this.#handler.onRequestSent?.();
  }
}

/** For handlers of undici 8. */
export class GuardedControllerHandler extends GuardedHandler implements ControllerHandler {
  readonly #handler: ControllerHandler;

  constructor(handler: ControllerHandler, call: HttpCall) {
    super(call);
    this.#handler = handler;
  }

  onRequestStart(controller: DispatchController, context: unknown): unknown {
    return this.#handler.onRequestStart(controller, context);
  }

  onResponseStart(controller: DispatchController, status: number, headers: unknown, statusText?: string): unknown {
    this.headers(status, headers);
    return this.#handler.onResponseStart?.(controller, status, headers, statusText);
  }

  onRequestUpgrade(controller: DispatchController, status: number, headers: unknown, socket: unknown): unknown {
    this.headers(status, headers);
    this.tell(() => this.call.ended());
    return this.#handler.onRequestUpgrade?.(controller, status, headers, socket);
  }

  onResponseData(controller: DispatchController, chunk: unknown): unknown {
    return this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: DispatchController, trailers: unknown): unknown {
    this.tell(() => this.call.ended());
    return this.#handler.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: DispatchController | null, error: unknown): unknown {
    // Only the handler's side aborts by the controller.
    if (controller?.aborted === true) this.call.taken(controller.reason);
    this.error(error);
    return this.#handler.onResponseError?.(controller, error);
  }

  onResponseStarted(): unknown {
    return this.#handler.onResponseStarted?.();
  }

  onBodySent(chunk: unknown): unknown {
    return this.#handler.onBodySent?.(chunk);
  }

  onRequestSent(): unknown {
    return this.#handler.onRequestSent?.();
  }
}

export function isGuarded(handler: unknown): boolean {
  return handler instanceof GuardedHandler;
}
