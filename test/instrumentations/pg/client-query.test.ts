import { expect, it } from 'vitest';
import { query } from '../../../instrumentations/pg/client-query.ts';
import { Database } from '../../../instrumentations/pg/database.ts';
import { PgServer } from '../../../instrumentations/pg/server.ts';
import { Transactions } from '../../../instrumentations/pg/transaction.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';

const database = () => new Database(new PgServer(createRegistry(), { host: '127.0.0.1', port: 1, ownStream: false }), 'shop');

it("leaves a config's callback in place in versions that write theirs into the config", () => {
  const own = () => undefined;
  const config = { text: 'SELECT 1', callback: own as unknown };
  const shop = database();
  const older = (_self: unknown, args: readonly unknown[]): unknown => {
    (args[0] as { callback: unknown }).callback = args[2];
    expect(args[2]).not.toBe(own);
    return (args[2] as (error: unknown, result: unknown) => unknown)(null, { rows: [] });
  };
  for (let i = 0; i < 3; i += 1) query(older, {}, [config], shop, new Transactions());
  expect(config.callback).toBe(own);
  expect(shop.breaker('read').snapshot().calls.success).toBe(3);
});

it('gives the permit back when the client throws, and throws that very error', () => {
  const shop = database();
  const error = new TypeError('callback is not a function');
  const throwing = () => {
    throw error;
  };
  expect(() => query(throwing, {}, ['SELECT 1'], shop, new Transactions())).toThrow(error);
  expect(shop.breaker('read').inFlight).toBe(0);
});
