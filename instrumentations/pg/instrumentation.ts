import { AsyncLocalStorage } from 'node:async_hooks';
import { type Around, guardMethod } from '../shared/guard.ts';
import { hookFiles, type Undo } from '../shared/hook.ts';
import { BreakerInstrumentation, type BreakerInstrumentationConfig, type InstrumentationContext } from '../shared/instrumentation.ts';
import { connectClient, connectingForPool } from './client-connect.ts';
import { query } from './client-query.ts';
import { Databases } from './database.ts';
import { operationOf } from './operation.ts';
import { checkOut } from './pool-connect.ts';
import { PoolCall, takeHandedOver, takeStarting } from './pool-query.ts';
import { refuse } from './refuse.ts';
import { Transactions } from './transaction.ts';
import { isFunction, type PgClient, type PgConnectionParametersClass, type PgPool, textOf } from './types.ts';

export interface PgBreakerConfig extends BreakerInstrumentationConfig {}

/** Guards pg's clients and pools: a breaker per server, database and class of statement. */
export class PgBreakerInstrumentation extends BreakerInstrumentation<PgBreakerConfig> {
  constructor(config: PgBreakerConfig = {}) {
    super('otel-breaker/instrumentation-pg', '0.1.0', config, install);
  }
}

function install(context: InstrumentationContext<PgBreakerConfig>): Undo {
  const guards = pgGuards(new Databases(() => context.registry), new Transactions());
  return hookFiles([
    {
      package: 'pg',
      files: ['pg/lib/client.js', 'pg/lib/native/client.js', 'pg/lib/connection-parameters.js'],
      majors: [8],
      patch: (exports, { file }) => {
        if (!file.endsWith('connection-parameters.js')) return guardAll(exports, { query: guards.clientQuery, connect: guards.clientConnect });
        guards.databases.useParameters(exports as PgConnectionParametersClass);
        return undefined;
      },
    },
    {
      package: 'pg-pool',
      files: ['pg-pool/index.js'],
      majors: [3],
      patch: (exports) =>
        guardAll(exports, { query: guards.poolQuery, connect: guards.poolConnect, newClient: guards.poolNewClient, end: guards.poolEnd }),
    },
  ]);
}

function guardAll(exported: unknown, arounds: Readonly<Record<string, Around>>): Undo | undefined {
  const prototype: unknown = (exported as { prototype?: unknown } | undefined)?.prototype;
  if (typeof prototype !== 'object' || prototype === null) return undefined;
  const owner = prototype as Record<string, unknown>;
  const guards = Object.entries(arounds).flatMap(([name, around]) => (isFunction(owner[name]) ? [guardMethod(owner, name, around)] : []));
  return () => {
    for (const guard of guards) guard.remove();
  };
}

interface PgGuards {
  readonly databases: Databases;
  readonly poolQuery: Around;
  readonly poolConnect: Around;
  readonly poolNewClient: Around;
  readonly poolEnd: Around;
  readonly clientQuery: Around;
  readonly clientConnect: Around;
}

/** What stands around the methods of pools and clients. */
export function pgGuards(databases: Databases, transactions: Transactions): PgGuards {
  return {
    databases,
    poolQuery: (original, self, args) => {
      const pool = self as PgPool;
      // A function in the place of the text is an error that the pool itself tells.
      const database = isFunction(args[0]) || pool.ending === true ? undefined : databases.ofPool(pool);
      if (database === undefined) return original(pool, args);
      const operation = operationOf(textOf(args[0]));
      if (operation.passes) return original(pool, args);
      // A callback inside a config is overridden by the pool's own.
      const callback = isFunction(args[1]) ? args[1] : isFunction(args[2]) ? args[2] : undefined;
      const breaker = database.breaker(operation.operation);
      const permit = breaker.tryAcquire();
      if (permit === undefined) return refuse(pool.Promise, callback, breaker.rejection());
      return new PoolCall(database, permit, callback && AsyncLocalStorage.snapshot()).start(original, pool, args);
    },
    poolConnect: (original, self, args) => {
      const pool = self as PgPool;
      const call = takeStarting();
      if (call !== undefined) return isFunction(args[0]) ? original(pool, [call.onClient(args[0])]) : original(pool, args);
      const database = databases.ofPool(pool);
      return database === undefined ? original(pool, args) : checkOut(original, pool, args, database);
    },
    poolNewClient: (original, self, args) => connectingForPool(original, self, args, databases.ofPool(self as PgPool)),
    poolEnd: (original, self, args) => {
      const { ending, _pendingQueue: queue = [] } = self as PgPool;
      if (ending !== true && queue.length > 0)
        databases.ofPool(self as PgPool)?.server.pending.abandon(new Set(queue.map(({ callback }) => callback)));
      return original(self, args);
    },
    clientQuery: (original, self, args) => {
      const client = self as PgClient;
      const call = takeHandedOver(client);
      if (call !== undefined) return call.query(original, client, args);
      const database = args[0] === null || args[0] === undefined ? undefined : databases.ofClient(client);
      return database === undefined ? original(client, args) : query(original, client, args, database, transactions);
    },
    clientConnect: (original, self, args) => connectClient(original, self as PgClient, args, databases),
  };
}
