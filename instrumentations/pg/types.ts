/**
 * What is used of pg and pg-pool, described structurally: their packages are never imported. Properties with an
 * underscore are internals that have been there throughout pg 8; each use stands up to their absence.
 */

/** A callback of theirs: an error or nothing first. */
export type PgCallback = (this: unknown, error?: unknown, ...results: unknown[]) => unknown;

export interface PgConnectionParameters {
  readonly host?: string;
  readonly port?: number | string;
  readonly database?: string;
  readonly user?: string | null;
  /** `true`, or options of TLS. */
  readonly ssl?: unknown;
  /** Settings of the session, such as `-c search_path=tenant`. */
  readonly options?: string | null;
  /** In ms. */
  readonly query_timeout?: unknown;
}
export type PgConnectionParametersClass = new (config: unknown) => PgConnectionParameters;

export interface PgConnection {
  readonly stream?: { readonly connect?: unknown; destroy?(error?: Error): unknown };
  readonly parsedStatements?: Readonly<Record<string, string>>;
  /** Asks for a ReadyForQuery. */
  sync?(): void;
  prependListener?(event: string, listener: (message?: { readonly status?: string }) => void): unknown;
}

export interface PgClient {
  readonly connection?: PgConnection;
  readonly connectionParameters?: PgConnectionParameters;
  /** Of the last ReadyForQuery, from 8.21: `I` idle, `T` in a transaction, `E` in a failed one. */
  readonly _txStatus?: string | null;
  /** Nothing is under way on the connection. */
  readonly readyForQuery?: boolean;
  /** Calls that have not been sent yet. */
  readonly _queryQueue?: unknown[];
  readonly queryQueue?: readonly unknown[];
  /** What the connection is at work on. */
  readonly _activeQuery?: unknown;
  readonly pipeline?: boolean;
  /** False once its connection has broken. */
  readonly _queryable?: boolean;
  readonly _ending?: boolean;
  /** What a request to cancel has to name. */
  readonly processID?: number | null;
  readonly secretKey?: unknown;
  readonly host?: string;
  readonly port?: number | string;
  /** How values of the server's types are read. */
  readonly _types?: { readonly text?: object; readonly binary?: object; readonly _types?: object };
  /** How often a pool has handed it out, in those that count. */
  _poolUseCount?: number;
  /** In pipeline mode: sent, and not answered yet. */
  readonly _sentQueryQueue?: readonly unknown[];
  /** Only pg-native's clients have it, and what follows. */
  readonly native?: object;
  getTransactionStatus?(): string | null;
  _hasActiveQuery?(): boolean | undefined;
  readonly _Promise?: PromiseConstructor;
  /** What `connect` does, told of its end by a callback. */
  readonly _connect?: unknown;
  /** Set by a pool when it hands the client out for the first time. */
  readonly release?: unknown;
}

export interface PgPool {
  readonly options?: Readonly<Record<string, unknown>> & { readonly max?: number };
  readonly Promise?: PromiseConstructor;
  /** The class of its clients. */
  readonly Client?: unknown;
  readonly ending?: boolean;
  listenerCount?(event: string): number;
  readonly idleCount?: number;
  readonly totalCount?: number;
  readonly _clients?: readonly PgClient[];
  readonly _pendingQueue?: readonly { readonly callback?: unknown }[];
}

/** Whether an idle connection is there for whoever asks now. They are handed out a tick later, first to those who wait already. */
export const hasIdle = ({ idleCount = 0, _pendingQueue: queue }: PgPool): boolean => idleCount > (queue?.length ?? 0);

/** Whether whoever asks for a connection now has to wait until somebody gives one back. */
export const isSaturated = (pool: PgPool): boolean => !hasIdle(pool) && (pool.totalCount ?? 0) >= (pool.options?.max ?? Number.POSITIVE_INFINITY);

/** What `query` also takes in the place of a text: it is handed the connection and told of every message. */
export interface PgSubmittable {
  submit: unknown;
  text?: unknown;
  callback?: unknown;
  /** pg-query-stream keeps the text in the cursor that it is made of. */
  readonly cursor?: { readonly text?: unknown };
  handleError(error: unknown, connection: unknown): unknown;
}

export interface PgQueryConfig {
  readonly text?: unknown;
  readonly name?: unknown;
  readonly values?: unknown;
  readonly rowMode?: unknown;
  readonly binary?: unknown;
  readonly types?: unknown;
  callback?: unknown;
}

export const isFunction = (value: unknown): value is PgCallback => typeof value === 'function';

export function isSubmittable(value: unknown): value is PgSubmittable {
  return typeof value === 'object' && value !== null && typeof (value as { submit?: unknown }).submit === 'function';
}

/** The SQL of whatever `query` was given; of a prepared statement that was named only, what it was prepared from. */
export function textOf(query: unknown, client?: PgClient): string {
  if (typeof query === 'string') return query;
  if (typeof query !== 'object' || query === null) return '';
  const { text, name, cursor } = query as PgQueryConfig & PgSubmittable;
  if (typeof text === 'string') return text;
  if (typeof cursor?.text === 'string') return cursor.text;
  const prepared = typeof name === 'string' ? client?.connection?.parsedStatements?.[name] : undefined;
  return typeof prepared === 'string' ? prepared : '';
}
