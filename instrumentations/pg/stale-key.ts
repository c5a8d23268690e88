import { sqlCacheKey } from '../../src/policies/stale-cache/keys.ts';
import type { Database } from './database.ts';
import { isFunction, type PgClient, type PgConnectionParameters, type PgPool, type PgQueryConfig, textOf } from './types.ts';

/** Whose connection it is, and how it reads what the server says: both change the answer to the same text. */
export interface Asker {
  readonly parameters: PgConnectionParameters | undefined;
  /** Where values of the server's types are read in a way of the application's own. */
  readonly types: object | undefined;
}

export const askerOfPool = (pool: PgPool, parameters: PgConnectionParameters | undefined): Asker => ({
  parameters,
  types: objectOf(pool.options?.['types']),
});

/** `undefined` where it has type parsers of its own, which nobody can compare. */
export function askerOfClient(client: PgClient): Asker | undefined {
  const { _types: own, connectionParameters: parameters } = client;
  if (hasAny(own?.text) || hasAny(own?.binary)) return undefined;
  const types = own?._types;
  // The package that everybody has; anything else was given to the client.
  return { parameters, types: types === undefined || 'builtins' in types ? undefined : types };
}

const objectOf = (value: unknown): object | undefined => (typeof value === 'object' && value !== null ? value : undefined);
const hasAny = (of: object | undefined): boolean => of !== undefined && Object.keys(of).length > 0;

/** Type parsers are told apart by being the same object: that holds for as long as the process lives. */
const ids = new WeakMap<object, number>();
let lastId = 0;
function idOf(types: object): number {
  let id = ids.get(types);
  if (id === undefined) {
    id = lastId += 1;
    ids.set(types, id);
  }
  return id;
}

/**
 * What makes up the key of an answer: server, database, user, the session's settings at its start, text, values with their
 * types, and the shape of the rows. `undefined`: not to be kept.
 * @param lasting whether answers outlive the process
 */
export function staleKey(database: Database, asker: Asker | undefined, args: readonly unknown[], lasting: boolean): string | undefined {
  if (asker?.parameters === undefined) return undefined;
  const config = (typeof args[0] === 'object' && args[0] !== null ? args[0] : {}) as PgQueryConfig;
  const values = args[1] === undefined || args[1] === null || isFunction(args[1]) ? config.values : args[1];
  if (values !== undefined && values !== null && !Array.isArray(values)) return undefined;
  const types = objectOf(config.types) ?? asker.types;
  if (types !== undefined && lasting) return undefined;
  const { user, options } = asker.parameters;
  const shape = [options ?? null, config.name ?? null, config.binary === true, types === undefined ? 0 : idOf(types)];
  return sqlCacheKey({
    server: database.server.group.key,
    database: database.name,
    user: user ?? undefined,
    text: textOf(args[0]),
    values: values ?? undefined,
    rowMode: typeof config.rowMode === 'string' ? config.rowMode : undefined,
    partition: JSON.stringify(shape),
  });
}
