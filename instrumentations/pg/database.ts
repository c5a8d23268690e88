import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { FAILED_LOGINS } from './defaults.ts';
import type { OperationClass } from './operation.ts';
import { PoolWatch } from './pool-watch.ts';
import { type PgServer, serverAt } from './server.ts';
import type { PgClient, PgConnectionParameters, PgConnectionParametersClass, PgPool } from './types.ts';

/** What breakers are for: the classes of statements, and getting a connection. */
export type Purpose = OperationClass | 'connect';

/** One database of a server, as clients and pools know it. */
export class Database {
  readonly server: PgServer;
  readonly name: string;
  readonly #breakers: Partial<Record<Purpose, Breaker>> = {};
  #failedLogins = 0;

  constructor(server: PgServer, name: string) {
    this.server = server;
    this.name = name;
  }

  breaker(purpose: Purpose): Breaker {
    const known = this.#breakers[purpose];
    if (known !== undefined && !known.retired) return known;
    const breaker = this.server.group.breaker(purpose, this.name);
    this.server.pending.follow(breaker);
    this.#breakers[purpose] = breaker;
    return breaker;
  }

  loggedIn(): void {
    this.#failedLogins = 0;
  }

  /** A log-in failed for a reason that no breaker knows yet. Handshakes are no admissions, so there is no ratio to go by. */
  loginFailed(error: unknown): void {
    this.#failedLogins += 1;
    if (this.#failedLogins >= FAILED_LOGINS) this.breaker('connect').report(error, { refused: true });
  }
}

interface Known<T> {
  readonly registry: Registry;
  readonly value: T;
}

type KnownBy<Holder extends object, T> = WeakMap<Holder, Known<T>>;

/** Finds the database of a client or pool, once per object and registry. */
export class Databases {
  readonly #registry: () => Registry;
  readonly #clients: KnownBy<PgClient, Database> = new WeakMap();
  readonly #pools: KnownBy<PgPool, PoolWatch> = new WeakMap();
  readonly #parametersOf = new WeakMap<PgPool, PgConnectionParameters>();
  readonly #byKey = new WeakMap<PgServer, Map<string, Database>>();
  /** pg's own class, seen when it was loaded: it alone knows what connection strings and PG* variables come to. Not ours to keep alive. */
  #parameters: WeakRef<PgConnectionParametersClass> | undefined;

  constructor(registry: () => Registry) {
    this.#registry = registry;
  }

  useParameters(parameters: PgConnectionParametersClass): void {
    this.#parameters = new WeakRef(parameters);
  }

  ofClient(client: PgClient): Database | undefined {
    return this.#recall(this.#clients, client) ?? this.#keep(this.#clients, client, this.#at(client.connectionParameters, !isOrdinary(client)));
  }

  /** Its database and what follows it; `undefined` when that cannot be told: its calls are then not guarded. */
  ofPool(pool: PgPool): PoolWatch | undefined {
    const known = this.#recall(this.#pools, pool);
    if (known !== undefined) return known;
    const database = this.#at(this.parametersOf(pool), pool.options?.['stream'] !== undefined);
    return this.#keep(this.#pools, pool, database && new PoolWatch(pool, database));
  }

  /** What a pool without any client connects with; `undefined` when that cannot be told. */
  parametersOf(pool: PgPool): PgConnectionParameters | undefined {
    const known = this.#parametersOf.get(pool);
    if (known !== undefined) return known;
    const Parameters = this.#parameters?.deref();
    const made = pool._clients?.[0]?.connectionParameters ?? (Parameters && new Parameters(pool.options));
    if (made !== undefined) this.#parametersOf.set(pool, made);
    return made;
  }

  /** As {@link ofPool}, for a pool that has been asked for before. */
  knownPool(pool: PgPool): PoolWatch | undefined {
    return this.#recall(this.#pools, pool);
  }

  /** A client is of the same database as the pool that it comes from. */
  adopt(client: PgClient, database: Database): void {
    if (!this.#clients.has(client)) this.#clients.set(client, { registry: database.server.registry, value: database });
  }

  #recall<Holder extends object, T>(of: KnownBy<Holder, T>, holder: Holder): T | undefined {
    const known = of.get(holder);
    return known !== undefined && known.registry === this.#registry() ? known.value : undefined;
  }

  #keep<Holder extends object, T>(by: KnownBy<Holder, T>, holder: Holder, value: T | undefined): T | undefined {
    if (value !== undefined) by.set(holder, { registry: this.#registry(), value });
    return value;
  }

  #at(parameters: PgConnectionParameters | undefined, ownStream: boolean): Database | undefined {
    if (parameters === undefined) return undefined;
    const registry = this.#registry();
    const port = Number(parameters.port ?? 5432);
    const host = parameters.host ?? 'localhost';
    const socket = host.startsWith('/');
    const server = serverAt(registry, { host: socket ? `${host}/.s.PGSQL.${port}` : host, port: socket ? undefined : port, ownStream });
    const byName = this.#byKey.get(server) ?? new Map<string, Database>();
    this.#byKey.set(server, byName);
    const { user, database: name = '', ssl } = parameters;
    if (typeof user === 'string' && user !== '') server.learn({ user, database: name === '' ? undefined : name, ssl });
    let database = byName.get(name);
    if (database === undefined) {
      database = new Database(server, name);
      byName.set(name, database);
    }
    return database;
  }
}

/** Whether a client goes to its host by itself. pg-native has no stream that could be another. */
function isOrdinary(client: PgClient): boolean {
  const stream = client.connection?.stream;
  return stream === undefined || stream instanceof process.getBuiltinModule('node:net').Socket;
}
