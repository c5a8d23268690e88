import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Policies } from '../../src/policies/compose.ts';
import type { Attempt } from '../../src/policies/policy-call.ts';
import type { Original } from '../shared/guard.ts';
import type { Databases } from './database.ts';
import { heedsFaults } from './injected.ts';
import type { Operation } from './operation.ts';
import { PolicedQuery, type Question } from './policed-query.ts';
import { deliver, maySettle, refusalOf } from './policies.ts';
import { hangPoolQuery, PoolCall } from './pool-query.ts';
import type { PoolWatch } from './pool-watch.ts';
import { refuse } from './refuse.ts';
import { resultMaker } from './result.ts';
import { learnSession, sessionOf, sessionOfPool } from './session.ts';
import { askerOfPool } from './stale-key.ts';
import { isFunction, isSubmittable, type PgCallback, type PgClient, type PgPool } from './types.ts';

/** A call of `Pool.query`, and the pool that it is for. */
export interface PoolQuestion {
  readonly databases: Databases;
  readonly watch: PoolWatch;
  readonly pool: PgPool;
  readonly operation: Operation;
  readonly breaker: Breaker;
  readonly original: Original;
  readonly args: readonly unknown[];
  readonly callback: PgCallback | undefined;
}

/** `Pool.query` with policies around it. `undefined`: it goes on as without. */
export function queryPool(policies: Policies, asked: PoolQuestion): { readonly answer: unknown } | undefined {
  const { pool, operation, breaker, callback, args, watch, databases } = asked;
  if (isSubmittable(args[0]) || !maySettle(operation)) {
    const refusal = refusalOf(policies, breaker);
    return refusal && { answer: refuse(pool.Promise, callback, refusal) };
  }
  const question: Question = {
    database: watch.database,
    breaker,
    operation,
    args: isFunction(args[1]) ? args.slice(0, 1) : args.slice(0, 2),
    results: resultMaker(pool.Client),
    asker: () => askerOfPool(pool, databases.parametersOf(pool)),
  };
  return { answer: deliver(pool.Promise, callback, undefined, policies.run(new PooledQuery(question, asked))) };
}

class PooledQuery extends PolicedQuery {
  constructor(
    question: Question,
    private readonly asked: PoolQuestion,
  ) {
    super(question);
  }

  attempt({ signal }: Attempt): Promise<unknown> {
    const { breaker, original, pool, watch } = this.asked;
    const permit = breaker.tryAcquire(heedsFaults);
    if (permit === undefined) return Promise.reject(breaker.rejection());
    const { injection } = permit;
    return new Promise((resolve, reject) => {
      if (injection?.kind === 'hang') {
        hangPoolQuery({ watch, permit, injection, pool, args: this.args, signal, tell: reject });
        return;
      }
      const call = new PoolCall(watch, permit, undefined);
      const onAbort = (): void => call.giveUp(signal?.reason as Error, false);
      const settled: PgCallback = (error, result) => {
        signal?.removeEventListener('abort', onAbort);
        this.#answeredBy(call.client);
        if (error) reject(error);
        else resolve(result);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      call.start(original, pool, [this.args[0], this.args[1], settled]);
    });
  }

  protected override sessionNow(): string | undefined {
    return sessionOfPool(this.asked.pool);
  }

  #answeredBy(client: PgClient | undefined): void {
    this.session = client && sessionOf(client);
    if (client !== undefined) learnSession(this.asked.pool, client);
  }
}
