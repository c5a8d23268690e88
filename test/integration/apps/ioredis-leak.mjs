// Many calls, failing ones, pipelines and short-lived clients: what is left of them in memory?
//   node --expose-gc --import tsx test/integration/apps/ioredis-leak.mjs <port> <calls>
import Redis from 'ioredis';
import { IORedisBreakerInstrumentation } from '../../../instrumentations/ioredis/instrumentation.ts';
import { Registry } from '../../../src/registry/registry.ts';

const [port, calls] = process.argv.slice(2).map(Number);
const registry = new Registry();
new IORedisBreakerInstrumentation({ registry });
const redis = new Redis(port, '127.0.0.1');
await redis.set('text', 'x');

const heap = async () => {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
};
const batch = async () => {
  const work = Array.from({ length: 90 }, () => redis.get('text'));
  for (let call = 0; call < 5; call += 1) work.push(redis.lpush('text', 1).catch(() => undefined));
  for (let call = 0; call < 4; call += 1) work.push(redis.pipeline().get('text').set('a', call).exec());
  const short = new Redis(port, '127.0.0.1');
  work.push(short.get('text').finally(() => short.disconnect()));
  await Promise.all(work);
};
const run = async (count) => {
  for (let done = 0; done < count; done += 100) await batch();
  return heap();
};

const first = await run(calls / 4);
const last = await run(calls - calls / 4);
const inFlight = registry.list().reduce((sum, breaker) => sum + breaker.inFlight, 0);
const counted = registry.list().reduce((sum, breaker) => sum + breaker.snapshot().calls.success, 0);
process.stdout.write(`${JSON.stringify({ first, last, inFlight, counted, breakers: registry.list().length })}\n`);
redis.disconnect();
