import { AsyncLocalStorage } from 'node:async_hooks';

/** What is known of an answer that was not fresh. */
export interface StaleInfo {
  /** Milliseconds since the dependency gave the answer. */
  readonly ageMs: number;
}

interface Shared {
  readonly marks: WeakMap<object, StaleInfo>;
  readonly scopes: AsyncLocalStorage<{ oldest: StaleInfo | undefined }>;
}

// One for the whole process: the preload and the program may have a copy of this package each.
const slot = Symbol.for('otel-breaker.stale');
const place = globalThis as { [slot]?: Shared };
place[slot] ??= { marks: new WeakMap(), scopes: new AsyncLocalStorage() };
const { marks, scopes } = place[slot];

/** Marks an answer as stale, for {@link isStale} if it is an object and for {@link withStaleInfo} in any case. Returns it. */
export function markStale<T>(value: T, info: StaleInfo): T {
  if (typeof value === 'object' && value !== null) marks.set(value, info);
  const scope = scopes.getStore();
  if (scope !== undefined && (scope.oldest === undefined || info.ageMs > scope.oldest.ageMs)) scope.oldest = info;
  return value;
}

/** Whether an answer was served from the cache, because the dependency could not be asked. Strings and numbers carry no mark: see {@link withStaleInfo}. */
export function isStale(result: unknown): boolean {
  return staleAge(result) !== undefined;
}

/** How old a stale answer was when it was served, in ms; `undefined` for one that is not stale, or no object. */
export function staleAge(result: unknown): number | undefined {
  return typeof result === 'object' && result !== null ? marks.get(result)?.ageMs : undefined;
}

/** What {@link withStaleInfo} tells. */
export interface WithStaleInfo<T> {
  readonly value: T;
  readonly stale: boolean;
  /** Of the oldest stale answer that went into the value, in ms; `undefined` if there was none. */
  readonly ageMs: number | undefined;
}

/**
 * Runs a function and tells whether anything that it awaited was stale, primitives included:
 *
 * ```ts
 * const { value, stale, ageMs } = await withStaleInfo(() => redis.get('price'));
 * ```
 */
export async function withStaleInfo<T>(fn: () => T | PromiseLike<T>): Promise<WithStaleInfo<T>> {
  const scope: { oldest: StaleInfo | undefined } = { oldest: undefined };
  const outer = scopes.getStore();
  const value = await scopes.run(scope, fn);
  const { oldest } = scope;
  if (outer !== undefined && oldest !== undefined && (outer.oldest === undefined || oldest.ageMs > outer.oldest.ageMs)) outer.oldest = oldest;
  return { value, stale: oldest !== undefined, ageMs: oldest?.ageMs };
}
