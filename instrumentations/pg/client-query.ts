import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Injection } from '../../src/breaker/injection.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import { isolated } from '../../src/core/isolated.ts';
import type { Attempt } from '../../src/policies/policy-call.ts';
import { callerContext, type InContext } from '../shared/caller-context.ts';
import type { Original } from '../shared/guard.ts';
import { type ClientStatement, queryClient, watchClient } from './client-policies.ts';
import type { Database } from './database.ts';
import { HeldQuery, queryJustGiven } from './held-query.ts';
import { delayAnswer, faultsFor, HungQuery, hungAnswer } from './injected.ts';
import { operationOf } from './operation.ts';
import { policiesFor } from './policies.ts';
import { isBeingPrepared } from './pool-connect.ts';
import { callbackOf, refuseQuery } from './refuse.ts';
import { notePreparation, noteSession } from './session.ts';
import { observe, settleError, settleLate, settleResult } from './settle.ts';
import { isPaced, watchSubmittable } from './submittable.ts';
import type { Transactions } from './transaction.ts';
import { isFunction, isSubmittable, type PgCallback, type PgClient, type PgQueryConfig, type PgSubmittable, textOf } from './types.ts';

/** In a bulkhead that only counts; held until the statement ends. */
interface Place {
  leave(): void;
}

/** `Client.query` by the application, on a client of its own or one that it has checked out. */
export function query(original: Original, client: PgClient, args: readonly unknown[], database: Database, transactions: Transactions): unknown {
  const operation = operationOf(textOf(args[0], client));
  const breaker = database.breaker(operation.operation);
  const statement: ClientStatement = { client, database, breaker, operation, transactions };
  // Never to be refused, so that nothing is learnt of it.
  if (operation.passes) return send(original, args, statement, undefined, true);
  const prepared = isBeingPrepared(client);
  if (prepared) isolated('the session of a client', () => notePreparation(client, args));
  else if (operation.session) noteSession(client);
  // Inside a transaction nothing is refused, nor what prepares a connection; the results count all the same.
  if (prepared || transactions.isInside(client)) return send(original, args, statement, observe(breaker), true);
  const policies = policiesFor(breaker);
  const attempt = (given: readonly unknown[], within: Attempt | undefined, place?: Place): unknown => {
    const permit = breaker.tryAcquire(faultsFor(client, given, operation));
    if (permit !== undefined && permit.injection?.kind !== 'hang') return send(original, given, statement, permit, false, within, place);
    place?.leave();
    if (permit?.injection === undefined) return refuseQuery(client, given, breaker.rejection());
    return hang(statement, permit, permit.injection, given, within);
  };
  if (policies !== undefined && breaker.onlyWatches) return attempt(args, undefined, watchClient(policies, statement, args));
  const served = policies && queryClient(policies, statement, args, attempt);
  return served === undefined ? attempt(args, undefined) : served.answer;
}

function send(
  original: Original,
  args: readonly unknown[],
  statement: ClientStatement,
  permit: Permit<Breaker> | undefined,
  sure: boolean,
  within?: Attempt,
  place?: Place,
): unknown {
  const { client, operation, transactions } = statement;
  transactions.sent(client, operation);
  // Nor is anybody told that a transaction has not begun which may begin later: what follows would be inside it, unknown to all.
  const answerable = !sure && operation.transaction === undefined;
  const call = new QueryCall(statement, permit, answerable, within, place);
  try {
    return permit?.probe ? permit.enter(() => call.start(original, args)) : call.start(original, args);
  } catch (error) {
    call.failed(error);
    throw error;
  }
}

/** It is not sent, and what is given to the client after it goes on. */
function hang(
  { client, database }: ClientStatement,
  permit: Permit<Breaker>,
  injection: Injection,
  args: readonly unknown[],
  within?: Attempt,
): unknown {
  const own = (args[0] as { query_timeout?: unknown } | null)?.query_timeout;
  const queryTimeout = own || client.connectionParameters?.query_timeout;
  return hungAnswer(client._Promise, callbackOf(args), (tell) => {
    new HungQuery({ database, permit, injection, queryTimeout, signal: within?.signal, tell });
  });
}

class QueryCall {
  #settled = false;
  #held: HeldQuery | undefined;
  /** Of whoever may give it up. */
  private readonly signal: AbortSignal | undefined;

  constructor(
    private readonly statement: ClientStatement,
    private readonly permit: Permit<Breaker> | undefined,
    private readonly answerable: boolean,
    /** Where policies are around it. */
    within: Attempt | undefined,
    private readonly place: Place | undefined,
  ) {
    this.signal = within?.signal;
  }

  succeeded(value: unknown): void {
    if (this.#settled) return;
    this.#end();
    isolated('settling a query', () => settleResult(this.statement.database, this.permit, value));
  }

  failed(error: unknown): void {
    if (this.#settled) return;
    this.#end();
    isolated('settling a query', () => {
      this.statement.transactions.failed(this.statement.client, this.statement.operation);
      settleError(this.statement.database, this.permit, error);
    });
  }

  start(original: Original, args: readonly unknown[]): unknown {
    const [config, values, callback] = args;
    if (isSubmittable(config)) return this.#submit(original, args, config);
    if (isFunction(callback))
      return this.#calledBack(() => original(this.statement.client, [config, values, this.#heard(callback), ...args.slice(3)]));
    if (isFunction(values)) return this.#calledBack(() => original(this.statement.client, [config, this.#heard(values), ...args.slice(2)]));
    const own = (config as PgQueryConfig | null | undefined)?.callback;
    if (isFunction(own)) return this.#withOwnCallback(original, config as PgQueryConfig, own, args);
    const result = original(this.statement.client, args);
    if (!isThenable(result)) {
      this.place?.leave();
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
    const inContext = this.answerable ? callerContext() : undefined;
    const result = go();
    this.#hold(inContext);
    return result;
  }

  /** From now on its caller can be answered before the server does. */
  #hold(inContext: InContext | undefined): void {
    if (!this.answerable || this.permit === undefined || this.#settled) return;
    const query = queryJustGiven(this.statement.client);
    if (query === undefined) return;
    if (this.permit.injection !== undefined) delayAnswer(query, this.permit.injection);
    this.#held = new HeldQuery(this.statement.client, this.statement.database, this.permit, query, inContext, () => this.#end());
    this.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => this.#held?.giveUp(this.signal?.reason as Error, false);

  #end(): void {
    this.#settled = true;
    this.place?.leave();
    this.#held?.end();
    this.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** The config is the caller's, who may have frozen it: pg is given one that seems to be it, but for the callback. */
  #withOwnCallback(original: Original, config: PgQueryConfig, own: PgCallback, args: readonly unknown[]): unknown {
    const seeming = withCallback(config, this.#heard(own));
    return this.#calledBack(() => original(this.statement.client, [seeming, ...args.slice(1)]));
  }

  #submit(original: Original, args: readonly unknown[], submittable: PgSubmittable): unknown {
    const unobservable = this.statement.operation.copy === 'out' && isPaced(submittable);
    let answered = false;
    watchSubmittable(submittable, {
      answered: () => {
        if (answered) return;
        answered = true;
        this.succeeded(undefined);
      },
      ended: () => this.succeeded(undefined),
      failed: (error) => {
        if (answered || unobservable) isolated('settling a stream', () => settleLate(this.statement.database, this.statement.breaker, error));
        else this.failed(error);
      },
    });
    const result = original(this.statement.client, args);
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

/** A config that seems to be another in all but its callback, and hands on what is written to it but for that. */
function withCallback(config: PgQueryConfig, heard: PgCallback): PgQueryConfig {
  let callback: unknown = heard;
  // A target of its own: a proxy may not say of a frozen object but what is so.
  return new Proxy<PgQueryConfig>(
    {},
    {
      get: (_, key) => (key === 'callback' ? callback : Reflect.get(config, key)),
      set: (_, key, value) => {
        if (key !== 'callback') return Reflect.set(config, key, value);
        callback = value;
        return true;
      },
      has: (_, key) => Reflect.has(config, key),
      getPrototypeOf: () => Reflect.getPrototypeOf(config),
      ownKeys: () => Reflect.ownKeys(config),
      getOwnPropertyDescriptor: (_, key) => {
        const { enumerable = false } = Reflect.getOwnPropertyDescriptor(config, key) ?? {};
        const value = key === 'callback' ? callback : Reflect.get(config, key);
        return Object.hasOwn(config, key) ? { configurable: true, enumerable, writable: true, value } : undefined;
      },
    },
  );
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
