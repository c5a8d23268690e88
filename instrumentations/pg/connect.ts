import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import { isolated } from '../../src/core/isolated.ts';
import type { Database } from './database.ts';
import type { Unpermitted } from './pending.ts';
import { settleError, settleResult } from './settle.ts';
import type { PgPool } from './types.ts';

/**
 * What becomes of an attempt to get a connection. While all is well it is no admission: a handshake counts for nothing,
 * the statements that follow are judged. Once the `connect` circuit has opened (a fault of the server's connections opens
 * it, or log-ins that fail in a row), attempts are refused, and when it is half-open some go as probes.
 */
export type ConnectGate = { readonly refusal: Error } | { readonly permit: Permit<Breaker> | undefined };

/** @param waits only for a client that is in use: that proves nothing of the server, and needs no probe */
export function connectGate(database: Database, waits: boolean): ConnectGate {
  const breaker = database.breaker('connect');
  const { state } = breaker;
  const asks =
    state === 'open' ||
    state === 'forced_open' ||
    (state === 'shadow' && breaker.snapshot().circuit !== 'closed') ||
    (state === 'half_open' && !waits);
  if (!asks) return { permit: undefined };
  const permit = breaker.tryAcquire({ faults: 'none' });
  if (permit === undefined) return { refusal: breaker.rejection() };
  if (!waits) return { permit };
  permit.ignore();
  return { permit: undefined };
}

/** An attempt under way, whose caller may have to be answered before the server does. */
export class ConnectAttempt implements Unpermitted {
  readonly breaker: Breaker;
  readonly startedAt: number;
  readonly unseen: boolean;
  readonly sent = false;
  queue: PgPool | undefined;
  queuedAs: unknown;
  older: Unpermitted | undefined;
  newer: Unpermitted | undefined;
  listed = false;
  convicted = false;
  readonly #database: Database;
  readonly #permit: Permit<Breaker> | undefined;
  readonly #answer: (error: Error) => void;
  over = false;

  /** @param answer gives the caller an error now; whatever the attempt comes to later is then his no more */
  constructor(database: Database, permit: Permit<Breaker> | undefined, waits: boolean, answer: (error: Error) => void) {
    this.#database = database;
    this.#permit = permit;
    this.#answer = answer;
    this.breaker = database.breaker('connect');
    this.startedAt = permit?.startedAt ?? database.server.registry.clock.now();
    this.unseen = permit === undefined && !waits;
    database.server.pending.add(this);
  }

  /** @param proves whether a connection was made, rather than a client of the pool's handed over */
  succeeded(proves: boolean): void {
    isolated('settling a connection', () => this.#succeeded(proves));
  }

  #succeeded(proves: boolean): void {
    if (!this.#end()) return;
    if (!proves) {
      this.#permit?.ignore();
      return;
    }
    this.#database.loggedIn();
    settleResult(this.#database, this.#permit, undefined);
    this.#database.server.pending.succeeded(this.startedAt);
  }

  failed(error: unknown): void {
    isolated('settling a connection', () => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (!this.#end()) return;
    const { outcome, connection } = settleError(this.#database, this.#permit, error, true);
    if (outcome === 'failure' && !connection && this.#permit === undefined) this.#database.loginFailed(error);
  }

  abandon(): void {
    if (this.#end()) this.#permit?.ignore();
  }

  answer(): void {
    const refusal = this.breaker.refusal();
    // Half-open by now, it refuses nobody: wait and see.
    if (refusal === undefined || !this.#end()) return;
    this.#permit?.cancel();
    this.#answer(refusal);
  }

  #end(): boolean {
    if (this.over) return false;
    this.over = true;
    this.#database.server.pending.remove(this);
    return true;
  }
}
