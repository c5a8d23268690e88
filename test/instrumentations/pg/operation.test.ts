import { describe, expect, it } from 'vitest';
import { operationOf } from '../../../instrumentations/pg/operation.ts';

describe('the class of an SQL text', () => {
  it.each([
    ['SELECT 1', 'read'],
    ['  \n select * from t', 'read'],
    ['((SELECT 1) UNION (SELECT 2))', 'read'],
    ['-- DELETE FROM t\nSELECT 1', 'read'],
    ['/* DELETE /* nested */ FROM t */ TABLE t', 'read'],
    ['SELECT * FROM t FOR UPDATE', 'read'],
    ['VALUES (1)', 'read'],
    ['SHOW server_version', 'read'],
    ['WITH a AS (SELECT 1) SELECT * FROM a FOR NO KEY UPDATE', 'read'],
    ['WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a', 'delete'],
    ['WITH a AS MATERIALIZED (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a', 'write'],
    ['WITH a AS (SELECT 1) UPDATE t SET x = 1', 'write'],
    ["INSERT INTO t VALUES ('; DELETE FROM t')", 'write'],
    ["SELECT 'it''s; DELETE FROM t'", 'read'],
    ["SELECT E'it\\'s; DELETE FROM t'", 'read'],
    ['SELECT $a$; DELETE FROM t $b$ $a$, $1', 'read'],
    ['SELECT ";DELETE" FROM t', 'read'],
    ['SELECT 1; DELETE FROM t', 'delete'],
    ['DELETE FROM t; SELECT 1;', 'delete'],
    ['TRUNCATE t', 'delete'],
    ['MERGE INTO t USING s ON true WHEN MATCHED THEN DO NOTHING', 'write'],
    ['COPY t FROM STDIN', 'write'],
    ['COPY t TO STDOUT', 'read'],
    ["COPY (SELECT 'x' FROM t) TO STDOUT", 'read'],
    ['CALL p()', 'write'],
    ['DO $$ BEGIN DELETE FROM t; END $$', 'write'],
    ['EXPLAIN DELETE FROM t', 'read'],
    ['EXPLAIN (ANALYZE) DELETE FROM t', 'delete'],
    ['PREPARE p AS DELETE FROM t', 'delete'],
    ['CREATE TABLE t (id int)', 'admin'],
    ["SET search_path TO 'a'", 'admin'],
    ['VACUUM', 'admin'],
    ['LISTEN news', 'listen'],
    ['NOTIFY news', 'listen'],
    ['BEGIN', 'write'],
    ['START TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY', 'read'],
    ['BEGIN; SELECT 1; COMMIT', 'read'],
    ['', 'read'],
    ['-- nothing', 'read'],
    ["SELECT 'broken off", 'read'],
    ['/* broken off', 'read'],
  ])('of %j is %s', (sql, expected) => {
    expect(operationOf(sql).operation).toBe(expected);
  });

  it.each([
    'COMMIT',
    'commit;',
    'END',
    'ROLLBACK',
    'ABORT',
    'ROLLBACK TO SAVEPOINT a',
    'SAVEPOINT a',
    'RELEASE a',
    "PREPARE TRANSACTION 'x'",
    "ROLLBACK PREPARED 'x'",
  ])('%s always passes', (sql) => {
    expect(operationOf(sql).passes).toBe(true);
  });

  it.each(['BEGIN', 'START TRANSACTION', 'SELECT 1', 'COMMIT; SELECT 1', 'BEGIN; COMMIT', '', 'PREPARE p AS SELECT 1'])(
    '%j is an admission',
    (sql) => {
      expect(operationOf(sql).passes).toBe(false);
    },
  );

  it.each([
    ['BEGIN', 'begin'],
    ['COMMIT', 'end'],
    ['COMMIT AND CHAIN', undefined],
    ['ROLLBACK AND NO CHAIN', 'end'],
    ['ROLLBACK TO a', undefined],
    ['SAVEPOINT a', undefined],
    ['BEGIN; INSERT INTO t VALUES (1); COMMIT', 'end'],
    ['COMMIT; BEGIN', 'begin'],
    ['CREATE FUNCTION f() RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT 1; SELECT 2; END', undefined],
    ["PREPARE TRANSACTION 'x'", 'end'],
    ["COMMIT PREPARED 'x'", undefined],
    ['SELECT 1', undefined],
  ])('%j leaves the transaction: %s', (sql, expected) => {
    expect(operationOf(sql).transaction).toBe(expected);
  });

  it('tells which way a COPY flows', () => {
    expect(operationOf('COPY t (a, b) FROM STDIN').copy).toBe('in');
    expect(operationOf('COPY (SELECT x FROM t) TO STDOUT').copy).toBe('out');
    expect(operationOf('SELECT 1').copy).toBeUndefined();
  });

  it('looks only at the front of a very long text, and in time that does not grow with it', () => {
    const long = `INSERT INTO t VALUES ${'('.repeat(1_000_000)}`;
    operationOf(long);
    const before = performance.now();
    for (let i = 0; i < 20; i += 1) expect(operationOf(long).operation).toBe('write');
    // Looked through to its end, each would take longer.
    expect((performance.now() - before) / 20).toBeLessThan(60);
  });

  it('forgets texts that are not used any more', () => {
    const first = operationOf('SELECT cached');
    expect(operationOf('SELECT cached')).toBe(first);
    for (let i = 0; i < 1_100; i += 1) operationOf(`SELECT ${i}`);
    expect(operationOf('SELECT cached')).not.toBe(first);
  });
});
