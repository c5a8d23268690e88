// An ordinary program with a pool, a client of its own, and not a word about policies.
const http = require('node:http');
const pg = require('pg');
const { serve } = require('../../../support/serve.cjs');

const pool = new pg.Pool({ connectionString: process.env.PG_URL, max: 4 });
pool.on('error', () => {});
const client = new pg.Client({ connectionString: process.env.PG_URL });
client.on('error', () => {});

const web = http.createServer(async (request, response) => {
  const answer = await pool.query(decodeURIComponent(request.url.slice(1))).then(
    ({ rows }) => ({ rows }),
    (error) => ({ error: error.code }),
  );
  response.end(JSON.stringify(answer));
});
web.listen(0, '127.0.0.1');

const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(`exception: ${error.message}`));
process.on('unhandledRejection', (error) => uncaught.push(`rejection: ${error.message}`));

const warnings = [];
process.on('warning', ({ code, message }) => warnings.push({ code, message }));

const plain = (result) => {
  const { rows, rowCount, command, oid, fields } = result;
  return { rows, rowCount, command, oid, fields, class: result.constructor.name };
};

serve({
  connect: () => client.connect().then(() => undefined),
  pool: async (text, values) => plain(await pool.query(text, values)),
  client: async (text, values) => plain(await client.query(text, values)),
  /** How many calls at a time, and how each ended. */
  many: (count, text) =>
    Promise.all(
      Array.from({ length: count }, () =>
        pool.query(text).then(
          () => 'done',
          (error) => error.code,
        ),
      ),
    ),
  callback: (text) => new Promise((resolve) => pool.query(text, (error, result) => resolve([error?.code, result?.rows]))),
  throwInCallback: (text) => {
    pool.query(text, () => {
      throw new Error('of the callback');
    });
  },
  unhandled: (text) => void pool.query(text),
  uncaught: () => uncaught.splice(0),
  warnings: () => warnings,
  /** A request of a user's, which asks the database. */
  request: (text) =>
    new Promise((resolve, reject) => {
      const path = `/${encodeURIComponent(text)}`;
      http
        .get({ port: web.address().port, host: '127.0.0.1', path, agent: false }, async (response) => {
          let body = '';
          for await (const chunk of response) body += chunk;
          resolve(JSON.parse(body));
        })
        .on('error', reject);
    }),
});
