import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Injection } from '../../src/breaker/injection.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import type { Timer } from '../../src/core/clock.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { reportFault } from '../../src/core/fault.ts';
import { isolated } from '../../src/core/isolated.ts';
import { judge } from '../shared/admission.ts';
import type { InContext } from '../shared/caller-context.ts';
import type { GoesOn, Original } from '../shared/guard.ts';
import { requestCancel } from './cancel.ts';
import type { Database } from './database.ts';
import { deadline, timeLimitOf } from './deadline.ts';
import { delayAnswer, HungQuery } from './injected.ts';
import type { PendingCalls, Permitted } from './pending.ts';
import { giveBack } from './pool-connect.ts';
import { isPoolTimeout, type PoolWatch } from './pool-watch.ts';
import { settleError, settleResult } from './settle.ts';
import { isFunction, isSaturated, type PgCallback, type PgClient, type PgPool } from './types.ts';

/** The call of `Pool.query` whose synchronous part runs now, and the client that it was just handed. */
let starting: PoolCall | undefined;
let handedOver: PoolCall | undefined;
let handedClient: PgClient | undefined;

/** Marks the `Pool.connect` that `Pool.query` makes: it belongs to a call that has been admitted. */
export function takeStarting(): PoolCall | undefined {
  const call = starting;
  starting = undefined;
  return call;
}

/** Marks the `Client.query` that `Pool.query` makes. No AsyncLocalStorage: queued callbacks run in the context of another request. */
export function takeHandedOver(client: PgClient): PoolCall | undefined {
  if (handedClient !== client) return undefined;
  const call = handedOver;
  handedOver = undefined;
  handedClient = undefined;
  return call;
}

/** Its client is in use until the added latency is over, as it would be. */
function delayed(result: PgCallback, injection: Injection): PgCallback {
  const query = { callback: result };
  delayAnswer(query, injection);
  return query.callback;
}

interface HungPoolQuery {
  readonly watch: PoolWatch;
  readonly permit: Permit<Breaker>;
  readonly injection: Injection;
  readonly pool: PgPool;
  readonly args: readonly unknown[];
  readonly signal?: AbortSignal | undefined;
  /** Answers the caller. */
  tell(error: unknown): void;
}

/** `Pool.query` that meets an injected hang. */
export function hangPoolQuery({ watch, pool, args, ...waiter }: HungPoolQuery): void {
  const own = (args[0] as { query_timeout?: unknown } | null | undefined)?.query_timeout;
  new HungQuery({ ...waiter, database: watch.database, queryTimeout: own || pool.options?.['query_timeout'] });
}

/**
 * One admitted call of `Pool.query`. It is followed through the callbacks that pg-pool hands inward, so that the caller's
 * own promise or callback is left as it is.
 */
export class PoolCall implements Permitted {
  readonly breaker: Breaker;
  readonly unseen = false;
  sent = false;
  /** While it waits for a client that others use. */
  queue: PgPool | undefined;
  queuedAs: unknown;
  convicted = false;
  /** In a bulkhead that only counts. */
  place: { leave(): void } | undefined;
  readonly #database: Database;
  readonly #watch: PoolWatch;
  readonly #permit: Permit<Breaker>;
  /** Where an answer goes: to what waits for a client at first, then to what waits for the result. */
  #next: PgCallback | undefined;
  #settled = false;
  #answered = false;
  readonly #inContext: InContext | undefined;
  #client: PgClient | undefined;
  #deadline: Timer | undefined;

  /** @param inContext runs a callback in the caller's async context; a promise needs none */
  constructor(watch: PoolWatch, permit: Permit<Breaker>, inContext: InContext | undefined) {
    this.#watch = watch;
    this.#database = watch.database;
    this.#inContext = inContext;
    this.#permit = permit;
    this.breaker = permit.breaker;
  }

  get among(): PendingCalls {
    return this.#database.server.pending;
  }

  get over(): boolean {
    return this.#settled;
  }

  get startedAt(): number {
    return this.#permit.startedAt;
  }

  /** What its statement was given to. */
  get client(): PgClient | undefined {
    return this.#client;
  }

  /** Runs `Pool.query` itself. */
  start(original: Original, pool: PgPool, args: readonly unknown[]): unknown {
    const outer = starting;
    starting = this;
    this.#permit.holder = this;
    const limit = timeLimitOf(this.breaker);
    if (limit !== undefined) this.#deadline = deadline(this.breaker, limit, (error) => this.giveUp(error, true));
    try {
      return this.#permit.probe ? this.#permit.enter(() => original(pool, args)) : original(pool, args);
    } catch (error) {
      this.#fail(error, false);
      throw error;
    } finally {
      // It has asked for no client: nothing will ever tell how it ends.
      if (starting === this) this.abandon();
      starting = outer;
      this.#watch.asked(pool);
    }
  }

  /** How `Pool.connect` goes on for it. */
  onClient(pool: PgPool, args: readonly unknown[]): GoesOn {
    const [callback] = args;
    return isFunction(callback) ? { args: [this.#inward(callback as PgCallback, pool)] } : { args };
  }

  /** Stands before the callback that waits for a client. */
  #inward(callback: PgCallback, pool: PgPool): PgCallback {
    const call = this;
    // Time spent in the pool's queue says nothing of the server.
    if (isSaturated(pool)) {
      this.#permit.queue();
      this.queue = pool;
    }
    this.#next = callback;
    const inward: PgCallback = function (this: unknown, error?: unknown, client?: unknown, done?: unknown) {
      if (call.#answered) {
        // Answered meanwhile: the client goes back as it came.
        if (client && isFunction(done)) giveBack(done);
        return undefined;
      }
      call.#permit.begin();
      call.queue = undefined;
      if (error) {
        if (isPoolTimeout(error)) call.#watch.timedOut(pool);
        call.#fail(error, true);
        return callback.call(this, error, client, done);
      }
      const outer = handedOver;
      const outerClient = handedClient;
      handedOver = call;
      handedClient = client as PgClient;
      try {
        return callback.call(this, error, client, done);
      } finally {
        if (handedOver === call) call.abandon();
        handedOver = outer;
        handedClient = outerClient;
      }
    };
    this.queuedAs = inward;
    return inward;
  }

  /** How `Client.query` goes on for it. */
  query(client: PgClient, args: readonly unknown[]): GoesOn {
    const [text, values, callback] = args;
    if (!isFunction(callback)) {
      this.abandon();
      return { args };
    }
    const call = this;
    this.#next = callback;
    this.#client = client;
    this.sent = true;
    // What it stands before is pg-pool's own, which takes no more than these two.
    const result: PgCallback = function (this: unknown, error?: unknown, value?: unknown) {
      // An answered caller's client was destroyed: what it says about that concerns nobody.
      if (call.#answered) return undefined;
      if (error) call.#fail(error, false);
      else call.#succeed(value);
      return callback.call(this, error, value);
    };
    const { injection } = this.#permit;
    const heard = injection === undefined ? result : delayed(result, injection);
    return { args: [text, values, heard], threw: (error) => call.#fail(error, false) };
  }

  /** The server is silent: answers the caller. A client under way is then destroyed by pg-pool, as after any error. */
  answer(): void {
    const next = this.#next;
    if (this.#settled || next === undefined) return;
    const error = this.sent ? this.#timeout() : this.#rejection();
    if (error === undefined) return;
    this.#permit.settle('cancelled', error);
    this.#tell(next, error);
  }

  /**
   * Its time is over: answers the caller, whatever the server does. A client under way is destroyed by pg-pool, so that nobody
   * waits behind the statement, and the server is asked to stop it.
   * @param counts whether the server is to blame, unless the call still waits for a client that others use
   */
  giveUp(error: Error, counts: boolean): void {
    const next = this.#next;
    if (this.#settled || next === undefined) return;
    if (!counts) this.#permit.cancel();
    else if (this.queue !== undefined) this.#permit.ignore(error);
    else this.#permit.settle(judge(this.breaker, { ok: false, error }, 'failure'), error);
    if (this.queue !== undefined) this.#watch.timedOut(this.queue);
    const { server } = this.#database;
    if (counts) isolated('asking a server whether it is there', () => server.suspect());
    const client = this.#client;
    if (client !== undefined && !server.ownStream)
      isolated('cancelling a statement', () => void requestCancel(client, this.breaker.clock, () => true));
    this.#tell(next, error);
  }

  /** In a turn of its own: what a callback throws is an uncaught exception, as it is without us, and no fault in a timer of ours. */
  #tell(next: PgCallback, error: Error): void {
    this.#answered = true;
    this.#end();
    if (this.#inContext === undefined) process.nextTick(next, error);
    else this.#inContext(() => process.nextTick(next, error));
  }

  /** What has been sent may have been carried out: that is no refusal. */
  #timeout(): Error {
    const waited = Math.round(this.#database.server.registry.clock.now() - this.startedAt);
    return new CallTimeoutError(this.breaker.name, waited, this.breaker.refusal()?.cause);
  }

  #rejection(): Error | undefined {
    // Half-open by now, it refuses nobody: wait and see.
    return this.breaker.refusal();
  }

  #succeed(value: unknown): void {
    if (this.#settled) return;
    // As `isolated`, but without a function per call.
    try {
      this.#end();
      settleResult(this.#database, this.#permit, value);
    } catch (fault) {
      reportFault(fault, 'settling a query');
    }
  }

  #fail(error: unknown, connecting: boolean): void {
    if (this.#settled) return;
    isolated('settling a query', () => {
      this.#end();
      settleError(this.#database, this.#permit, error, connecting);
    });
  }

  abandon(): void {
    if (this.#settled) return;
    this.#end();
    this.#permit.ignore();
  }

  #end(): void {
    this.#settled = true;
    this.place?.leave();
    this.#deadline?.cancel();
  }
}
