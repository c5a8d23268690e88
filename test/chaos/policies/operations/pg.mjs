import pg from 'pg';

const questions = ['a', 'b', 'c', 'd'];
// Never the same twice, with values of many types.
const text = `SELECT $1::text AS question, gen_random_uuid()::text AS answer, 1.5::numeric AS n, '\\x00ff'::bytea AS b, DATE '2024-02-29' AS d, NULL AS nothing`;

export function pgLane(port, database, { isStale, staleAge }, typed) {
  const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database, max: 8, connectionTimeoutMillis: 5_000 });
  pool.on('error', () => {});
  const read = async (ask, question) => {
    const result = await ask(text, [question]);
    const { rows, fields, rowCount, command } = result;
    return {
      subject: `select ${question}`,
      value: typed([rows[0], fields.map(({ name }) => name).join(), rowCount, command]),
      stale: isStale(result) ? staleAge(result) : undefined,
    };
  };
  const held = async (work) => {
    const client = await pool.connect();
    client.on('error', () => {});
    let failed = true;
    try {
      const done = await work(client);
      failed = false;
      return done;
    } finally {
      client.removeAllListeners('error');
      client.on('error', () => {});
      client.release(failed);
    }
  };
  const of = (next, list) => list[Math.floor(next() * list.length)];

  return {
    operations: {
      select: (next) => read((...args) => pool.query(...args), of(next, questions)),
      held: (next) => held((client) => read((...args) => client.query(...args), of(next, questions))),
      insert: async (_next, id) => ({ subject: id, value: (await pool.query('INSERT INTO kept VALUES ($1)', [id])).rowCount }),
      transaction: (_next, id) =>
        held(async (client) => {
          await client.query('BEGIN');
          await client.query('INSERT INTO kept VALUES ($1)', [`${id}a`]);
          await client.query('INSERT INTO kept VALUES ($1)', [`${id}b`]);
          await client.query('COMMIT');
          return { subject: id, value: 2 };
        }),
    },
    weights: { select: 3, held: 1, insert: 1.5, transaction: 0.5 },
    writes: ['insert', 'transaction'],
    pick: () => undefined,
    close: () => pool.end(),
  };
}
