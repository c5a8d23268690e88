import { isPlainObject } from '../../src/core/schema.ts';
import { isCredentialed } from '../../src/policies/stale-cache/keys.ts';
import { KeptBody, once, snapshotOf } from './request-body.ts';
import type { FetchInit, RequestLike } from './types.ts';

/** RFC 9110, 9.2.1: methods that leave what is stored as it is. */
export const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** RFC 9110, 9.2.2: methods that may be made twice. */
const idempotent: ReadonlySet<string> = new Set([...safeMethods, 'PUT', 'DELETE']);

/** What `fetch` reads of its second argument, on a prototype too. */
const dictionary = [
  ...['method', 'headers', 'body', 'referrer', 'referrerPolicy', 'mode', 'credentials', 'cache', 'redirect', 'integrity'],
  ...['keepalive', 'window', 'duplex', 'priority', 'dispatcher', 'signal'],
] as const;

type Pairs = readonly (readonly [name: string, value: string])[];

/** The arguments of a `fetch`. */
export type FetchArguments = [input: unknown, init?: unknown, ...more: unknown[]];

/**
 * What a `fetch` asks for, as far as policies have to know it. The first attempt is made with the caller's own arguments;
 * what another one needs is kept from the beginning, since a caller may use his objects again while he waits.
 */
export class FetchRequest {
  readonly method: string;
  readonly url: string;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** Names in lower case; `undefined` where reading them would use them up. */
  readonly headers: Pairs | undefined;
  /** As `init` says. */
  readonly cache: unknown;
  readonly #args: FetchArguments;
  readonly #init: FetchInit;
  #again: { readonly input: unknown; readonly init: FetchInit } | undefined;
  /** A Request whose body is its own. */
  #streamed: RequestLike | undefined;
  #kept: KeptBody | undefined;

  constructor(args: readonly unknown[]) {
    this.#args = args as FetchArguments;
    const [input, init] = this.#args;
    this.#init = (typeof init === 'object' && init !== null) || typeof init === 'function' ? (init as FetchInit) : {};
    const request = requestOf(input);
    this.url = request?.url ?? String((input as { href?: unknown } | null)?.href ?? input);
    const { headers, signal, cache } = this.#init;
    this.method = methodOf(this.#init, request);
    this.signal = (signal === undefined ? request?.signal : (signal as AbortSignal | null)) ?? undefined;
    this.headers = listed(headers ?? request?.headers);
    this.cache = cache ?? request?.cache;
  }

  /** Leaves what is stored as it is. */
  get isSafe(): boolean {
    return safeMethods.has(this.method);
  }

  /** Whether making it twice is the same as making it once: by its method, or because the server is told to know it again. */
  get isIdempotent(): boolean {
    return idempotent.has(this.method) || this.header('idempotency-key') !== undefined;
  }

  /** Whether it says who asks, or that cannot be told. */
  get isCredentialed(): boolean {
    return this.headers === undefined || !URL.canParse(this.url) || isCredentialed(new URL(this.url), this.headers);
  }

  header(name: string): string | undefined {
    return this.headers?.find(([each]) => each === name)?.[1];
  }

  /** Keeps what another attempt needs, as far as it can be kept. To be called before the first one. */
  keep(): void {
    const [input] = this.#args;
    const { headers, url } = this;
    if (headers === undefined) return;
    const request = requestOf(input);
    const body = snapshotOf(this.#init.body);
    if (body === once) return;
    const again = { ...own(this.#init), headers: headers.map(([name, value]) => [name, value]), ...(body !== undefined && { body }) };
    this.#again = { input: request === undefined ? url : input, init: again };
    this.#streamed = body === undefined && request !== undefined && (request.body ?? null) !== null ? request : undefined;
  }

  /** Whether it can be made again, its body included. */
  get isRepeatable(): boolean {
    return this.#again !== undefined && (this.#streamed === undefined || this.#kept?.bytes !== undefined);
  }

  /** The first time: the caller's own arguments, but for the signal if that is another one. The body is about to be used. */
  first(signal: AbortSignal | undefined): unknown[] {
    if (this.#streamed !== undefined) this.#kept ??= new KeptBody(this.#streamed);
    if (signal === this.signal) return this.#args;
    const [input, , ...more] = this.#args;
    return [input, { ...own(this.#init), signal }, ...more];
  }

  /** Once more. Only where it {@link isRepeatable}. */
  again(signal: AbortSignal | undefined): unknown[] {
    const { input, init } = this.#again ?? { input: this.#args[0], init: this.#init };
    const body = this.#kept?.bytes;
    return [input, { ...init, ...(body !== undefined && { body }), signal: signal ?? null }];
  }

  /** The same path and query of another origin, whatever of a Request's is not tied to its own. */
  elsewhere(origin: string, signal: AbortSignal | undefined): unknown[] {
    const { pathname, search } = new URL(this.url);
    const [input, again] = this.again(signal) as [unknown, Record<string, unknown>];
    const init: Record<string, unknown> = { ...again, headers: (this.headers ?? []).filter(([name]) => name !== 'host') };
    if (isTied(again['dispatcher'])) delete init['dispatcher'];
    const request = requestOf(input);
    if (request === undefined) return [`${origin}${pathname}${search}`, init];
    const { method, redirect, cache, referrerPolicy } = request;
    return [`${origin}${pathname}${search}`, { method, redirect, cache, referrerPolicy, ...init }];
  }

  /** Nothing more will be made of it. */
  over(): void {
    this.#kept?.drop();
    this.#kept = undefined;
    this.#again = undefined;
  }
}

/**
 * Whether a `fetch` leaves what is stored as it is, by its arguments alone. For who only watches: code of the caller's, which may
 * throw or answer otherwise the next time, is left to the `fetch` itself to run, and the call counts as one that may change something.
 */
export function isSafeFetch([input, init]: readonly unknown[]): boolean {
  try {
    return !isComputed(init, 'method') && safeMethods.has(methodOf((init ?? {}) as FetchInit, requestOf(input)));
  } catch {
    return false;
  }
}

/** Whether to read it is to run a getter. Those of a Request are the platform's. */
function isComputed(object: unknown, key: string): boolean {
  if (Object.prototype.toString.call(object) === '[object Request]') return false;
  for (let holder = object ?? null; holder !== null; holder = Object.getPrototypeOf(holder)) {
    const property = Object.getOwnPropertyDescriptor(holder, key);
    if (property !== undefined) return property.get !== undefined;
  }
  return false;
}

function methodOf({ method }: FetchInit, request: RequestLike | undefined): string {
  return String(method ?? request?.method ?? 'GET').toUpperCase();
}

function requestOf(input: unknown): RequestLike | undefined {
  const { url } = (typeof input === 'object' && input !== null ? input : {}) as { url?: unknown };
  return typeof url === 'string' ? (input as RequestLike) : undefined;
}

/** A copy to change, with whatever else a wrapper around `fetch` may have put there. */
function own(init: FetchInit): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...init };
  for (const key of dictionary) if (!(key in copy) && key in init) copy[key] = init[key];
  return copy;
}

function listed(headers: unknown): Pairs | undefined {
  if (headers === undefined || headers === null) return [];
  if (Array.isArray(headers)) return headers.every((pair) => Array.isArray(pair) && pair.length === 2) ? named(headers) : undefined;
  if (typeof headers !== 'object') return undefined;
  // An iterator of any other kind may be one that can be walked once.
  if (Object.prototype.toString.call(headers) === '[object Headers]') return named([...(headers as Iterable<[unknown, unknown]>)]);
  return isPlainObject(headers) && !(Symbol.iterator in headers) ? named(Object.entries(headers)) : undefined;
}

function named(pairs: Iterable<readonly unknown[]>): Pairs {
  return Array.from(pairs, ([name, value]) => [String(name).toLowerCase(), String(value)] as const);
}

/** A pool or client sends everything to its own origin; agents, also those of a proxy, go where they are told. */
function isTied(dispatcher: unknown): boolean {
  if (typeof dispatcher !== 'object' || dispatcher === null) return false;
  return Object.getOwnPropertySymbols(dispatcher).some(({ description }) => description === 'url');
}
