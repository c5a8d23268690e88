// A service that queues writes while its server comes and goes, until it is killed. What it does it says on stdout, a line each, by the
// time it has happened: R ready, A acknowledged, D arrived at the server, P refused by the server as poison, C corrupt, E drained.
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DurableQueue } from '../../src/policies/durable-queue/durable-queue.ts';
import type { AttemptVerdict } from '../../src/policies/durable-queue/handlers.ts';
import type { QueueLog } from '../../src/policies/durable-queue/queue-log.ts';
import { queueLog } from '../../src/storage/level-queue-log.ts';

interface Write {
  readonly name: string;
  readonly poison: boolean;
  readonly filler: Buffer;
  readonly sum: string;
}

const [folder, run, mode] = process.argv.slice(2) as [string, string, 'work' | 'drain'];
const KEYS = 5;

/** With the time of the machine's one monotonic clock. Survives a kill of this process: it is in the pipe when this returns. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\t${process.hrtime.bigint()}\n`);
  for (let sent = 0; sent < bytes.byteLength; ) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') throw error;
    }
  }
}

const sumOf = (name: string, filler: Buffer): string => createHash('md5').update(name).update(filler).digest('hex');
const chance = (share: number): boolean => Math.random() < share;

let up = mode === 'drain' || chance(0.5);

async function server(write: Write): Promise<void> {
  if (chance(0.5)) await sleep(Math.random() * 3);
  if (!up) throw Object.assign(new Error('away'), { verdict: 'unavailable' });
  if (sumOf(write.name, write.filler) !== write.sum) return say(`C ${write.name}`);
  if (write.poison) {
    say(`P ${write.name}`);
    throw Object.assign(new Error('WRONGTYPE'), { verdict: 'poison' });
  }
  say(`D ${write.name}`);
}

/** In every other life the disk is slow: what lies between writing and knowing takes long enough to be killed in. */
function slow(log: QueueLog): QueueLog {
  if (chance(0.5)) return log;
  const commit = log.commit.bind(log);
  log.commit = async (changes) => {
    await sleep(Math.random() * 15);
    await commit(changes);
    await sleep(Math.random() * 15);
  };
  return log;
}

const queue = await DurableQueue.open(slow(await queueLog(folder)), { replayPerSecond: 20_000, retryMs: 5, maxRetryMs: 20, adoptMs: 200 });
say('R');
const classify = (error: unknown): AttemptVerdict => (error as { verdict: AttemptVerdict }).verdict;
queue.handle<Write>('write', { deliver: server, classify });

let count = 0;

async function write(): Promise<void> {
  const key = Math.floor(Math.random() * KEYS);
  const name = `${run.padStart(6, '0')}.${String(++count).padStart(6, '0')} ${key}${chance(0.1) ? `,${(key + 1) % KEYS}` : ''}`;
  const keys = (name.split(' ')[1] as string).split(',');
  const filler = Buffer.alloc(Math.floor(Math.random() ** 4 * 20_000), name);
  const payload: Write = { name, poison: chance(0.02), filler, sum: sumOf(name, filler) };
  const direct = !queue.has(...keys) && !payload.poison && chance(0.7) ? queue.begin(keys) : undefined;
  if (direct !== undefined) {
    // Past the queue, as a guarded client does. Only one at a time here, since a server takes them in the order they are sent.
    try {
      if (!up) throw new Error('away');
      say(`D ${name}`);
      queue.passed(direct);
      return say(`A ${name}`);
    } catch {
      // To the queue, then.
    }
  }
  await queue.append({ handler: 'write', keys, payload, direct });
  say(`A ${name}`);
}

if (mode === 'drain') {
  while (queue.depth > 0) await sleep(10);
  await queue.close();
  say('E');
} else {
  for (;;) {
    await Promise.all(Array.from({ length: Math.ceil(Math.random() ** 3 * 20) }, write));
    if (chance(0.1)) up = !up;
    if (up && chance(0.5)) queue.resume();
    await sleep(Math.random() * 8);
  }
}
