// What the ESM and the CommonJS app have in common: an ordinary program that was handed its ioredis.
const { serve } = require('../../../support/serve.cjs');

const counts = () =>
  Object.fromEntries(globalThis.breakers?.list().map((breaker) => [breaker.target.operation, breaker.snapshot().calls.success]) ?? []);
const spans = () => {
  const ended = globalThis.exporter?.getFinishedSpans() ?? [];
  const names = ended.map((span) => `${span.name}${span.status.code === 2 ? ' failed' : ''}`);
  globalThis.exporter?.reset();
  return names;
};
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
const code = (promise) =>
  promise.then(
    () => 'none',
    (error) => error.code ?? error.message,
  );

exports.run = function run(Redis) {
  const redis = new Redis(Number(process.argv[2]), '127.0.0.1');
  redis.on('error', () => {});
  redis.defineCommand('twice', { numberOfKeys: 0, lua: 'return ARGV[1] * 2' });
  serve({
    async everyStyle() {
      spans();
      const before = counts();
      await redis.set('a', 1);
      await redis.get('a');
      await new Promise((resolve) => redis.get('a', resolve));
      await redis.pipeline().get('a').set('b', 2).exec();
      await redis.multi().get('a').exec();
      await redis.twice(2);
      await redis.lpush('a', 1).catch(() => {});
      await settled();
      const calls = Object.entries(counts()).map(([name, count]) => [name, count - (before[name] ?? 0)]);
      return { calls: Object.fromEntries(calls.filter(([, count]) => count > 0)), spans: spans() };
    },
    async refused() {
      spans();
      for (const breaker of globalThis.breakers.list()) breaker.forceOpen('test');
      const codes = [
        await code(redis.get('a')),
        await new Promise((resolve) => redis.get('a', (error) => resolve(error.code))),
        await code(redis.pipeline().get('a').exec()),
        await code(redis.multi().get('a').exec()),
      ];
      for (const breaker of globalThis.breakers.list()) breaker.release();
      await settled();
      return { codes, spans: spans() };
    },
    async get() {
      return redis.get('a');
    },
    spans,
    toggleOtel() {
      globalThis.otel.disable();
      globalThis.otel.enable();
    },
    disable: () => globalThis.guard.disable(),
    async end() {
      await redis.quit();
      setTimeout(() => process.disconnect(), 20);
    },
  });
};
