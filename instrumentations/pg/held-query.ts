import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import type { Database } from './database.ts';
import type { Pending } from './pending.ts';
import type { InContext } from './pool-query.ts';
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
export class HeldQuery implements Pending {
  readonly breaker: Breaker;
  readonly startedAt: number;
  readonly unseen = false;
  /** It stands in the client's queue, at least, and will be sent: it may yet be carried out. */
  readonly sent = true;
  readonly queuedAs = undefined;
  older: Pending | undefined;
  newer: Pending | undefined;
  listed = false;

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
    database.server.pending.add(this);
  }

  answer(): void {
    const { callback } = this.query;
    if (!isFunction(callback)) return;
    this.answered();
    const waited = Math.round(this.database.server.registry.clock.now() - this.startedAt);
    const error = new CallTimeoutError(this.breaker.name, waited, this.breaker.refusal()?.cause);
    this.permit.cancel();
    this.query.callback = condemn(this.client);
    if (this.inContext === undefined) callback(error);
    else this.inContext(() => callback(error));
  }

  abandon(): void {}

  over(): void {
    this.database.server.pending.remove(this);
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
