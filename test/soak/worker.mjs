// One of the two: the program under load, knowing nothing of us. Told over IPC when to begin and to end; tells what every
// operation came to. Which operation is the n-th is the same in both, and so is when it begins.
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchLane } from './operations/fetch.mjs';
import { pgLane } from './operations/pg.mjs';
import { redisLane } from './operations/redis.mjs';
import { codeOf } from './operations/support.mjs';
import { choice } from './random.mjs';
import { watchBreakers } from './worker-breakers.mjs';

const { prefix, seed, perSecond, lanes: wanted, sampleMs } = JSON.parse(process.argv[2]);
const makers = { redis: redisLane, pg: pgLane, fetch: fetchLane };
const mostOutstanding = 3_000;
const send = (message) => {
  if (process.connected) process.send(message);
};

for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(event, (error) => send({ trouble: { event, what: codeOf(error), stack: String(error?.stack).slice(0, 1_000) } }));
}
const breakers = watchBreakers(send);
const lanes = wanted.map(({ name, system, port }) => ({ name, ...makers[system](port, prefix) }));
const operations = lanes.flatMap((lane, index) =>
  Object.entries(lane.operations).map(([kind, run]) => ({ lane: index, kind, run, expected: lane.expected[kind], weight: lane.weights[kind] ?? 1 })),
);
const byLane = lanes.map((_, index) => operations.filter(({ lane }) => lane === index));

let results = [];
let outstanding = 0;
let begun = 0;

function pick(n) {
  const next = choice(seed, n);
  const some = byLane[Math.floor(next() * lanes.length)];
  let left = next() * some.reduce((sum, { weight }) => sum + weight, 0);
  for (const operation of some) {
    left -= operation.weight;
    if (left < 0) return operation;
  }
  return some[0];
}

async function begin(n) {
  const { lane, kind, run, expected } = pick(n);
  const from = Date.now();
  let outcome;
  if (outstanding >= mostOutstanding) outcome = 'left out';
  else {
    outstanding += 1;
    try {
      const value = JSON.stringify(await run(n));
      outcome = value === JSON.stringify(expected(n)) ? 'ok' : `wrong: ${value?.slice(0, 200)}`;
    } catch (error) {
      outcome = codeOf(error);
    }
    outstanding -= 1;
  }
  results.push([n, lane, kind, from, Date.now(), outcome]);
}

function flush() {
  if (results.length === 0) return;
  send({ results });
  results = [];
}

let timer;
function start(epoch) {
  timer = setInterval(() => {
    const due = ((Date.now() - epoch) * perSecond) / 1_000;
    while (begun < due) void begin(begun++);
  }, 10);
}

async function sample() {
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc();
    await sleep(5);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  return { at: Date.now(), heapUsed, external, rss, outstanding, begun, resources, ...breakers.now() };
}

const flushing = setInterval(flush, 200);
const sampling = setInterval(() => sample().then((taken) => send({ sample: taken })), sampleMs);

const orders = {
  start: ({ epoch }) => start(epoch),
  async status() {
    flush();
    return { outstanding, ...breakers.now() };
  },
  stop: () => clearInterval(timer),
  async finish() {
    flush();
    // Both lanes of a system end at one server.
    const ledgers = await Promise.all(lanes.filter(({ name }) => name.endsWith('direct')).map((lane) => lane.ledger()));
    clearInterval(sampling);
    await Promise.race([Promise.all(lanes.map((lane) => lane.close())), sleep(10_000, undefined, { ref: false })]);
    // Sockets that are kept open for the next request close in a few seconds.
    await sleep(6_000);
    const last = await sample();
    clearInterval(flushing);
    return { last, ledger: Object.assign({}, ...ledgers), breakers: breakers.report() };
  },
};
process.on('message', async ({ id, order, ...rest }) => {
  try {
    send({ id, answer: (await orders[order](rest)) ?? null });
  } catch (error) {
    send({ id, failure: String(error?.stack) });
  }
  // From here on nothing of it may keep the process.
  if (order === 'finish') process.disconnect();
});
await Promise.all(lanes.map((lane) => lane.ready()));
send({ ready: true });
