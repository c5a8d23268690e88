// Makes one method of ours after the other throw, and says what each kind of call then comes to.

import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import pg from 'pg';

// A build that is not bundled: the preload's own classes are to be had.
const built = pathToFileURL(`${process.env.PLAIN_BUILD}/`);
const load = (file) => import(new URL(file, built));
const { Breaker } = await load('src/breaker/breaker.js');
const { Permit } = await load('src/breaker/permit.js');
const { Meters } = await load('src/breaker/meters.js');
const { Circuit } = await load('src/breaker/circuit.js');
const { InFlight } = await load('src/breaker/in-flight.js');
const { Registry } = await load('src/registry/registry.js');
const { ServerGroup } = await load('instrumentations/shared/admission.js');
const { TelemetryTracer } = await load('src/telemetry/tracer.js');

const targets = [
  [Registry, 'get'],
  [Breaker, 'tryAcquire'],
  [Breaker, 'settle'],
  [Breaker, 'rejection'],
  [Breaker, 'report'],
  [Breaker, 'enter'],
  [Permit, 'settle'],
  [Permit, 'fail'],
  [Permit, 'succeed'],
  [Permit, 'ignore'],
  [Permit, 'cancel'],
  [Meters, 'countCall'],
  [Circuit, 'present'],
  [Circuit, 'record'],
  [InFlight, 'add'],
  [InFlight, 'remove'],
  [ServerGroup, 'breaker'],
  [ServerGroup, 'settleWithFault'],
  [TelemetryTracer, 'admitted'],
  [TelemetryTracer, 'settled'],
];

const connection = { host: '127.0.0.1', port: Number(process.env.PG_PORT), user: 'postgres', database: 'postgres' };
const redis = new Redis(Number(process.env.REDIS_PORT), '127.0.0.1');
const deadUrl = process.env.DEAD_URL;
let pool;

const back = (resolve, reject, pick) => (error, value) => (error ? reject(error) : resolve(pick(value)));
const calls = {
  redisPromise: () => redis.get('key'),
  redisCallback: () =>
    new Promise((resolve, reject) =>
      redis.get(
        'key',
        back(resolve, reject, (value) => value),
      ),
    ),
  redisError: () => redis.lpush('key', 1).catch((error) => error.message.slice(0, 9)),
  pipeline: async () => JSON.stringify(await redis.pipeline().get('key').set('other', 1).exec()),
  multi: async () => JSON.stringify(await redis.multi().get('key').exec()),
  poolPromise: async () => (await pool.query('SELECT 1 AS a')).rows[0].a,
  poolCallback: () =>
    new Promise((resolve, reject) =>
      pool.query(
        'SELECT 1 AS a',
        back(resolve, reject, ({ rows }) => rows[0].a),
      ),
    ),
  poolError: () => pool.query('SELEC').catch((error) => error.code),
  checkout: async () => {
    const client = await pool.connect();
    try {
      return (await client.query('SELECT 2 AS a')).rows[0].a;
    } finally {
      client.release();
    }
  },
  transaction: async () => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query('SELECT 3 AS a');
      await client.query('COMMIT');
      return rows[0].a;
    } finally {
      client.release();
    }
  },
  client: async () => {
    const client = new pg.Client(connection);
    await client.connect();
    const { rows } = await client.query('SELECT 4 AS a');
    await client.end();
    return rows[0].a;
  },
  submittable: async () => {
    const client = await pool.connect();
    const query = client.query(new pg.Query('SELECT 5 AS a'));
    return new Promise((resolve, reject) => {
      let found;
      query.on('row', ({ a }) => (found = a));
      query.on('end', () => resolve(found)).on('error', reject);
    }).finally(() => client.release());
  },
  fetch: async () => (await fetch(process.env.UPSTREAM_URL)).status,
  fetchError: () => fetch(deadUrl).catch((error) => error.cause?.code),
};

const within = (call) => {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, 5_000, 'HUNG')));
  return Promise.race([call().catch((error) => `threw ${error.message}`), late]).finally(() => clearTimeout(timer));
};
const renewed = async () => {
  await pool?.end();
  pool = new pg.Pool({ ...connection, max: 2 });
  for (const breaker of globalThis[Symbol.for('otel-breaker.registry')].list()) breaker.reset();
};
const outcomes = async () => {
  const found = {};
  for (const [name, call] of Object.entries(calls)) found[name] = await within(call);
  return found;
};

const crashes = [];
process.on('uncaughtException', (error) => crashes.push(`uncaught ${error.message}`));
process.on('unhandledRejection', (error) => crashes.push(`unhandled ${error.message}`));
await redis.set('key', 'value');
await renewed();
console.log(JSON.stringify({ target: 'none', outcomes: await outcomes(), crashes, idle: pool.idleCount === pool.totalCount }));
for (const [type, method] of targets) {
  await renewed();
  const original = type.prototype[method];
  type.prototype[method] = () => {
    throw new Error('INJECTED');
  };
  const found = await outcomes();
  type.prototype[method] = original;
  console.log(
    JSON.stringify({ target: `${type.name}.${method}`, outcomes: found, crashes: crashes.splice(0), idle: pool.idleCount === pool.totalCount }),
  );
}
process.exit();
