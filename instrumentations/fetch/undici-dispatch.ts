import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Injection } from '../../src/breaker/injection.ts';
import { reportFault } from '../../src/core/fault.ts';
import { guardMethod, type Original } from '../shared/guard.ts';
import type { HookDefinition, LoadedFile, Undo } from '../shared/hook.ts';
import type { HttpAdmission } from './admission.ts';
import { safeMethods } from './fetch-request.ts';
import { globalDispatcherBases, guardedBases } from './global-dispatcher.ts';
import { guardUndiciFetch } from './global-fetch.ts';
import { GuardedControllerHandler, GuardedLegacyHandler, isGuarded } from './guarded-handler.ts';
import { handOver } from './hand-over.ts';
import { HttpCall } from './http-call.ts';
import { hungRequest, isController } from './injected.ts';
import { originOf } from './origin.ts';
import type { RequestObserver } from './request-observer.ts';
import type { AnyHandler, ControllerHandler, DispatchOptions, LegacyHandler } from './types.ts';

/** undici 7 turns handlers of the new kind into the old one on the way to the connection. */
type Unwrap = (handler: ControllerHandler) => LegacyHandler;

/** Guards the npm package undici: its `request`, `stream`, `pipeline`, `fetch`, agents, pools and clients all dispatch by this file. */
export function undiciHook(admission: HttpAdmission, observer: RequestObserver): HookDefinition {
  return {
    package: 'undici',
    files: ['undici/lib/dispatcher/dispatcher-base.js', 'undici/index.js'],
    majors: [6, 7, 8],
    patch(exports, loaded) {
      if (loaded.file === 'undici/index.js') return guardUndiciFetch(admission, observer, exports as object);
      const prototype = (exports as { prototype?: object }).prototype;
      if (prototype === undefined) return undefined;
      const undo = guardDispatch(prototype, new DispatchGuard(admission, observer, unwrapOf(loaded)));
      const undoDefault = guardDefaultDispatchers(admission, observer);
      return () => {
        undo();
        undoDefault?.();
      };
    },
  };
}

/** Guards what dispatches by default, as far as it is loaded and not guarded yet: Node's own agent, unless npm's undici was first. */
export function guardDefaultDispatchers(admission: HttpAdmission, observer: RequestObserver): Undo | undefined {
  const bases = [...globalDispatcherBases()].filter((base) => !guardedBases.has(base));
  if (bases.length === 0) return undefined;
  const undo = bases.map((base) => guardDispatch(base, new DispatchGuard(admission, observer, undefined)));
  return () => {
    for (const each of undo) each();
  };
}

function guardDispatch(prototype: object, dispatch: DispatchGuard): Undo {
  const guard = guardMethod(prototype, 'dispatch', (original, self, args) => dispatch.call(original, self as object, args));
  if (guard.active) guardedBases.add(prototype);
  return () => {
    if (guard.active) guardedBases.delete(prototype);
    guard.remove();
  };
}

function unwrapOf({ directory, version }: LoadedFile): Unwrap | undefined {
  if (!version.startsWith('7.')) return undefined;
  const require = createRequire(import.meta.url);
  let unwrap: Unwrap | undefined;
  return (handler) => {
    unwrap ??= (require(join(directory, 'lib/handler/unwrap-handler.js')) as { unwrap: Unwrap }).unwrap;
    return unwrap(handler);
  };
}

class DispatchGuard {
  readonly #admission: HttpAdmission;
  readonly #observer: RequestObserver;
  readonly #unwrap: Unwrap | undefined;
  /** undici's own symbol of a dispatcher's URL, as soon as one has been seen. */
  #url: symbol | undefined;
  /** By prototype: whether its dispatchers make requests themselves. */
  readonly #clients = new Map<unknown, boolean>();

  constructor(admission: HttpAdmission, observer: RequestObserver, unwrap: Unwrap | undefined) {
    this.#admission = admission;
    this.#observer = observer;
    this.#unwrap = unwrap;
  }

  call(original: Original, dispatcher: object, args: readonly unknown[]): unknown {
    const [options, handler] = args as [DispatchOptions | null | undefined, AnyHandler | null | undefined];
    // A pool passes what it admitted on to one of its clients.
    if (isGuarded(handler)) return this.#send(original, dispatcher, options as DispatchOptions, handler, handler.call);
    const origin = this.#originOf(dispatcher);
    if (origin === undefined || typeof options !== 'object' || options === null || !isGuardable(options, handler)) return original(dispatcher, args);

    const fetched = handOver.take(origin) ?? handOver.behind(origin, options.servername);
    if (fetched !== undefined) return this.#send(original, dispatcher, options, handler, fetched);

    this.#observer.observe(false);
    this.#observer.observeHeaders();
    const call = this.#admission.admit(origin, 'request', signalOf(options), isSafe(options.method));
    if (call === undefined) return original(dispatcher, args);
    if (!(call instanceof HttpCall)) {
      refuse(handler, call);
      return true;
    }
    const send = (): unknown => this.#send(original, dispatcher, options, handler, call);
    if (call.permit.injection !== undefined) return inject(call, handler, call.permit.injection, send);
    try {
      return call.permit.probe ? call.permit.enter(send) : send();
    } catch (error) {
      call.failed(error);
      throw error;
    }
  }

  /**
   * A client makes its request now, and the observer is told of it. A pool may have to wait for a client: until then the
   * handler is guarded, since a pool that is destroyed tells nobody else.
   */
  #send(original: Original, dispatcher: object, options: DispatchOptions, handler: AnyHandler, call: HttpCall): unknown {
    // No channel tells of an upgrade.
    if (isUpgrade(options) || !this.#isClient(dispatcher)) {
      return original(dispatcher, [options, isGuarded(handler) ? handler : this.#guarded(handler, call)]);
    }
    const result = handOver.requesting(call, () => original(dispatcher, [options, isGuarded(handler) ? handler.inner : handler]));
    // The client had no use for it and has told the handler so.
    if (!call.observed && call.toldBy === 'request') call.unsent();
    return result;
  }

  #isClient(dispatcher: object): boolean {
    const prototype: unknown = Object.getPrototypeOf(dispatcher);
    let known = this.#clients.get(prototype);
    if (known === undefined) {
      known = false;
      for (let object = prototype; typeof object === 'object' && object !== null; object = Object.getPrototypeOf(object)) {
        if ((object as { constructor?: { name?: unknown } }).constructor?.name === 'Client') known = true;
      }
      this.#clients.set(prototype, known);
    }
    return known;
  }

  #guarded(handler: AnyHandler, call: HttpCall): AnyHandler {
    if (!isController(handler)) return new GuardedLegacyHandler(handler, call);
    return this.#unwrap === undefined ? new GuardedControllerHandler(handler, call) : new GuardedLegacyHandler(this.#unwrap(handler), call);
  }

  /**
   * The origin of a pool or client. An agent or a balanced pool only chooses one of those, which dispatch in their turn;
   * and the mock pools of a MockAgent do not come this way unless they let a request through to the network.
   */
  #originOf(dispatcher: object): string | undefined {
    this.#url ??= Object.getOwnPropertySymbols(dispatcher).find((symbol) => symbol.description === 'url');
    const url = this.#url === undefined ? undefined : (dispatcher as { [key: symbol]: { origin?: unknown } | undefined })[this.#url];
    return typeof url?.origin === 'string' ? originOf(url.origin) : undefined;
  }
}

/** Leaves what is stored as it is. undici takes GET where nothing is said. */
function isSafe(method: unknown): boolean {
  return method === undefined || safeMethods.has(String(method).toUpperCase());
}

function isUpgrade({ upgrade }: DispatchOptions): boolean {
  return upgrade !== undefined && upgrade !== null && upgrade !== false && upgrade !== '';
}

function signalOf({ signal }: DispatchOptions): AbortSignal | undefined {
  return signal instanceof AbortSignal ? signal : undefined;
}

/** Whether undici would take the handler: what it refuses, it shall refuse in its own words. A CONNECT only asks a proxy for the way. */
function isGuardable(options: DispatchOptions, handler: AnyHandler | null | undefined): handler is AnyHandler {
  if (typeof handler !== 'object' || handler === null) return false;
  if (options.method === 'CONNECT') return false;
  const upgrades = isUpgrade(options);
  const needed = isController(handler)
    ? ['onResponseError', ...(upgrades ? ['onRequestUpgrade'] : ['onResponseStart', 'onResponseData', 'onResponseEnd'])]
    : ['onConnect', 'onError', ...(upgrades ? ['onUpgrade'] : ['onHeaders', 'onData', 'onComplete'])];
  return needed.every((method) => typeof Reflect.get(handler, method) === 'function');
}

/** The request is made when the added latency is over, or never. */
function inject(call: HttpCall, handler: AnyHandler, injection: Injection, send: () => unknown): true {
  if (injection.kind === 'hang') {
    hungRequest(call, handler, injection);
    return true;
  }
  injection.delay(() => {
    try {
      if (call.permit.probe) call.permit.enter(send);
      else send();
    } catch (error) {
      call.failed(error);
      refuse(handler, error as Error);
    }
  });
  return true;
}

/** As the client tells of a connection that failed: later, and by the handler alone. */
function refuse(handler: AnyHandler, refusal: Error): void {
  queueMicrotask(() => {
    try {
      if (isController(handler)) handler.onResponseError?.(null, refusal);
      else handler.onError(refusal);
    } catch (error) {
      reportFault(error, 'a handler of undici that was told of a refusal');
    }
  });
}
