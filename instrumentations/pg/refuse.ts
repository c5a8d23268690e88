import { isFunction, isSubmittable, type PgCallback, type PgClient, type PgSubmittable } from './types.ts';

/** Which of `query`'s arguments is its callback; a config's own counts only when no other is given. */
export function callbackOf(args: readonly unknown[]): PgCallback | undefined {
  if (isFunction(args[2])) return args[2];
  if (isFunction(args[1])) return args[1];
  const own = typeof args[0] === 'object' && args[0] !== null ? (args[0] as { callback?: unknown }).callback : undefined;
  return isFunction(own) ? own : undefined;
}

/** As any error of the client's: a callback is called on a later tick, a promise rejects. */
export function refuse(promise: PromiseConstructor | undefined, callback: PgCallback | undefined, error: Error): unknown {
  if (callback !== undefined) {
    process.nextTick(callback, error);
    return undefined;
  }
  // Rejected later than made: a handler is there by then, and Node need not keep books on it.
  return new (promise ?? Promise)((_, reject) => process.nextTick(reject, error));
}

/**
 * Refuses `client.connect`. To the client it is an attempt that failed: whoever makes a new one when the old one has ended
 * hears of its end, and what was queued before fails with it. It goes through the client's own method inside `connect`, so
 * that nobody who has wrapped that sees a call which is not made.
 */
export function refuseConnect(client: PgClient, callback: PgCallback | undefined, error: Error): unknown {
  const stream = client.connection?.stream;
  const { _connect: connect } = client;
  if (!isFunction(connect) || stream === undefined || !isFunction(stream.connect) || !isFunction(stream.destroy)) {
    return refuse(client._Promise, callback, error);
  }
  const fail = (told: PgCallback): void => {
    const own = Object.getOwnPropertyDescriptor(stream, 'connect');
    const value = (): unknown => {
      process.nextTick(() => stream.destroy?.(error));
      return stream;
    };
    Object.defineProperty(stream, 'connect', { configurable: true, writable: true, value });
    try {
      connect.call(client, told);
    } finally {
      if (own === undefined) delete (stream as { connect?: unknown }).connect;
      else Object.defineProperty(stream, 'connect', own);
    }
  };
  if (callback !== undefined) return fail(callback);
  return new (client._Promise ?? Promise)((resolve, reject) => fail((failure) => (failure ? reject(failure) : resolve(client))));
}

/** Refuses a call of `client.query`. The client stays usable. */
export function refuseQuery(client: PgClient, args: readonly unknown[], error: Error): unknown {
  const [query] = args;
  if (!isSubmittable(query)) return refuse(client._Promise, callbackOf(args), error);
  adoptCallback(query, args);
  process.nextTick(() => query.handleError(error, client.connection));
  return query;
}

/** pg takes over a callback that is given beside a submittable without one. */
function adoptCallback(query: PgSubmittable, args: readonly unknown[]): void {
  if (query.callback) return;
  const callback = isFunction(args[1]) ? args[1] : args[2];
  if (callback) query.callback = callback;
}
