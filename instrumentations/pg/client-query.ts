import { AsyncLocalStorage } from 'node:async_hooks';
import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import type { Original } from '../shared/guard.ts';
import { isolated } from '../shared/isolated.ts';
import type { Database } from './database.ts';
import { HeldQuery, queryJustGiven } from './held-query.ts';
import { type Operation, operationOf } from './operation.ts';
import { isBeingPrepared } from './pool-connect.ts';
import type { InContext } from './pool-query.ts';
import { refuseQuery } from './refuse.ts';
import { observe, settleError, settleLate, settleResult } from './settle.ts';
import { isPaced, watchSubmittable } from './submittable.ts';
import type { Transactions } from './transaction.ts';
import { isFunction, isSubmittable, type PgCallback, type PgClient, type PgQueryConfig, type PgSubmittable, textOf } from './types.ts';

/** `Client.query` by the application, on a client of its own or one that it has checked out. */
export function query(original: Original, client: PgClient, args: readonly unknown[], database: Database, transactions: Transactions): unknown {
  const operation = operationOf(textOf(args[0], client));
  const breaker = database.breaker(operation.operation);
  let permit: Permit<Breaker> | undefined;
  let sure = true;
  if (!operation.passes) {
    // Inside a transaction nothing is refused, nor what prepares a connection; the results count all the same.
    sure = transactions.isInside(client) || isBeingPrepared(client);
    permit = sure ? observe(breaker) : breaker.tryAcquire();
    if (permit === undefined && !sure) return refuseQuery(client, args, breaker.rejection());
  }
  transactions.sent(client, operation);
  // Nor is anybody told that a transaction has not begun which may begin later: what follows would be inside it, unknown to all.
  const answerable = !sure && operation.transaction === undefined;
  const call = new QueryCall(client, database, breaker, permit, operation, transactions, answerable);
  try {
    return permit?.probe ? permit.enter(() => call.start(original, args)) : call.start(original, args);
  } catch (error) {
    call.failed(error);
    throw error;
  }
}

class QueryCall {
  #settled = false;
  #held: HeldQuery | undefined;

  constructor(
    private readonly client: PgClient,
    private readonly database: Database,
    private readonly breaker: Breaker,
    private readonly permit: Permit<Breaker> | undefined,
    private readonly operation: Operation,
    private readonly transactions: Transactions,
    private readonly answerable: boolean,
  ) {}

  succeeded(value: unknown): void {
    if (this.#settled) return;
    this.#end();
    isolated('settling a query', () => settleResult(this.database, this.permit, value));
  }

  failed(error: unknown): void {
    if (this.#settled) return;
    this.#end();
    isolated('settling a query', () => {
      this.transactions.failed(this.client, this.operation);
      settleError(this.database, this.permit, error);
    });
  }

  start(original: Original, args: readonly unknown[]): unknown {
    const [config, values, callback] = args;
    if (isSubmittable(config)) return this.#submit(original, args, config);
    if (isFunction(callback)) return this.#calledBack(() => original(this.client, [config, values, this.#heard(callback), ...args.slice(3)]));
    if (isFunction(values)) return this.#calledBack(() => original(this.client, [config, this.#heard(values), ...args.slice(2)]));
    const own = (config as PgQueryConfig | null | undefined)?.callback;
    if (isFunction(own)) return this.#withOwnCallback(original, config as PgQueryConfig, own, args);
    const result = original(this.client, args);
    if (!isThenable(result)) {
      this.permit?.ignore();
      return result;
    }
    this.#hold(undefined);
    // Derived, not tapped: if nobody handles the rejection, it must stay unhandled.
    return result.then(
      (value) => {
        this.succeeded(value);
        return value;
      },
      (error: unknown) => {
        this.failed(error);
        throw error;
      },
    );
  }

  #calledBack(go: () => unknown): unknown {
    const inContext = this.answerable ? AsyncLocalStorage.snapshot() : undefined;
    const result = go();
    this.#hold(inContext);
    return result;
  }

  /** From now on its caller can be answered before the server does. */
  #hold(inContext: InContext | undefined): void {
    if (!this.answerable || this.permit === undefined || this.#settled) return;
    const query = queryJustGiven(this.client);
    if (query === undefined) return;
    this.#held = new HeldQuery(this.client, this.database, this.permit, query, inContext, () => this.#end());
  }

  #end(): void {
    this.#settled = true;
    this.#held?.over();
  }

  /** Given as an argument our callback goes before the config's; older versions write it into the config, which is the caller's. */
  #withOwnCallback(original: Original, config: PgQueryConfig, own: PgCallback, args: readonly unknown[]): unknown {
    try {
      return original(this.client, [config, args[1], this.#heard(own), ...args.slice(3)]);
    } finally {
      if (config.callback !== own) config.callback = own;
    }
  }

  #submit(original: Original, args: readonly unknown[], submittable: PgSubmittable): unknown {
    const unobservable = this.operation.copy === 'out' && isPaced(submittable);
    let answered = false;
    watchSubmittable(submittable, {
      answered: () => {
        if (answered) return;
        answered = true;
        this.succeeded(undefined);
      },
      ended: () => this.succeeded(undefined),
      failed: (error) => {
        if (answered || unobservable) isolated('settling a stream', () => settleLate(this.database, this.breaker, error));
        else this.failed(error);
      },
    });
    const result = original(this.client, args);
    // A COPY TO reads the socket itself, at the application's pace: nothing tells when the server has answered.
    if (unobservable) this.permit?.ignore();
    return result;
  }

  #heard(callback: PgCallback): PgCallback {
    const call = this;
    return function (this: unknown, error?: unknown, ...results: unknown[]) {
      if (error) call.failed(error);
      else call.succeeded(results[0]);
      return callback.call(this, error, ...results);
    };
  }
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
