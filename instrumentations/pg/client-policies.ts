import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Bulkhead } from '../../src/policies/bulkhead.ts';
import type { Policies } from '../../src/policies/compose.ts';
import { overtaken } from '../../src/policies/limits.ts';
import type { Attempt } from '../../src/policies/policy-call.ts';
import type { Database } from './database.ts';
import type { Operation } from './operation.ts';
import { PolicedQuery } from './policed-query.ts';
import { deliver, maySettle, refusalOf, watch } from './policies.ts';
import { callbackOf, refuseQuery } from './refuse.ts';
import { resultMaker } from './result.ts';
import { sessionOf } from './session.ts';
import { askerOfClient } from './stale-key.ts';
import type { Transactions } from './transaction.ts';
import { isFunction, isSubmittable, type PgCallback, type PgClient, type PgQueryConfig } from './types.ts';

/** Makes one attempt: as the call would be made without policies. */
export type SendQuery = (args: readonly unknown[], attempt: Attempt) => unknown;

/** A statement for a client that the application holds. */
export interface ClientStatement {
  readonly client: PgClient;
  readonly database: Database;
  readonly breaker: Breaker;
  readonly operation: Operation;
  readonly transactions: Transactions;
}

/** `Client.query` outside of transactions with policies around it. `undefined`: it goes on as without. */
export function queryClient(
  policies: Policies,
  statement: ClientStatement,
  args: readonly unknown[],
  send: SendQuery,
): { readonly answer: unknown } | undefined {
  const { client, operation, breaker } = statement;
  // What follows counts on it: nothing may keep it back.
  if (operation.setting) return undefined;
  if (isGated(statement, args)) {
    const refusal = refusalOf(policies, breaker);
    return refusal && { answer: refuseQuery(client, args, refusal) };
  }
  // Asked for before anything is sent: older versions write our callback into the config.
  const callback = callbackOf(args);
  const call = new HeldClientQuery(statement, isFunction(args[1]) ? args.slice(0, 1) : args.slice(0, 2), send);
  const run = policies.run(call);
  call.returned = true;
  return { answer: deliver(client._Promise, callback, null, run) };
}

/** The same for a breaker that only watches: the place that the statement holds until it ends. */
export function watchClient(policies: Policies, statement: ClientStatement, args: readonly unknown[]): Bulkhead | undefined {
  return statement.operation.setting ? undefined : watch(policies, statement.breaker, isGated(statement, args));
}

/** What is begun on a connection must be given to it in its place. */
function isGated({ client, operation }: ClientStatement, [config]: readonly unknown[]): boolean {
  return isSubmittable(config) || operation.transaction !== undefined || !maySettle(operation) || client.pipeline === true;
}

class HeldClientQuery extends PolicedQuery {
  /** The caller has gone on, and may have given the client other things to do. */
  returned = false;
  readonly #statement: ClientStatement;
  readonly #send: SendQuery;
  readonly #uses: number;
  #last: unknown;
  #over = false;

  constructor(statement: ClientStatement, args: readonly unknown[], send: SendQuery) {
    const { database, breaker, operation, client } = statement;
    super({ database, breaker, operation, args, results: resultMaker(client.constructor), asker: () => askerOfClient(client) });
    this.#statement = statement;
    this.#send = send;
    this.#uses = client._poolUseCount ?? 0;
  }

  attempt(attempt: Attempt): Promise<unknown> {
    const { client, transactions } = this.#statement;
    if (attempt.number > 1 && !this.#mayRepeat()) {
      this.#over = true;
      return Promise.reject(this.#last);
    }
    // It has waited for its place, and would land in what has been begun since.
    if (this.returned && transactions.isInside(client)) return Promise.reject(overtaken(this.breaker, 'a transaction was begun on its client'));
    return new Promise((resolve, reject) => {
      const settled: PgCallback = (error, result) => {
        this.session = sessionOf(client);
        this.#last = error;
        if (error) reject(error);
        else resolve(result);
      };
      const config = this.args[0] as PgQueryConfig;
      const own = config.callback;
      try {
        this.#send([config, this.args[1], settled], attempt);
      } finally {
        // The config is its caller's.
        if (own !== undefined && config.callback !== own) config.callback = own;
      }
    });
  }

  protected override sessionNow(): string | undefined {
    return sessionOf(this.#statement.client);
  }

  override isTransient(error: unknown): boolean {
    return !this.#over && this.#isUsable() && super.isTransient(error);
  }

  #isUsable(): boolean {
    const { client } = this.#statement;
    return client._queryable !== false && client._ending !== true;
  }

  /** Not behind or between other statements, nor on a connection that is somebody else's by now. */
  #mayRepeat(): boolean {
    const { client, transactions } = this.#statement;
    return this.#isUsable() && (client._poolUseCount ?? 0) === this.#uses && transactions.isQuiet(client);
  }
}
