// What the ESM and the CommonJS app have in common: an ordinary program that was handed its pg.
const { serve } = require('../../../support/serve.cjs');

const countCalls = () => globalThis.breakers?.list().map((breaker) => [breaker.target.operation, breaker.snapshot().calls.success]) ?? [];
const spans = () => {
  const names = globalThis.exporter?.getFinishedSpans().map((span) => span.name) ?? [];
  globalThis.exporter?.reset();
  return names;
};
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

exports.run = function run(pg) {
  const pool = new pg.Pool({ connectionString: process.argv[2], max: 2 });
  serve({
    async everyStyle() {
      await pool.query('SELECT 1');
      await new Promise((resolve, reject) => pool.query('SELECT 2', (error) => (error ? reject(error) : resolve())));
      const client = await pool.connect();
      await client.query('SELECT 3');
      await new Promise((resolve, reject) => client.query('SELECT $1::int', [4], (error) => (error ? reject(error) : resolve())));
      await client.query('BEGIN');
      await client.query('COMMIT');
      client.release();
      await settled();
      return { calls: countCalls(), spans: spans() };
    },
    async refused() {
      spans();
      for (const breaker of globalThis.breakers.list()) breaker.forceOpen('test');
      const errors = [];
      await pool.query('SELECT 1').catch((error) => errors.push(error.code));
      const client = await pool.connect();
      await client.query('SELECT 1').catch((error) => errors.push(error.code));
      await new Promise((resolve) => client.query('SELECT 1', (error) => resolve(errors.push(error.code))));
      client.release();
      for (const breaker of globalThis.breakers.list()) breaker.release();
      await settled();
      return { errors, spans: spans() };
    },
    toggleOtel() {
      globalThis.otel.disable();
      globalThis.otel.enable();
    },
    disable: () => globalThis.guard.disable(),
    async end() {
      await pool.end();
      setTimeout(() => process.disconnect(), 20);
    },
  });
};
