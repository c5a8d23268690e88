import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import type { Timer } from '../../src/core/clock.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import { isolated } from '../../src/core/isolated.ts';
import { judge } from '../shared/admission.ts';
import type { InContext } from '../shared/caller-context.ts';
import { Barrier, requestCancel } from './cancel.ts';
import type { Database } from './database.ts';
import { deadline, timeLimitOf } from './deadline.ts';
import type { PendingCalls, Permitted } from './pending.ts';
import { isFunction, type PgCallback, type PgClient } from './types.ts';

/** What the client keeps of a query that is under way. */
interface PgQuery {
  callback?: unknown;
}

/**
 * A statement under way on a client that the application holds. Should the server fall silent its caller is answered, the
 * way pg itself does it for `query_timeout`; the connection stays as it is, because it may be all that the application has,
 * and its session with it. A pool lets go of such a client when it comes back while the answer is still owing.
 */
export class HeldQuery implements Permitted {
  readonly breaker: Breaker;
  readonly startedAt: number;
  readonly unseen = false;
  /** It stands in the client's queue, at least, and will be sent: it may yet be carried out. */
  readonly sent = true;
  readonly queue = undefined;
  readonly queuedAs = undefined;
  convicted = false;
  readonly #deadline: Timer | undefined;

  constructor(
    private readonly client: PgClient,
    private readonly database: Database,
    private readonly permit: Permit<Breaker>,
    private readonly query: PgQuery,
    private readonly inContext: InContext | undefined,
    /** Told before its caller is: what comes of the statement later is nobody's concern. */
    private readonly answered: () => void,
  ) {
    this.breaker = permit.breaker;
    this.startedAt = permit.startedAt;
    permit.holder = this;
    const limit = timeLimitOf(this.breaker);
    this.#deadline = limit === undefined ? undefined : deadline(this.breaker, limit, (error) => this.giveUp(error, true));
  }

  answer(): void {
    const { callback } = this.query;
    if (!isFunction(callback)) return;
    this.answered();
    const waited = Math.round(this.database.server.registry.clock.now() - this.startedAt);
    const error = new CallTimeoutError(this.breaker.name, waited, this.breaker.refusal()?.cause);
    this.permit.settle('cancelled', error);
    this.query.callback = condemn(this.client);
    this.#tell(callback, error);
  }

  /**
   * Its time is over: answers the caller, and has the server stop the statement, so that those behind it need not wait for it.
   * One that has not been sent never will be.
   * @param counts whether the server is to blame, which is not so while others of the same client are before it
   */
  giveUp(error: Error, counts: boolean): void {
    const { callback } = this.query;
    if (!isFunction(callback)) return;
    this.answered();
    const place = this.client._queryQueue?.indexOf(this.query) ?? -1;
    if (!counts) this.permit.cancel();
    else if (place >= 0) this.permit.ignore(error);
    else this.permit.settle(judge(this.breaker, { ok: false, error }, 'failure'), error);
    if (counts) isolated('asking a server whether it is there', () => this.database.server.suspect());
    if (place >= 0) this.client._queryQueue?.splice(place, 1);
    else {
      const answered = condemn(this.client);
      this.query.callback = () => {
        answered();
        ended?.();
      };
      let ended: (() => void) | undefined;
      isolated('cancelling a statement', () => {
        ended = this.#cancel();
      });
    }
    this.#tell(callback, error);
  }

  /** @returns what is to be called when the statement has ended, before the next one is sent */
  #cancel(): (() => void) | undefined {
    const { client, query } = this;
    if (this.database.server.ownStream || client._queryQueue === undefined || client._activeQuery !== query) return undefined;
    const dealtWith = requestCancel(client, this.breaker.clock, () => client._activeQuery === query);
    let surely = false;
    void dealtWith?.then((gone) => {
      surely = gone;
    });
    return () => {
      // Not before: pg warns of statements that are given to a client while others wait.
      const alive = client._queryable !== false && client._ending !== true;
      if (dealtWith !== undefined && !surely && alive) client._queryQueue?.unshift(new Barrier(dealtWith, this.breaker.clock));
    };
  }

  /** In a turn of its own: what a callback throws is an uncaught exception, as it is without us, and no fault in a timer of ours. */
  #tell(callback: PgCallback, error: Error): void {
    if (this.inContext === undefined) process.nextTick(callback, error);
    else this.inContext(() => process.nextTick(callback, error));
  }

  abandon(): void {}

  get among(): PendingCalls {
    return this.database.server.pending;
  }

  get over(): boolean {
    return this.permit.settled;
  }

  end(): void {
    this.#deadline?.cancel();
  }
}

/**
 * Makes a pool remove the client when it is released: it would queue others' queries behind one without an answer.
 * @returns what is to be called with the answer, after which the client is like any other
 */
function condemn(client: { _poolUseCount?: number | undefined }): PgCallback {
  const uses = client._poolUseCount;
  // No limit of uses is higher, the default of none included.
  client._poolUseCount = Number.POSITIVE_INFINITY;
  return () => {
    if (client._poolUseCount === Number.POSITIVE_INFINITY) client._poolUseCount = uses ?? 0;
  };
}

/** The query that a client has just been given; `undefined` where that cannot be told, or its caller must not be answered. */
export function queryJustGiven(client: PgClient): PgQuery | undefined {
  // Older pools do not count the uses of their clients, and in a pipeline the next statements may build on this one.
  if (typeof client._txStatus !== 'string' || client.pipeline === true) return undefined;
  const query = client._queryQueue?.at(-1) ?? client._activeQuery;
  return typeof query === 'object' && query !== null && isFunction((query as PgQuery).callback) ? query : undefined;
}
