/** The parts of undici and fetch that are used here, described by structure: undici 6, 7 and 8, and the one inside Node. */

export type Fetch = (...args: unknown[]) => unknown;

/** The second argument of `fetch`. */
export type FetchInit = Readonly<Record<string, unknown>>;

/** What is read of a Request. */
export interface RequestLike {
  readonly url: string;
  readonly method?: string;
  readonly headers?: unknown;
  readonly signal?: AbortSignal | null;
  readonly cache?: unknown;
  readonly redirect?: unknown;
  readonly referrerPolicy?: unknown;
  readonly body?: ReadableStream<Uint8Array> | null;
  clone?(): RequestLike;
}

/** What is read of a Response. A mock may lack any of it. */
export interface ResponseLike {
  readonly status?: unknown;
  readonly redirected?: unknown;
  readonly url?: unknown;
  readonly headers?: { get?(name: string): string | null };
  readonly body?: ReadableStream<Uint8Array> | null;
}

export interface UndiciRequest {
  readonly origin?: unknown;
  readonly upgrade?: unknown;
  /** What its body failed with before it was sent. */
  readonly error?: unknown;
  /** Once it has a connection, which it takes with it. */
  /** `null` until undici has taken the request up. */
  readonly abort?: ((error: Error) => void) | null;
  onError?(error: Error): void;
}

/** A message of undici's diagnostics channels: each has a part of these. */
export interface RequestMessage<R extends UndiciRequest> {
  readonly request: R;
  readonly response?: { readonly statusCode: number; readonly headers: unknown };
  readonly socket?: unknown;
  readonly error?: unknown;
}

export interface SocketLike {
  readonly destroyed?: unknown;
  readonly alpnProtocol?: unknown;
}

export interface DispatchOptions {
  readonly method?: unknown;
  readonly upgrade?: unknown;
  readonly signal?: unknown;
  /** The name of the server, where the origin has its address. */
  readonly servername?: unknown;
}

/** The handler of undici 6, and of 7 for its own callers. */
export interface LegacyHandler {
  onConnect(abort: (reason?: unknown) => void, context?: unknown): unknown;
  onHeaders(status: number, headers: unknown, resume: () => void, statusText: string): unknown;
  onData(chunk: unknown): unknown;
  onComplete(trailers: unknown): unknown;
  onError(error: unknown): unknown;
  onUpgrade?(status: number, headers: unknown, socket: unknown): unknown;
  onResponseStarted?(): unknown;
  onBodySent?(chunk: unknown): unknown;
  onRequestSent?(): unknown;
}

export interface DispatchController {
  /** Whether the handler, thus the caller, aborted the request. */
  readonly aborted?: boolean;
  readonly reason?: unknown;
}

/** The handler of undici 8, and of 7 for interceptors. The controller is `null` when the request was never made. */
export interface ControllerHandler {
  onRequestStart(controller: DispatchController, context: unknown): unknown;
  onResponseStart?(controller: DispatchController, status: number, headers: unknown, statusText?: string): unknown;
  onResponseData?(controller: DispatchController, chunk: unknown): unknown;
  onResponseEnd?(controller: DispatchController, trailers: unknown): unknown;
  onResponseError?(controller: DispatchController | null, error: unknown): unknown;
  onRequestUpgrade?(controller: DispatchController, status: number, headers: unknown, socket: unknown): unknown;
  onResponseStarted?(): unknown;
  onBodySent?(chunk: unknown): unknown;
  onRequestSent?(): unknown;
}

export type AnyHandler = LegacyHandler | ControllerHandler;
