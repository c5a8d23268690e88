import { callerContext } from '../shared/caller-context.ts';
import type { Around, Through } from '../shared/guard.ts';
import { connectClient, connectingForPool } from './client-connect.ts';
import { query } from './client-query.ts';
import type { Databases } from './database.ts';
import { heedsFaults, hungAnswer } from './injected.ts';
import { operationOf } from './operation.ts';
import { maySettle, policiesFor, watch as watchStatement } from './policies.ts';
import { checkOut } from './pool-connect.ts';
import { queryPool } from './pool-policies.ts';
import { hangPoolQuery, PoolCall, takeHandedOver, takeStarting } from './pool-query.ts';
import { refuse } from './refuse.ts';
import type { Transactions } from './transaction.ts';
import { isFunction, isSubmittable, type PgClient, type PgPool, textOf } from './types.ts';

export interface PgGuards {
  readonly databases: Databases;
  readonly poolQuery: Around;
  readonly poolConnect: Through;
  readonly poolNewClient: Around;
  readonly poolEnd: Around;
  readonly clientQuery: Through;
  readonly clientConnect: Around;
}

/** What stands around the methods of pools and clients. */
export function pgGuards(databases: Databases, transactions: Transactions): PgGuards {
  return {
    databases,
    poolQuery: (original, self, args) => {
      const pool = self as PgPool;
      // A function in the place of the text is an error that the pool itself tells.
      const watch = isFunction(args[0]) || pool.ending === true ? undefined : databases.ofPool(pool);
      if (watch === undefined) return original(pool, args);
      const operation = operationOf(textOf(args[0]));
      if (operation.passes) return original(pool, args);
      // A callback inside a config is overridden by the pool's own.
      const callback = isFunction(args[1]) ? args[1] : isFunction(args[2]) ? args[2] : undefined;
      const breaker = watch.database.breaker(operation.operation);
      const policies = policiesFor(breaker);
      const acts = policies !== undefined && !breaker.onlyWatches;
      const served = acts ? queryPool(policies, { databases, watch, pool, operation, breaker, original, args, callback }) : undefined;
      if (served !== undefined) return served.answer;
      const permit = breaker.tryAcquire(isSubmittable(args[0]) ? undefined : heedsFaults);
      if (permit === undefined) return refuse(pool.Promise, callback, breaker.rejection());
      const { injection } = permit;
      if (injection?.kind === 'hang')
        return hungAnswer(pool.Promise, callback, (tell) => hangPoolQuery({ watch, permit, injection, pool, args, tell }));
      const poolCall = new PoolCall(watch, permit, callback && callerContext());
      if (policies !== undefined) poolCall.place = watchStatement(policies, breaker, isSubmittable(args[0]) || !maySettle(operation));
      return poolCall.start(original, pool, args);
    },
    poolConnect: {
      through: (pool, args) => takeStarting()?.onClient(pool as PgPool, args),
      around: (original, self, args) => {
        const pool = self as PgPool;
        const watch = pool.ending === true ? undefined : databases.ofPool(pool);
        return watch === undefined ? original(pool, args) : checkOut(original, pool, args, watch);
      },
    },
    poolNewClient: (original, self, args) => connectingForPool(original, self, args, databases.ofPool(self as PgPool)?.database),
    poolEnd: (original, self, args) => {
      const pool = self as PgPool;
      const { ending, _pendingQueue: queue = [] } = pool;
      const watch = ending === true ? undefined : databases.knownPool(pool);
      watch?.ended();
      if (queue.length > 0) watch?.database.server.pending.abandon(pool, new Set(queue.map(({ callback }) => callback)));
      return original(self, args);
    },
    clientQuery: {
      through: (client, args) => takeHandedOver(client as PgClient)?.query(client as PgClient, args),
      around: (original, self, args) => {
        const client = self as PgClient;
        const database = args[0] === null || args[0] === undefined ? undefined : databases.ofClient(client);
        return database === undefined ? original(client, args) : query(original, client, args, database, transactions);
      },
    },
    clientConnect: (original, self, args) => connectClient(original, self as PgClient, args, databases),
  };
}
