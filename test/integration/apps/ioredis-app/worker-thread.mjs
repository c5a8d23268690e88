import { parentPort } from 'node:worker_threads';
import Redis from 'ioredis';

parentPort.once('message', async () => {
  const redis = new Redis(Number(process.argv[2]), '127.0.0.1');
  await redis.get('a');
  redis.disconnect();
  parentPort.postMessage(globalThis.breakers.list().map((breaker) => [breaker.target.operation, breaker.snapshot().calls.success]));
});
