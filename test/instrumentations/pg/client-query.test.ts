import { expect, it } from 'vitest';
import { query } from '../../../instrumentations/pg/client-query.ts';
import { Database } from '../../../instrumentations/pg/database.ts';
import { PgServer } from '../../../instrumentations/pg/server.ts';
import { Transactions } from '../../../instrumentations/pg/transaction.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';

const database = () => new Database(new PgServer(createRegistry(), { host: '127.0.0.1', port: 1, ownStream: false }), 'shop');

it('gives the client a config that seems to be its caller’s in all but the callback, which stays in place', () => {
  const own = () => undefined;
  const config = Object.freeze({ text: 'SELECT 1', callback: own });
  const shop = database();
  const client = (_self: unknown, [given]: readonly unknown[]): unknown => {
    const seeming = given as { text: string; callback: (error: unknown, result: unknown) => unknown };
    const { callback } = seeming;
    expect(callback).not.toBe(own);
    expect([Object.keys(seeming), { ...seeming }, 'text' in seeming]).toEqual([['text', 'callback'], { text: 'SELECT 1', callback }, true]);
    expect(() => Object.assign(seeming, { text: 'SELECT 2' })).toThrow(TypeError);
    // As tracers do.
    let traced = 0;
    seeming.callback = (error, result) => {
      traced += 1;
      return callback(error, result);
    };
    seeming.callback(null, { rows: [] });
    return traced;
  };
  for (let times = 0; times < 3; times += 1) expect(query(client, {}, [config], shop, new Transactions())).toBe(1);
  expect(shop.breaker('read').snapshot().calls.success).toBe(3);
});

it('hands on what the client writes to a config', () => {
  const config = { text: 'SELECT $1', values: undefined, callback: () => undefined };
  const client = (_self: unknown, [given]: readonly unknown[]): unknown => Object.assign(given as object, { values: [1] });
  query(client, {}, [config], database(), new Transactions());
  expect(config.values).toEqual([1]);
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
