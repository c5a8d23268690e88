// A program that knows nothing of us but the mark of stale answers: calls to all servers, each written down when it has ended, before anything else.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStale, policyMetersOf, staleAge, withStaleInfo } from 'otel-breaker';
import { random } from '../../soak/random.mjs';
import { httpLane } from './operations/http.mjs';
import { pgLane } from './operations/pg.mjs';
import { redisLane } from './operations/redis.mjs';
import { codeOf, typed } from './operations/support.mjs';

const { life, seed, perSecond, ports, database, log } = JSON.parse(process.argv[2]);
const marks = { isStale, staleAge, withStaleInfo };
const file = openSync(log, 'a');
/** Whoever is killed has said what it was told. */
const say = (line) => writeSync(file, `${JSON.stringify(line)}\n`);

for (const event of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(event, (error) => say({ trouble: `${event}: ${codeOf(error)} ${String(error?.stack).slice(0, 600)}` }));
}

const lanes = [
  ...ports.redis.map((port, index) => ({ name: `redis${index}`, ...redisLane(port, index, life, marks, typed) })),
  ...ports.pg.map((port, index) => ({ name: `pg${index}`, ...pgLane(port, database, marks, typed) })),
  ...ports.http.map((port, index) => ({ name: `http${index}`, ...httpLane(port, marks) })),
];
const next = random(seed + life);
const heapUsed = [];
let outstanding = 0;
let ids = 0;
let stopped = false;

async function follow(kind, id, from, promise) {
  outstanding += 1;
  let ended;
  try {
    ended = { outcome: 'ok', ...(await promise) };
  } catch (error) {
    ended = { outcome: codeOf(error), subject: id };
  }
  outstanding -= 1;
  say({ kind, from, to: Date.now(), ...ended });
}

function begin() {
  const lane = lanes[Math.floor(next() * lanes.length)];
  let left = next() * Object.values(lane.weights).reduce((sum, weight) => sum + weight, 0);
  const [kind, operation] = Object.entries(lane.operations).find(([name]) => {
    left -= lane.weights[name];
    return left < 0;
  });
  ids += 1;
  const id = `${life}.${ids}`;
  const from = Date.now();
  const name = `${lane.name} ${kind}`;
  const client = lane.pick(next);
  let made;
  try {
    made = operation(next, id, client);
  } catch (error) {
    // Nothing of the clients' throws at once.
    made = Promise.reject(Object.assign(new Error('thrown'), { code: `thrown ${codeOf(error)}` }));
  }
  for (const each of Array.isArray(made) ? made : [made]) void follow(name, id, from, each);
}

async function load() {
  const since = performance.now();
  for (let begun = 0; !stopped; begun += 1) {
    // Those whose time has come while the event loop was busy are made up for, within bounds.
    const due = Math.floor(((performance.now() - since) / 1_000) * perSecond);
    if (due - begun > perSecond) begun = due - perSecond;
    if (due <= begun || outstanding > 2_000) {
      await sleep(5);
      begun -= 1;
    } else begin();
  }
}

function report() {
  const { registry } = globalThis[Symbol.for('otel-breaker.registered')].handle;
  let queueDepth = 0;
  const breakers = registry.list().map((breaker) => {
    const meters = policyMetersOf(breaker);
    queueDepth += meters?.queue?.depth ?? 0;
    const attempts = [...(meters?.attempts.values() ?? [])];
    const sum = (of) => attempts.reduce((all, each) => all + each[of], 0);
    const types = ['stale', 'queue', 'tier'];
    return {
      ...{ name: breaker.name, state: breaker.state, inFlight: breaker.inFlight },
      ...{ places: meters?.bulkhead?.active ?? 0, waiting: meters?.bulkhead?.queued ?? 0 },
      ...{ repeatable: sum('count'), attempts: sum('sum'), mostAttempts: Math.max(0, ...attempts.map(({ max }) => max)) },
      fallbacks: Object.fromEntries(types.map((type) => [type, meters?.fallbacks(type, 'success') ?? 0])),
    };
  });
  return { outstanding, queueDepth, heapUsed, breakers };
}

let ticked = Date.now();
setInterval(() => {
  const now = Date.now();
  if (now - ticked > 300) say({ stall: [ticked, now] });
  ticked = now;
}, 50).unref();

setInterval(() => {
  globalThis.gc?.();
  heapUsed.push(process.memoryUsage().heapUsed);
}, 5_000).unref();

process.on('message', async ({ order }) => {
  if (order === 'start') void load();
  if (order === 'stop') stopped = true;
  if (order === 'end') {
    await Promise.allSettled(lanes.map(({ close }) => close()));
    process.disconnect();
    return;
  }
  process.send?.({ report: report() });
});
process.send({ ready: true });
