// A few calls and what the breakers of this process or thread counted of them.
exports.calls = async () => {
  const { Redis } = require('ioredis');
  const { Pool } = require('pg');
  const redis = new Redis(Number(process.env.REDIS_PORT), '127.0.0.1');
  const pool = new Pool({ host: '127.0.0.1', port: Number(process.env.PG_PORT), user: 'postgres', database: 'postgres' });
  await redis.set('key', 'value');
  await pool.query('SELECT 1');
  await (await fetch(process.env.UPSTREAM_URL)).text();
  await new Promise((resolve) => setTimeout(resolve, 200));
  redis.disconnect();
  await pool.end();
  const registry = globalThis[Symbol.for('otel-breaker.registry')];
  return Object.fromEntries((registry?.list() ?? []).map((breaker) => [breaker.target.system, breaker.snapshot().calls.success]));
};
