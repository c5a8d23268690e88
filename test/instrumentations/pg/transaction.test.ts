import { describe, expect, it } from 'vitest';
import { operationOf } from '../../../instrumentations/pg/operation.ts';
import { Transactions } from '../../../instrumentations/pg/transaction.ts';

describe('a client of pg-native', () => {
  const rig = () => {
    const server = { status: 'I' as string | null, active: false };
    const client = { native: {}, _queryQueue: [], getTransactionStatus: () => server.status, _hasActiveQuery: () => server.active };
    return { server, client, transactions: new Transactions() };
  };

  it('is in a transaction when libpq says so, once it is at rest', () => {
    const { server, client, transactions } = rig();
    expect(transactions.isInside(client)).toBe(false);
    server.status = 'T';
    expect(transactions.isInside(client)).toBe(true);
    server.status = 'E';
    expect(transactions.isInside(client)).toBe(true);
  });

  it('is in the one that it was told to begin while a statement is under way', () => {
    const { server, client, transactions } = rig();
    transactions.sent(client, operationOf('BEGIN'));
    server.active = true;
    expect(transactions.isInside(client)).toBe(true);
    // The BEGIN has failed, or the text has ended what it began.
    server.active = false;
    expect(transactions.isInside(client)).toBe(false);
  });

  it('of an older version, which does not tell, is known by what was sent', () => {
    const { client, transactions } = rig();
    const older = { native: client.native, _queryQueue: [], _hasActiveQuery: () => false };
    transactions.sent(older, operationOf('BEGIN'));
    expect(transactions.isInside(older)).toBe(true);
    transactions.sent(older, operationOf('COMMIT'));
    expect(transactions.isInside(older)).toBe(false);
  });
});
