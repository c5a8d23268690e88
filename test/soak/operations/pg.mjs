// Every way a query is sent, through a pool and on clients of its own.
import pg from 'pg';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { expectError, Waiters, within } from './support.mjs';

export function pgLane(port, prefix) {
  const options = { host: '127.0.0.1', port, user: 'postgres', database: 'shop' };
  const pool = new pg.Pool(options);
  pool.on('error', () => {});
  const notifications = new Waiters();
  const stopListening = listen(options, `${prefix}_news`, notifications);

  const withClient = async (work) => {
    const client = await pool.connect();
    client.on('error', ignore);
    let failure;
    try {
      return await within(15_000, work(client));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.removeListener('error', ignore);
      // One that a query failed on is not put back: it may be in the middle of anything.
      client.release(failure !== undefined);
    }
  };
  const insert = (client, n, part) => client.query('INSERT INTO ledger VALUES ($1, $2, $3)', [prefix, n, part]);
  const inTransaction = (end, n) =>
    withClient(async (client) => {
      await client.query('BEGIN');
      await insert(client, n, 'a');
      await insert(client, n, 'b');
      return (await client.query(end)).command;
    });

  const operations = {
    'pg query': async (n) => (await pool.query('SELECT $1::int + 1 AS value', [n])).rows,
    'pg callback': (n) =>
      new Promise((resolve, reject) =>
        pool.query('SELECT $1::text AS value', [n], (error, result) => (error ? reject(error) : resolve(result.rows[0].value))),
      ),
    'pg prepared': async (n) => (await pool.query({ name: 'twice', text: 'SELECT $1::int * 2 AS value', values: [n] })).rows[0].value,
    'pg several': async (n) => (await pool.query(`SELECT ${n} AS value; SELECT 'second' AS value`)).map(({ rows }) => rows[0].value),
    'pg transaction': (n) => inTransaction('COMMIT', n),
    'pg rollback': (n) => inTransaction('ROLLBACK', n),
    'pg insert': async (n) => (await insert(pool, n, 'a')).rowCount,
    'pg cursor': (n) =>
      withClient(async (client) => {
        const cursor = client.query(new Cursor('SELECT generate_series(1, 50) + $1::int AS value', [n]));
        const counts = [(await cursor.read(20)).length, (await cursor.read(100)).length];
        await cursor.close();
        return counts;
      }),
    'pg query stream': () =>
      withClient(async (client) => {
        let rows = 0;
        for await (const _row of client.query(new QueryStream('SELECT generate_series(1, 200)', [], { batchSize: 50 }))) rows += 1;
        return rows;
      }),
    'pg copy': async () => (await pool.query('COPY (SELECT generate_series(1, 10)) TO STDOUT')).command,
    'pg notify': (n) => notifications.whenSent(`${n}`, pool.query('SELECT pg_notify($1, $2)', [`${prefix}_news`, `${n}`])),
    'pg slow': async () => (await pool.query('SELECT pg_sleep(0.3)')).rowCount,
    'pg syntax error': () => expectError(pool.query('SELEC 1'), '42601'),
    'pg constraint': () => expectError(pool.query("INSERT INTO taken VALUES ('a')"), '23505'),
    'pg client of its own': async (n) => {
      const client = new pg.Client(options);
      client.on('error', ignore);
      try {
        await client.connect();
        return (await client.query('SELECT $1::int AS value', [n])).rows[0].value;
      } finally {
        await client.end().catch(ignore);
      }
    },
  };
  const expected = {
    'pg query': (n) => [{ value: n + 1 }],
    'pg callback': (n) => `${n}`,
    'pg prepared': (n) => n * 2,
    'pg several': (n) => [n, 'second'],
    'pg transaction': () => 'COMMIT',
    'pg rollback': () => 'ROLLBACK',
    'pg insert': () => 1,
    'pg cursor': () => [20, 30],
    'pg query stream': () => 200,
    'pg copy': () => 'COPY',
    'pg notify': () => 'arrived',
    'pg slow': () => 1,
    'pg syntax error': () => '42601',
    'pg constraint': () => '23505',
    'pg client of its own': (n) => n,
  };
  return {
    operations,
    expected,
    weights: { 'pg query': 5, 'pg slow': 0.5, 'pg client of its own': 0.3 },
    ready: () => pool.query('SELECT 1'),
    async ledger() {
      const { rows } = await pool.query('SELECT n || part AS entry FROM ledger WHERE process = $1', [prefix]);
      return { pg: rows.map(({ entry }) => entry) };
    },
    async close() {
      stopListening();
      await pool.end();
    },
  };
}

function ignore() {}

/** A listening client that is replaced when it is lost, or was not got, as programs do. */
function listen(options, channel, notifications) {
  let stopped = false;
  let client;
  let timer;
  const again = (lost) => {
    // A connection that was lost while it was being made ends in two ways.
    if (stopped || lost !== client) return;
    client = undefined;
    timer = setTimeout(start, 250);
  };
  const start = async () => {
    const mine = new pg.Client(options);
    client = mine;
    mine.on('error', ignore);
    mine.on('notification', ({ payload }) => notifications.arrived(payload));
    mine.once('end', () => again(mine));
    try {
      await mine.connect();
      await mine.query(`LISTEN ${channel}`);
    } catch {
      mine.end().catch(ignore);
      again(mine);
    }
  };
  start();
  return () => {
    stopped = true;
    clearTimeout(timer);
    client?.end().catch(ignore);
  };
}
