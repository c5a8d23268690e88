import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { reportFault } from '../../src/core/fault.ts';
import { isTracingSuppressed } from '../../src/core/suppress-tracing.ts';
import { handOver } from './hand-over.ts';
import type { HttpCall } from './http-call.ts';
import { originOf } from './origin.ts';
import { headerOf } from './retry-after.ts';
import type { RequestMessage, SocketLike, UndiciRequest } from './types.ts';

/** On undici's request objects. A property costs a fiftieth of an entry in a WeakMap; only other subscribers of the channels can see it. */
const callOf = Symbol('otel-breaker.call');

interface Observed extends UndiciRequest {
  [callOf]?: HttpCall;
}

/**
 * Tells admitted calls what becomes of their requests, by undici's diagnostics channels: handlers, responses and their
 * streams stay the client's own, and no frame of ours gets into its stacks.
 */
export class RequestObserver {
  readonly #onStray: (() => void) | undefined;
  readonly #subscriptions: (readonly [channel: string, listener: (message: unknown) => void])[] = [];
  #active = true;
  #debugsAsEver = process.env['NODE_DEBUG'] === undefined;
  #observing = false;
  #observingHeaders = false;
  /** Of the requests that serve the guarded fetch: what other copies of undici send on their own is no concern of its. */
  #ofFetch: unknown;

  /** @param onStray told of a request that the fetch's own undici makes of no admitted call: somebody calls fetch past the guard */
  constructor(onStray?: () => void) {
    this.#onStray = onStray;
  }

  /**
   * Begins to observe; from then on it costs nothing to say it again. Not before the first call: undici leaves its own
   * NODE_DEBUG output out when it finds subscribers as it is loaded.
   * @param nodesOwn whether Node's own undici makes the call, which Node loads on first use: before anybody subscribes, then. Where it is
   * not used it is not loaded: each copy of undici 6 would print what the other does
   */
  observe(nodesOwn: boolean): void {
    if (nodesOwn && !this.#debugsAsEver) this.#loadNodesOwn();
    if (this.#observing) return;
    this.#observing = true;
    this.#on('undici:request:create', ({ request }) => {
      const call = handOver.takeRequest(() => (typeof request.origin === 'string' ? originOf(request.origin) : undefined));
      if (call === undefined) {
        if (this.#isStray(request)) this.#onStray?.();
        return;
      }
      if (call.toldBy === 'promise') this.#ofFetch = request.constructor;
      call.sent();
      call.request = request;
      request[callOf] = call;
    });
    this.#on('undici:client:sendHeaders', ({ request, socket }) => {
      const call = request[callOf];
      if (call !== undefined) call.socket = socket;
    });
    this.#on('undici:request:trailers', ({ request }) => request[callOf]?.ended());
    this.#on('undici:request:error', ({ request, error }) => {
      const call = request[callOf];
      if (call === undefined) return;
      if (isCallers(request, call.socket as SocketLike | undefined, error)) call.taken(error);
      call.broke(error);
    });
  }

  /** Calls that npm's undici makes are told their answers by this; a `fetch` learns it from its promise. */
  observeHeaders(): void {
    if (this.#observingHeaders) return;
    this.#observingHeaders = true;
    this.#on('undici:request:headers', ({ request, response }) => {
      const call = request[callOf];
      if (call?.toldBy !== 'request' || response === undefined) return;
      const { statusCode, headers } = response;
      // Responses below 200 only announce the one that counts.
      if (statusCode < 200) return;
      const value = { status: statusCode, statusCode, headers };
      call.answered({ status: statusCode, value, retryAfter: () => headerOf(headers, 'retry-after') });
    });
  }

  stop(): void {
    this.#active = false;
    for (const [channel, listener] of this.#subscriptions.splice(0)) unsubscribe(channel, listener);
  }

  #loadNodesOwn(): void {
    this.#debugsAsEver = true;
    for (const [channel, listener] of this.#subscriptions) unsubscribe(channel, listener);
    Reflect.get(globalThis, 'Headers');
    for (const [channel, listener] of this.#subscriptions) subscribe(channel, listener);
  }

  /** An upgrade (Node's WebSocket) is no fetch, and the further requests of one that is redirected belong to it. */
  #isStray(request: Observed): boolean {
    if (request.constructor !== this.#ofFetch || handOver.following > 0 || isTracingSuppressed()) return false;
    return (request.upgrade ?? false) === false && typeof request.origin === 'string' && originOf(request.origin) !== undefined;
  }

  #on(channel: string, listener: (message: RequestMessage<Observed>) => void): void {
    if (!this.#active) return;
    // An exception in a subscriber would end the process.
    const isolated = (message: unknown): void => {
      try {
        listener(message as RequestMessage<Observed>);
      } catch (error) {
        reportFault(error, channel);
      }
    };
    subscribe(channel, isolated);
    this.#subscriptions.push([channel, isolated]);
  }
}

/**
 * Whether it was the caller's side that ended a request, by an abort or by a body that failed: an upload may break off with
 * the very error that a broken server gives. What the server does to a request comes by its connection, which is over by then.
 */
function isCallers(request: UndiciRequest, socket: SocketLike | undefined, error: unknown): boolean {
  if (socket === undefined) return error !== undefined && request.error === error;
  // Of HTTP/2's streams one may end and the connection stay.
  return socket.destroyed === false && socket.alpnProtocol !== 'h2';
}
