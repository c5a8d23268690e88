import { createRequire } from 'node:module';
import { join } from 'node:path';
import { reportFault } from '../../src/core/fault.ts';
import { type Guard, guardMethod, type Original } from '../shared/guard.ts';
import type { HookDefinition, LoadedFile } from '../shared/hook.ts';
import type { HttpAdmission } from './admission.ts';
import { globalDispatcherBases } from './global-dispatcher.ts';
import { GuardedControllerHandler, GuardedLegacyHandler, isGuarded } from './guarded-handler.ts';
import { handOver } from './hand-over.ts';
import type { HttpCall } from './http-call.ts';
import { originOf } from './origin.ts';
import type { ControllerHandler, DispatchOptions, LegacyHandler } from './types.ts';

type AnyHandler = LegacyHandler | ControllerHandler;
/** undici 7 turns handlers of the new kind into the old one on the way to the connection. */
type Unwrap = (handler: ControllerHandler) => LegacyHandler;

/** Guards the npm package undici: its `request`, `stream`, `pipeline`, `fetch`, agents, pools and clients all dispatch by this file. */
export function undiciHook(admission: HttpAdmission): HookDefinition {
  return {
    package: 'undici',
    files: ['undici/lib/dispatcher/dispatcher-base.js'],
    majors: [6, 7, 8],
    patch(exports, loaded) {
      const prototype = (exports as { prototype?: object }).prototype;
      if (prototype === undefined) return undefined;
      const guards = [guardDispatch(prototype, new DispatchGuard(admission, unwrapOf(loaded)))];
      for (const base of globalDispatcherBases()) {
        if (base !== prototype) guards.push(guardDispatch(base, new DispatchGuard(admission, undefined)));
      }
      return () => {
        for (const guard of guards) guard.remove();
      };
    },
  };
}

function guardDispatch(prototype: object, dispatch: DispatchGuard): Guard {
  return guardMethod(prototype, 'dispatch', (original, self, args) => dispatch.call(original, self as object, args));
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
  readonly #unwrap: Unwrap | undefined;
  /** undici's own symbol of a dispatcher's URL, as soon as one has been seen. */
  #url: symbol | undefined;

  constructor(admission: HttpAdmission, unwrap: Unwrap | undefined) {
    this.#admission = admission;
    this.#unwrap = unwrap;
  }

  call(original: Original, dispatcher: object, args: readonly unknown[]): unknown {
    const [options, handler] = args as [DispatchOptions | null | undefined, AnyHandler | null | undefined];
    // A pool passes what it admitted on to one of its clients.
    if (isGuarded(handler)) return original(dispatcher, args);
    const origin = this.#originOf(dispatcher);
    if (origin === undefined || !isGuardable(options, handler)) return original(dispatcher, args);

    const fetched = handOver.take(origin);
    if (fetched !== undefined) return original(dispatcher, [options, this.#guarded(handler, fetched)]);
    const admitted = this.#admission.admit(origin);
    if (admitted === undefined) return original(dispatcher, args);
    if (admitted.call === undefined) {
      refuse(handler, admitted.refusal);
      return true;
    }
    const { call } = admitted;
    const send = (): unknown => original(dispatcher, [options, this.#guarded(handler, call)]);
    try {
      return call.permit.probe ? call.permit.enter(send) : send();
    } catch (error) {
      call.failed(error);
      throw error;
    }
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

function isController(handler: AnyHandler): handler is ControllerHandler {
  return typeof (handler as Partial<ControllerHandler>).onRequestStart === 'function';
}

/** Whether undici would take the handler: what it refuses, it shall refuse in its own words. A CONNECT only asks a proxy for the way. */
function isGuardable(options: DispatchOptions | null | undefined, handler: AnyHandler | null | undefined): handler is AnyHandler {
  if (typeof options !== 'object' || options === null || typeof handler !== 'object' || handler === null) return false;
  if (options.method === 'CONNECT') return false;
  const upgrades = options.upgrade !== undefined && options.upgrade !== null && options.upgrade !== false && options.upgrade !== '';
  const needed = isController(handler)
    ? ['onResponseError', ...(upgrades ? ['onRequestUpgrade'] : ['onResponseStart', 'onResponseData', 'onResponseEnd'])]
    : ['onConnect', 'onError', ...(upgrades ? ['onUpgrade'] : ['onHeaders', 'onData', 'onComplete'])];
  return needed.every((method) => typeof Reflect.get(handler, method) === 'function');
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
