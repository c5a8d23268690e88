import type { Breaker } from '../../src/breaker/breaker.ts';
import type { AcquireOptions } from '../../src/breaker/environment.ts';
import type { Injection } from '../../src/breaker/injection.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import type { Timer } from '../../src/core/clock.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { isolated } from '../../src/core/isolated.ts';
import { callerContext } from '../shared/caller-context.ts';
import type { Database } from './database.ts';
import { deadline, timeLimitOf } from './deadline.ts';
import type { Operation } from './operation.ts';
import type { Unpermitted } from './pending.ts';
import { settleError } from './settle.ts';
import { isFunction, isSubmittable, type PgCallback, type PgClient } from './types.ts';

export const heedsFaults: AcquireOptions = { faults: 'all' };

/**
 * Which faults a statement on a client of the application's may meet. What begins something on the connection, what follows it at
 * the application's pace, and what cannot be told apart there (pg before 8.21, a pipeline) is made as ever, unless it meets an error.
 */
export function faultsFor(client: PgClient, args: readonly unknown[], { transaction, setting, session }: Operation): AcquireOptions | undefined {
  const apart = typeof client._txStatus === 'string' && client.pipeline !== true && !isSubmittable(args[0]);
  return apart && transaction === undefined && !setting && !session ? heedsFaults : undefined;
}

interface Waiter {
  readonly database: Database;
  readonly permit: Permit<Breaker>;
  readonly injection: Injection;
  /** As pg knows it, in ms. */
  readonly queryTimeout: unknown;
  /** Of policies around it. */
  readonly signal?: AbortSignal | undefined;
  /** Answers the caller, in his own async context. */
  tell(error: unknown): void;
}

/**
 * A statement that meets an injected hang: it is not sent, now or later, and takes no connection. Its caller waits until the
 * injection ends, a time is over, or its circuit is open and the server has seemed silent for as long as that takes otherwise.
 */
export class HungQuery implements Unpermitted {
  readonly breaker: Breaker;
  readonly startedAt: number;
  readonly unseen = false;
  readonly sent = true;
  readonly hung = true;
  readonly queue = undefined;
  readonly queuedAs = undefined;
  older: Unpermitted | undefined;
  newer: Unpermitted | undefined;
  listed = false;
  convicted = false;
  readonly #waiter: Waiter;
  readonly #held: { drop(): void };
  readonly #timers: Timer[] = [];
  over = false;

  constructor(waiter: Waiter) {
    const { database, permit, injection, queryTimeout, signal } = waiter;
    this.#waiter = waiter;
    this.breaker = permit.breaker;
    this.startedAt = permit.startedAt;
    database.server.pending.add(this);
    this.#held = injection.hold(() => {
      const error = injection.error(this.breaker);
      this.#end(error, () => permit.ignore(error));
    });
    const limit = timeLimitOf(this.breaker);
    if (limit !== undefined) this.#timers.push(deadline(this.breaker, limit, (error) => this.#end(error, () => permit.fail(error))));
    if (typeof queryTimeout === 'number' && queryTimeout > 0) this.#limit(queryTimeout);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The server seems silent. */
  answer(): void {
    const { database, permit } = this.#waiter;
    const waited = Math.round(database.server.registry.clock.now() - this.startedAt);
    const error = new CallTimeoutError(this.breaker.name, waited, this.breaker.refusal()?.cause);
    this.#end(error, () => permit.settle('cancelled', error));
  }

  abandon(): void {
    this.#end(undefined, () => this.#waiter.permit.ignore(), false);
  }

  /** As pg does it. */
  #limit(ms: number): void {
    const { database, permit } = this.#waiter;
    const error = new Error('Query read timeout');
    this.#timers.push(this.breaker.clock.setTimer(() => this.#end(error, () => void settleError(database, permit, error)), ms, true));
  }

  readonly #onAbort = (): void => {
    const { signal, permit } = this.#waiter;
    this.#end(signal?.reason, () => permit.cancel());
  };

  #end(error: unknown, settle: () => void, tells = true): void {
    if (this.over) return;
    this.over = true;
    const { database, signal, tell } = this.#waiter;
    this.#held.drop();
    for (const timer of this.#timers) timer.cancel();
    signal?.removeEventListener('abort', this.#onAbort);
    database.server.pending.remove(this);
    isolated('settling a query', settle);
    if (tells) tell(error);
  }
}

/** What the caller of a call that hangs is given, and what answers him. */
export function hungAnswer(
  promise: PromiseConstructor | undefined,
  callback: PgCallback | undefined,
  hang: (tell: (error: unknown) => void) => void,
): unknown {
  if (callback !== undefined) {
    const inContext = callerContext();
    hang((error) => inContext(() => process.nextTick(callback, error)));
    return undefined;
  }
  return new (promise ?? Promise)((_, reject) => hang(reject));
}

/**
 * Lets the caller of a statement wait longer for what the server has answered. Whatever else ends the statement, a time-out or a
 * connection that breaks, is told at once, and only once.
 */
export function delayAnswer(query: { callback?: unknown } | undefined, injection: Injection): void {
  const callback = query?.callback;
  if (query === undefined || !isFunction(callback)) return;
  let told = false;
  query.callback = function (this: unknown, error?: unknown, ...results: unknown[]) {
    const tell = (): void => {
      if (told) return;
      told = true;
      callback.call(this, error, ...results);
    };
    // What a callback throws is an uncaught exception, as it is without us.
    if (error && !isOfServer(error)) tell();
    else injection.delay(() => process.nextTick(tell));
  };
}

/** Errors that the server has sent say how severe they are. */
function isOfServer(error: unknown): boolean {
  return typeof (error as { severity?: unknown }).severity === 'string';
}
