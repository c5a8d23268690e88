// One request each to Redis, PostgreSQL and an HTTP upstream, from inside a server's request; then says what the breakers
// counted and what can be observed of the clients, takes every hook back, and says what the clients' functions look like. Handed its clients, so that one text
// serves both module kinds.
const { observe } = require('./observe.cjs');

exports.run = async ({ Redis, pg, createServer, get }) => {
  const redis = new Redis(Number(process.env.REDIS_PORT), '127.0.0.1');
  const pool = new pg.Pool({ host: '127.0.0.1', port: Number(process.env.PG_PORT), user: 'postgres', database: 'postgres' });
  const routes = {
    '/redis': () => redis.get('key'),
    '/pg': async () => (await pool.query('SELECT 1 AS one')).rows,
    '/http': async () => (await fetch(process.env.UPSTREAM_URL)).text(),
  };
  const server = createServer(async (request, response) => response.end(JSON.stringify(await routes[request.url]()) ?? 'null'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  for (const path of Object.keys(routes)) {
    await new Promise((resolve, reject) =>
      get({ port: server.address().port, path, agent: false }, (response) => response.resume().on('end', resolve)).on('error', reject),
    );
  }
  // A fetch's permit is held for a moment after the headers.
  await new Promise((resolve) => setTimeout(resolve, 250));
  const registry = globalThis[Symbol.for('otel-breaker.registry')];
  const calls = Object.fromEntries((registry?.list() ?? []).map((breaker) => [breaker.name, breaker.snapshot().calls.success]));
  const observed = process.env.OBSERVE === 'true' ? await observe({ Redis, redis, pg, pool }) : {};
  await globalThis[Symbol.for('otel-breaker.registered')]?.handle?.shutdown();
  const functions = [Redis.prototype.sendCommand, pg.Pool.prototype.query, pg.Pool.prototype.connect, pg.Client.prototype.query, globalThis.fetch];
  console.log(JSON.stringify({ calls, observed, functions: functions.map(String) }));
  server.close();
  redis.disconnect();
  await pool.end();
  // Whoever has an SDK of its own exports by its own schedule.
  await new Promise((resolve) => setTimeout(resolve, 300));
};
