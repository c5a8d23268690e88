import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const [port, calls, clients] = process.argv.slice(2).map(Number);
const redis = new Redis(port, '127.0.0.1');
const auto = new Redis(port, '127.0.0.1', { enableAutoPipelining: true });
redis.defineCommand('twice', { numberOfKeys: 0, lua: 'return ARGV[1] * 2' });
await redis.set('text', 'x');

async function heap() {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc();
    await sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** 200 calls, failing ones among them. */
async function manyCalls() {
  const work = [];
  for (let call = 0; call < 100; call += 1) work.push(redis.get('text'), auto.get('text'));
  for (let call = 0; call < 10; call += 1) {
    work[call] = redis.lpush('text', 1).catch(() => {});
    work[call + 10] = redis.pipeline().get('text').set('a', call).exec();
    work[call + 20] = redis.multi().incr('n').exec();
    work[call + 30] = redis.twice(call);
    work[call + 40] = new Promise((resolve) => redis.getBuffer('text', resolve));
  }
  await Promise.all(work);
  return 200;
}

/** 20 clients, each used and let go. */
async function someClients() {
  const work = Array.from({ length: 20 }, async (_, index) => {
    const client = index % 2 === 0 ? new Redis(port, '127.0.0.1') : redis.duplicate();
    await client.get('text');
    if (index % 4 < 2) await client.quit();
    client.disconnect();
  });
  await Promise.all(work);
  return 20;
}

async function phase(name, count, step) {
  const points = [];
  const from = performance.now();
  for (let done = 0, next = 0; done < count; ) {
    done += await step();
    if (done < next) continue;
    points.push([done, await heap()]);
    next = done + count / 12;
  }
  return { name, points, seconds: (performance.now() - from) / 1_000 };
}

const phases = [await phase('calls', calls, manyCalls), await phase('clients', clients, someClients)];
process.stdout.write(JSON.stringify(phases));
redis.disconnect();
auto.disconnect();
