import { AsyncResource } from 'node:async_hooks';

/** Runs a function in the async context of a caller who will be called back from a timer. */
export type InContext = (fn: () => unknown) => unknown;

/**
 * The async context of who is calling now. The same as `AsyncLocalStorage.snapshot()`, which before Node 24 describes the function that it returns
 * by properties and accessors made for each: as costly as a query to PostgreSQL.
 */
export function callerContext(): InContext {
  const resource = new AsyncResource('otel-breaker');
  return (fn) => resource.runInAsyncScope(fn);
}
