import { reportFault } from '../../src/core/fault.ts';
import type { HttpCall } from './http-call.ts';
import { headerOf } from './retry-after.ts';
import type { AnyHandler, ControllerHandler, DispatchController, LegacyHandler } from './types.ts';

/**
 * Stands before a request's handler on its way from a pool to one of its clients, where it is taken off again: clients are
 * observed by channels. Where no channel tells (an upgrade, a dispatcher of the application's own) it hears what undici
 * tells the handler and passes everything on.
 */
abstract class GuardedHandler {
  constructor(
    readonly inner: AnyHandler,
    readonly call: HttpCall,
  ) {}

  /** Responses below 200 only announce the one that counts. */
  protected headers(status: number, headers: unknown): void {
    if (status < 200 && status !== 101) return;
    this.call.observed = true;
    if (this.call.toldBy === 'promise') return;
    this.tell(() =>
      this.call.answered({ status, value: { status, statusCode: status, headers }, retryAfter: () => headerOf(headers, 'retry-after') }),
    );
  }

  protected error(error: unknown): void {
    this.tell(() => this.call.broke(error));
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
  declare readonly inner: LegacyHandler;

  constructor(handler: LegacyHandler, call: HttpCall) {
    super(handler, call);
  }

  onConnect(abort: (reason?: unknown) => void, context?: unknown): unknown {
    const tellingAbort = (reason?: unknown): void => {
      this.call.taken(reason);
      abort(reason);
    };
    return this.inner.onConnect(tellingAbort, context);
  }

  onHeaders(status: number, headers: unknown, resume: () => void, statusText: string): unknown {
    this.headers(status, headers);
    return this.inner.onHeaders(status, headers, resume, statusText);
  }

  onUpgrade(status: number, headers: unknown, socket: unknown): unknown {
    this.headers(status, headers);
    this.tell(() => this.call.ended());
    return this.inner.onUpgrade?.(status, headers, socket);
  }

  onData(chunk: unknown): unknown {
    return this.inner.onData(chunk);
  }

  onComplete(trailers: unknown): unknown {
    this.tell(() => this.call.ended());
    return this.inner.onComplete(trailers);
  }

  onError(error: unknown): unknown {
    this.error(error);
    return this.inner.onError(error);
  }

  onResponseStarted(): unknown {
    return this.inner.onResponseStarted?.();
  }

  onBodySent(chunk: unknown): unknown {
    return this.inner.onBodySent?.(chunk);
  }

  onRequestSent(): unknown {
    return this.inner.onRequestSent?.();
  }
}

/** For handlers of undici 8. */
export class GuardedControllerHandler extends GuardedHandler implements ControllerHandler {
  declare readonly inner: ControllerHandler;

  constructor(handler: ControllerHandler, call: HttpCall) {
    super(handler, call);
  }

  onRequestStart(controller: DispatchController, context: unknown): unknown {
    return this.inner.onRequestStart(controller, context);
  }

  onResponseStart(controller: DispatchController, status: number, headers: unknown, statusText?: string): unknown {
    this.headers(status, headers);
    return this.inner.onResponseStart?.(controller, status, headers, statusText);
  }

  onRequestUpgrade(controller: DispatchController, status: number, headers: unknown, socket: unknown): unknown {
    this.headers(status, headers);
    this.tell(() => this.call.ended());
    return this.inner.onRequestUpgrade?.(controller, status, headers, socket);
  }

  onResponseData(controller: DispatchController, chunk: unknown): unknown {
    return this.inner.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: DispatchController, trailers: unknown): unknown {
    this.tell(() => this.call.ended());
    return this.inner.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: DispatchController | null, error: unknown): unknown {
    // Only the handler's side aborts by the controller.
    if (controller?.aborted === true) this.call.taken(controller.reason);
    this.error(error);
    return this.inner.onResponseError?.(controller, error);
  }

  onResponseStarted(): unknown {
    return this.inner.onResponseStarted?.();
  }

  onBodySent(chunk: unknown): unknown {
    return this.inner.onBodySent?.(chunk);
  }

  onRequestSent(): unknown {
    return this.inner.onRequestSent?.();
  }
}

export function isGuarded(handler: unknown): handler is GuardedLegacyHandler | GuardedControllerHandler {
  return handler instanceof GuardedHandler;
}
