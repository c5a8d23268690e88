import { describe, expect, it } from 'vitest';
import { query } from '../../../instrumentations/pg/client-query.ts';
import { Database } from '../../../instrumentations/pg/database.ts';
import { operationOf } from '../../../instrumentations/pg/operation.ts';
import { resultMaker, rowCodec } from '../../../instrumentations/pg/result.ts';
import { PgServer } from '../../../instrumentations/pg/server.ts';
import { askerOfClient, staleKey } from '../../../instrumentations/pg/stale-key.ts';
import { Transactions } from '../../../instrumentations/pg/transaction.ts';
import type { BreakerOptions } from '../../../src/core/options.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
import type { Registry } from '../../../src/registry/registry.ts';

const server = { host: '127.0.0.1', port: 1, ownStream: false };
const database = (registry: Registry = createRegistry(), name = 'shop') => new Database(new PgServer(registry, server), name);
function configured(options: BreakerOptions): Database {
  const registry = createRegistry();
  registry.configure(() => ({ options }));
  return database(registry);
}

describe('what may be asked twice', () => {
  it.each([
    'SELECT 1',
    'select * from t where x in (select y from u) -- for update',
    "SELECT 'FOR UPDATE INTO nextval(1)'",
    'WITH a AS (SELECT 1) SELECT * FROM a',
    'VALUES (1), (2)',
    '(TABLE t)',
    'SELECT substring(a FOR 3) FROM t;',
    'SELECT nextval FROM t',
    'SELECT now(), random()',
  ])('%s', (sql) => {
    expect(operationOf(sql).repeatable).toBe(true);
  });

  it.each([
    '',
    'SELECT 1; SELECT 2',
    'SELECT * FROM t FOR UPDATE',
    'SELECT * FROM (SELECT * FROM t FOR NO KEY UPDATE) s',
    'SELECT * FROM t FOR SHARE SKIP LOCKED',
    'SELECT * INTO u FROM t',
    "SELECT nextval('s')",
    "SELECT pg_catalog.set_config('a', 'b', false)",
    'SELECT pg_try_advisory_lock(1)',
    'WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a',
    'INSERT INTO t VALUES (1)',
    'SHOW search_path',
    'EXPLAIN SELECT 1',
    'FETCH 10 FROM c',
    'COPY t TO STDOUT',
    'BEGIN; SELECT 1; COMMIT',
  ])('not %s', (sql) => {
    expect(operationOf(sql).repeatable).toBe(false);
  });

  it('nor what is too long to be read whole', () => {
    expect(operationOf(`SELECT ${'1, '.repeat(4_000)} 1`).repeatable).toBe(false);
  });
});

describe('what changes the meaning of later statements on a connection', () => {
  it.each([
    "SET role = 'ada'",
    'set session authorization x',
    'RESET ALL',
    'CREATE TEMP TABLE t (a int)',
    "SELECT set_config('a', $1, false)",
    "SELECT set_config('a', f(true), $2)",
    'DO $$ x $$',
    'SELECT 1; SET a = 1',
  ])('%s', (sql) => {
    expect(operationOf(sql).session).toBe(true);
  });
  it.each(['SELECT 1', 'SET LOCAL role = ada', 'SET TRANSACTION READ ONLY', "SELECT set_config('a', $1, true)", 'INSERT INTO t VALUES (1)', 'BEGIN'])(
    'not %s',
    (sql) => {
      expect(operationOf(sql).session).toBe(false);
    },
  );
  it('settings alone are no writes', () => {
    expect(operationOf('SET a = 1; RESET b').setting).toBe(true);
    for (const sql of ['SET a = 1; DELETE FROM t', 'CREATE TABLE t ()', '', 'SELECT 1']) expect(operationOf(sql).setting).toBe(false);
  });
});

describe('the key of a stale answer', () => {
  const parameters = { user: 'ada', database: 'shop', options: null };
  const asker = { parameters, types: undefined };
  const shop = database();
  const key = (args: readonly unknown[], by: typeof asker | Record<string, unknown> = asker, of = shop, lasting = false) =>
    staleKey(of, by as typeof asker, args, lasting);

  it('is the same for the same question, however it is put', () => {
    expect(key(['SELECT $1', [1]])).toBe(key([{ text: 'SELECT $1', values: [1] }]));
    expect(key(['SELECT 1'])).toBe(key(['SELECT 1', undefined]));
    expect(key(['SELECT 1'])).toBe(key(['SELECT 1'], asker, shop, true));
  });

  it('differs with whatever the answer may depend on', () => {
    const types = { getTypeParser: () => String };
    const keys = [
      key(['SELECT $1', [1]]),
      key(['SELECT $1', ['1']]),
      key(['SELECT $1', [null]]),
      key(['SELECT $1', [[1]]]),
      key(['SELECT $1 ', [1]]),
      key([{ text: 'SELECT $1', values: [1], rowMode: 'array' }]),
      key([{ text: 'SELECT $1', values: [1], binary: true }]),
      key([{ text: 'SELECT $1', values: [1], name: 'n' }]),
      key([{ text: 'SELECT $1', values: [1], types }]),
      key([{ text: 'SELECT $1', values: [1], types: { ...types } }]),
      key(['SELECT $1', [1]], { parameters: { ...parameters, user: 'bob' }, types: undefined }),
      key(['SELECT $1', [1]], { parameters: { ...parameters, options: '-c search_path=x' }, types: undefined }),
      key(['SELECT $1', [1]], asker, database(createRegistry(), 'other')),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).not.toContain(undefined);
  });

  it('is not made of what nobody can compare', () => {
    class Money {}
    const types = { getTypeParser: () => String };
    expect(key(['SELECT $1', [new Money()]])).toBeUndefined();
    expect(key(['SELECT $1', [{ toPostgres: () => '1' }]])).toBeUndefined();
    expect(key(['SELECT 1'], { parameters: undefined })).toBeUndefined();
    expect(key([{ text: 'SELECT 1', types }], asker, shop, true)).toBeUndefined();
    expect(askerOfClient({ connectionParameters: parameters, _types: { text: { 20: String }, _types: { builtins: {} } } })).toBeUndefined();
    expect(askerOfClient({ connectionParameters: parameters, _types: { text: {}, _types: { builtins: {} } } })).toEqual(asker);
  });
});

describe('results', () => {
  class Result {
    command: unknown = null;
    rowCount: unknown = null;
    oid: unknown = null;
    rows: unknown[] = [];
    fields: unknown[] = [];
    parseRow(): void {}
  }
  class Field {
    name = 'a';
  }

  it('of a class that cannot be made before one is seen, as with pg-native, are plain until then', () => {
    const maker = resultMaker(class {});
    expect(maker.empty(false)).toEqual({ command: 'SELECT', rowCount: 0, oid: null, rows: [], fields: [] });
    const seen = Object.assign(new Result(), { rows: [{ a: 1 }], fields: [new Field()], rowCount: 1 });
    const data = rowCodec.decode(rowCodec.encode(maker.dataOf(seen)));
    const again = maker.fromData(data);
    expect(again).toBeInstanceOf(Result);
    expect((again as Result).fields[0]).toBeInstanceOf(Field);
    expect(again).toEqual(seen);
    expect(maker.empty(false)).toBeInstanceOf(Result);
  });

  it('are not kept when they are something else', () => {
    const maker = resultMaker(undefined);
    for (const value of [undefined, null, 1, [], [new Result()], { rows: [] }]) expect(maker.dataOf(value)).toBeUndefined();
    expect(maker.served('as it is', null, false)).toBe('as it is');
  });
});

it("leaves a config's callback in place in versions that write theirs into the config", async () => {
  const shop = configured({ retry: { attempts: 2 } });
  const config: { text: string; callback: unknown } = { text: 'SELECT 1', callback: undefined };
  const older = (_self: unknown, args: readonly unknown[]): unknown => {
    (args[0] as { callback: unknown }).callback = args[2];
    return (args[2] as (error: unknown, result: unknown) => unknown)(null, { rows: [1] });
  };
  for (let i = 0; i < 2; i += 1) {
    await new Promise<void>((resolve) => {
      const own = (error: unknown, result: unknown): void => {
        expect([error, result]).toEqual([null, { rows: [1] }]);
        expect(config.callback).toBe(own);
        resolve();
      };
      config.callback = own;
      query(older, {}, [config], shop, new Transactions());
    });
  }
});

it('gives a promise of the class that the client was told to use', async () => {
  class Theirs<T> extends Promise<T> {}
  const answered = (_self: unknown, args: readonly unknown[]) => (args[2] as (error: unknown, result: unknown) => unknown)(null, 'rows');
  const promise = query(answered, { _Promise: Theirs }, ['SELECT 1'], configured({ retry: {} }), new Transactions());
  expect(promise).toBeInstanceOf(Theirs);
  expect(await promise).toBe('rows');
});
