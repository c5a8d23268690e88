import type { Operation } from './operation.ts';
import type { PgClient } from './types.ts';

/** Follows whether connections are in a transaction. */
export class Transactions {
  readonly #known = new WeakMap<PgClient, Followed>();

  /** Whether a statement sent now runs inside a transaction: refusing it would break what the application has begun. */
  isInside(client: PgClient): boolean {
    const followed = this.#known.get(client) ?? this.#follow(client);
    const status = client._txStatus ?? followed.status ?? nativeStatus(client);
    // Nothing is under way: the server has said how things are. Otherwise what was sent decides how they will be.
    if (typeof status === 'string' && isAtRest(client) && !isAnyQueued(client)) {
      followed.sent = undefined;
      return status !== 'I';
    }
    return followed.sent === undefined ? status === 'T' || status === 'E' : followed.sent === 'begin';
  }

  /** Whether nothing is under way on the connection, nothing waits for it, and no transaction is open. */
  isQuiet(client: PgClient): boolean {
    return isAtRest(client) && !isAnyQueued(client) && !this.isInside(client);
  }

  sent(client: PgClient, { transaction }: Operation): void {
    if (transaction !== undefined) (this.#known.get(client) ?? this.#follow(client)).sent = transaction;
  }

  /** A statement failed: a BEGIN that did has begun nothing. */
  failed(client: PgClient, { transaction }: Operation): void {
    const followed = this.#known.get(client);
    if (transaction === 'begin' && followed?.sent === 'begin') followed.sent = undefined;
  }

  #follow(client: PgClient): Followed {
    const followed: Followed = { sent: undefined, status: undefined };
    this.#known.set(client, followed);
    // Before 8.21 the client does not keep what every ReadyForQuery says.
    if (client._txStatus === undefined) {
      // Before the client's own listener, which runs callbacks that may send the next statement at once.
      client.connection?.prependListener?.('readyForQuery', (message) => {
        followed.status = message?.status;
      });
    }
    return followed;
  }
}

/** libpq knows it, from pg-native 3.6 on. */
const nativeStatus = (client: PgClient): string | null | undefined => (client.native === undefined ? undefined : client.getTransactionStatus?.());

/** pg-native's client has no `readyForQuery`; of a query that has ended it says so before anybody hears of it. */
const isAtRest = (client: PgClient): boolean => (client.native === undefined ? client.readyForQuery === true : client._hasActiveQuery?.() !== true);

/** Calls wait their turn: this one may come from the callback of one before them, when the connection only seems to be at rest. */
function isAnyQueued(client: PgClient): boolean {
  // `queryQueue` is the older name; the newer versions warn of its use.
  const { length = 0 } = client._queryQueue ?? client.queryQueue ?? [];
  return length > 0 || (client._sentQueryQueue?.length ?? 0) > 0;
}

interface Followed {
  /** The last control statement that was sent and may not have been carried out. */
  sent: Operation['transaction'];
  status: string | undefined;
}
