// An ordinary service, handed its clients so that one text serves both module kinds. It knows nothing of us.
const { serve } = require('../../../support/serve.cjs');

exports.run = ({ Redis, Pool, createServer, get }) => {
  const redis = new Redis(Number(process.env.REDIS_PORT), '127.0.0.1');
  const pool = new Pool({ host: '127.0.0.1', port: Number(process.env.PG_PORT), user: 'postgres', database: 'postgres' });
  redis.on('error', () => {});
  pool.on('error', () => {});

  const routes = {
    '/redis': () => redis.get('key'),
    '/pg': async () => (await pool.query('SELECT 1 AS one')).rows,
    '/http': async () => {
      const response = await fetch(process.env.UPSTREAM_URL);
      await response.text();
      return response.status;
    },
  };
  const server = createServer(async (request, response) => {
    try {
      response.end(JSON.stringify(await routes[request.url]()));
    } catch (error) {
      response.writeHead(503).end(JSON.stringify({ code: error.code, name: error.name, message: error.message }));
    }
  });
  server.listen(0, '127.0.0.1', () => {
    const call = (route) =>
      new Promise((resolve, reject) => {
        get({ port: server.address().port, path: route, headers: { connection: 'close' } }, (response) => {
          let text = '';
          response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
        }).on('error', reject);
      });
    const finish = async () => {
      server.close();
      redis.disconnect();
      await pool.end();
      if (process.connected) process.disconnect();
    };
    serve({
      call,
      async flood(route, count) {
        const answers = [];
        for (let i = 0; i < count; i += 1) answers.push(await call(route));
        return answers;
      },
      finish,
      /** As many services do: a handler of its own, which lets the process run out of work. */
      finishOn: (signal) => void process.once(signal, finish),
    });
  });
};
