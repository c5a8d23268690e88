import { isolated } from '../../src/core/isolated.ts';
import type { PgSubmittable } from './types.ts';

type Handler = (this: unknown, ...args: unknown[]) => unknown;
type Handlers = Record<string, unknown>;

/** Called by the client with the first answer of the server, whatever it is. */
const answers = [
  'handleRowDescription',
  'handleDataRow',
  'handleCommandComplete',
  'handleEmptyQuery',
  'handlePortalSuspended',
  'handleCopyInResponse',
];

/** What is heard of a submittable. Only the first of `ended` and `failed` is told. */
export interface SubmittableEnd {
  /** The server has answered; told only of those that are read or written at the application's pace. */
  answered(): void;
  ended(): void;
  failed(error: unknown): void;
}

/**
 * Whether the application sets the pace: a Cursor, a QueryStream, a COPY stream. How long such a thing takes says nothing
 * of the server once it has answered. An ordinary Query gets its rows as they come.
 */
export const isPaced = (query: PgSubmittable): boolean =>
  typeof (query as { read?: unknown }).read === 'function' || typeof (query as { write?: unknown }).write === 'function';

/**
 * Hears how a submittable fares by standing before the handlers that the client calls, on the object itself, until the
 * end. Listeners would not do: one for `error` changes what happens when there is no other.
 */
export function watchSubmittable(query: PgSubmittable, end: SubmittableEnd): void {
  const handlers = query as unknown as Handlers;
  const restores: (() => void)[] = [];
  let over = false;
  const finish = (tell: () => void): void => {
    if (over) return;
    over = true;
    for (const restore of restores) restore();
    tell();
  };
  const around = (name: string, call: (inner: () => unknown, first: unknown) => unknown): void => {
    const inner = handlers[name];
    if (typeof inner !== 'function') return;
    const own = Object.getOwnPropertyDescriptor(handlers, name);
    const outer = function (this: unknown, ...args: unknown[]): unknown {
      return call(() => Reflect.apply(inner as Handler, this, args), args[0]);
    };
    Object.defineProperty(handlers, name, { configurable: true, writable: true, enumerable: own?.enumerable ?? false, value: outer });
    restores.push(() => {
      // Somebody may have put himself before us since; then ours stays, and only passes on.
      if (handlers[name] !== outer) return;
      if (own === undefined) delete handlers[name];
      else Object.defineProperty(handlers, name, own);
    });
  };
  const before = (name: string, hear: (first: unknown) => void): void =>
    around(name, (inner, first) => {
      isolated('watching a query', () => hear(first));
      return inner();
    });
  if (typeof handlers['handleReadyForQuery'] !== 'function') {
    watchNative(around, finish, end);
    return;
  }
  before('handleError', (error) => finish(() => end.failed(error)));
  before('handleReadyForQuery', () => finish(() => end.ended()));
  if (isPaced(query)) for (const name of answers) before(name, () => end.answered());
}

/** A query of pg-native gives its error the server's fields only as it is handled, and says with an event that it has ended. */
function watchNative(
  around: (name: string, call: (inner: () => unknown, first: unknown) => unknown) => void,
  finish: (tell: () => void) => void,
  end: SubmittableEnd,
): void {
  around('handleError', (inner, error) => {
    try {
      return inner();
    } finally {
      isolated('watching a query', () => finish(() => end.failed(error)));
    }
  });
  around('emit', (inner, event) => {
    if (event === 'end') isolated('watching a query', () => finish(() => end.ended()));
    return inner();
  });
}
