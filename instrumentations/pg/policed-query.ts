import type { Breaker } from '../../src/breaker/breaker.ts';
import { isBreakerError } from '../../src/core/errors.ts';
import { isInjectedFault } from '../../src/core/injected-fault-error.ts';
import { isolated } from '../../src/core/isolated.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Attempt, PolicyCall } from '../../src/policies/policy-call.ts';
import type { StaleHook, StaleStore } from '../../src/policies/ports.ts';
import { staleStoreOf } from '../../src/policies/stale-store.ts';
import { judge } from '../shared/admission.ts';
import { classifyConnectError, classifyQueryError, type Verdict } from './classify.ts';
import { isConnectError } from './connect-errors.ts';
import type { Database } from './database.ts';
import type { Operation } from './operation.ts';
import { isPoolTimeout } from './pool-watch.ts';
import { type ResultMaker, rowCodec } from './result.ts';
import { type Asker, staleKey } from './stale-key.ts';
import type { PgQueryConfig } from './types.ts';

/** What is asked, and of whom. */
export interface Question {
  readonly database: Database;
  readonly breaker: Breaker;
  readonly operation: Operation;
  /** Without a callback. */
  readonly args: readonly unknown[];
  readonly results: ResultMaker;
  /** Made when answers are kept. */
  asker(): Asker | undefined;
}

/** A statement as the policies see it. */
export abstract class PolicedQuery implements PolicyCall<unknown> {
  readonly breaker: Breaker;
  /** Callers know pg's errors, and look at their codes. */
  readonly keepsErrors = true;
  readonly stale: StaleHook<unknown> | undefined;
  protected readonly question: Question;
  /** What the last answer depends on beside the question, as `sessionOf`. */
  protected session: string | undefined;

  constructor(question: Question) {
    this.question = question;
    this.breaker = question.breaker;
    this.stale = this.#staleHook();
  }

  abstract attempt(attempt: Attempt): Promise<unknown>;
  /** As {@link session}, of the connection that would be asked now. */
  protected abstract sessionNow(): string | undefined;

  /** For policies: settings of a connection are no writes. */
  get operation(): string {
    const { operation, setting } = this.question.operation;
    return setting ? 'connect' : operation;
  }

  get idempotent(): boolean {
    return this.question.operation.repeatable;
  }

  get args(): readonly unknown[] {
    return this.question.args;
  }

  get empty(): (() => unknown) | undefined {
    return this.question.operation.repeatable ? () => this.question.results.empty(this.#rowsAreArrays) : undefined;
  }

  served(value: unknown): unknown {
    return this.question.results.served(value, this.operation === 'read' ? 'SELECT' : null, this.#rowsAreArrays);
  }

  outcomeOf(error: unknown): Outcome {
    if (isBreakerError(error)) return error.code === 'ECALLTIMEOUT' ? 'failure' : 'ignored';
    // A pool without a free connection says nothing of the server; the call has failed all the same.
    const byDefault = isPoolTimeout(error) ? 'failure' : verdictOf(error).outcome;
    return judge(this.breaker, { ok: false, error }, byDefault);
  }

  /** Once the circuit is open the caller is better served with what has happened than with the news that nothing more can be tried. */
  isTransient(error: unknown): boolean {
    if (this.breaker.refusal() !== undefined) return false;
    return isBreakerError(error) || isInjectedFault(error) || verdictOf(error).faultClass === 'transient';
  }

  get #rowsAreArrays(): boolean {
    return (this.args[0] as PgQueryConfig | null | undefined)?.rowMode === 'array';
  }

  /** The key is made before the call: its values may be changed while it is under way. */
  #staleHook(): StaleHook<unknown> | undefined {
    const { operation, breaker, database, args, results } = this.question;
    if (!operation.repeatable) return undefined;
    let hook: StaleHook<unknown> | undefined;
    isolated('the cache of last good answers', () => {
      const store: StaleStore | undefined = staleStoreOf(breaker, rowCodec);
      const lasting = breaker.options.policies?.fallback?.stale?.path !== undefined;
      const key = store && staleKey(database, this.question.asker(), args, lasting);
      if (store === undefined || key === undefined) return;
      hook = {
        keep: (value) => {
          const { session } = this;
          if (session === undefined) return;
          isolated('the cache of last good answers', () => {
            const data = results.dataOf(value);
            if (data !== undefined) store.set(key + session, data);
          });
        },
        find: async () => {
          const session = this.sessionNow();
          const found = session === undefined ? undefined : await store.get(key + session);
          return found && { ...found, value: results.fromData(found.value) };
        },
      };
    });
    return hook;
  }
}

function verdictOf(error: unknown): Verdict {
  return isConnectError(error) ? classifyConnectError(error) : classifyQueryError(error);
}
