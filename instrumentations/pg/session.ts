import { digest } from '../../src/policies/stale-cache/keys.ts';
import { isFunction, type PgClient, type PgPool, type PgQueryConfig, textOf } from './types.ts';

const altered = new WeakSet<PgClient>();

/** The application has sent a statement that may alter the session of a client that it holds. */
export function noteSession(client: PgClient): void {
  altered.add(client);
}

/** Of each client that was prepared, what it was told. */
const preparations = new WeakMap<PgClient, string>();
/** How a pool's clients are prepared; `undefined` where not all are the same. */
const ofPools = new WeakMap<PgPool, string | undefined>();

/** A pool's `connect` event or `onConnect` hook has sent something on a client that nobody has been given yet. */
export function notePreparation(client: PgClient, args: readonly unknown[]): void {
  const { values } = (typeof args[0] === 'object' && args[0] !== null ? args[0] : {}) as PgQueryConfig;
  const given = args[1] === undefined || args[1] === null || isFunction(args[1]) ? values : args[1];
  const told = digest('prepared', [preparations.get(client), textOf(args[0]), given]);
  if (told === undefined) altered.add(client);
  else preparations.set(client, told);
}

/**
 * What the answers on a connection depend on beside the question: how its pool has prepared it, a `search_path` or a role perhaps. Empty for
 * most; `undefined` once the application has changed settings, role or temporary tables by itself: then they are for whoever knows of that.
 */
export function sessionOf(client: PgClient): string | undefined {
  return altered.has(client) ? undefined : (preparations.get(client) ?? '');
}

/** A call of a pool's was made on this client. */
export function learnSession(pool: PgPool, client: PgClient): void {
  const session = preparations.get(client) ?? '';
  if (!ofPools.has(pool)) ofPools.set(pool, session);
  else if (ofPools.get(pool) !== session) ofPools.set(pool, undefined);
}

/** As {@link sessionOf}, of whichever client a pool would use; `undefined` also while its first connection is still to come and may be prepared. */
export function sessionOfPool(pool: PgPool): string | undefined {
  return ofPools.has(pool) || mayPrepare(pool) ? ofPools.get(pool) : '';
}

/** OpenTelemetry's own instrumentation listens too, to count. */
function mayPrepare(pool: PgPool): boolean {
  if (isFunction(pool.options?.['onConnect'])) return true;
  const counted = Object.getOwnPropertySymbols(pool).some(({ description }) => description === 'opentelemetry.instrumentation.pg.eventListenersSet');
  return (pool.listenerCount?.('connect') ?? 0) > (counted ? 1 : 0);
}
