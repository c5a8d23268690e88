// Fills a queue until the system refuses to let its files grow, waits, and goes on with a small write. Run under `ulimit -f`.
// With the word `replay`: carries out what is there. Prints what it saw as one line of JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import { DurableQueue } from '../../../src/policies/durable-queue/durable-queue.ts';
import { queueLog } from '../../../src/storage/level-queue-log.ts';

const [folder, mode] = process.argv.slice(2) as [string, string?];
const queue = await DurableQueue.open(await queueLog(folder), { replayPerSecond: 10_000 });
const numbers: number[] = [];

if (mode === 'replay') {
  const drained = new Promise((resolve) => queue.on('drained', resolve));
  queue.handle<{ n: number }>('w', { deliver: ({ n }) => numbers.push(n) });
  await drained;
  console.log(JSON.stringify({ numbers }));
} else {
  queue.pause();
  const write = (n: number, size: number) => queue.append({ handler: 'w', keys: ['k'], payload: { n, filler: 'x'.repeat(size) } });
  let refusal: unknown;
  for (let n = 0; refusal === undefined && n < 1_000; n++) {
    await write(n, 10_000).then(
      () => numbers.push(n),
      (error) => {
        refusal = error;
      },
    );
  }
  await sleep(1_100);
  await write(5_000, 10);
  numbers.push(5_000);
  const { code, message } = refusal as { code?: unknown; message?: unknown };
  console.log(JSON.stringify({ numbers, refusal: { code, message } }));
}
await queue.close();
