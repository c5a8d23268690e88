// What a program can observe of its clients, as plain data that is the same in every run: functions, errors with their stacks,
// async contexts, in which turn calls settle, what becomes of rejections that nobody handles.
const { AsyncLocalStorage } = require('node:async_hooks');

exports.observe = async ({ Redis, redis, pg, pool }) => {
  // Frames of ours are left out below; they must not push out others.
  Error.stackTraceLimit = 50;
  await Promise.all([redis.set('text', 'x'), redis.del('none'), pool.query('SELECT 1')]);
  return {
    functions: functions({ Redis, redis, pg }),
    classes: [
      redis instanceof Redis,
      Object.getPrototypeOf(redis) === Redis.prototype,
      pool instanceof pg.Pool,
      redis.get('none') instanceof Promise,
    ],
    errors: await errors({ redis, pool }),
    contexts: await contexts({ redis, pool }),
    turns: await turns({ Redis, redis, pg, pool }),
    unhandled: await unhandled({ redis, pool }),
  };
};

function functions({ Redis, redis, pg }) {
  const owners = { redis: Redis.prototype, pipeline: Object.getPrototypeOf(redis.pipeline()), cluster: Redis.Cluster.prototype };
  Object.assign(owners, { pool: pg.Pool.prototype, client: pg.Client.prototype, global: globalThis });
  const names = ['sendCommand', 'exec', 'setStatus', 'connect', 'disconnect', 'query', 'end', 'duplicate', 'fetch', '_connect'];
  const found = Object.entries(owners).flatMap(([owner, object]) =>
    names.flatMap((key) => {
      const { value, ...flags } = Object.getOwnPropertyDescriptor(object, key) ?? {};
      if (typeof value !== 'function') return [];
      const { name, length } = value;
      const kind = Object.getPrototypeOf(value).constructor.name;
      return [[`${owner}.${key}`, { name, length, kind, prototype: Object.hasOwn(value, 'prototype'), flags }]];
    }),
  );
  return Object.fromEntries(found);
}

async function errors({ redis, pool }) {
  const client = await pool.connect();
  const failing = {
    async command() {
      await redis.lpush('text', 1);
    },
    async transaction() {
      await redis.multi().set('text', 1).call('nonsense').exec();
    },
    async poolQuery() {
      await pool.query('SELEKT');
    },
    async clientQuery() {
      await client.query('SELEKT');
    },
    async fetchUrl() {
      await fetch('nonsense');
    },
    async fetchNobody() {
      await fetch('http://127.0.0.1:2/');
    },
    async fetchAborted() {
      await fetch('http://127.0.0.1:2/', { signal: AbortSignal.abort() });
    },
  };
  const found = {};
  for (const [name, call] of Object.entries(failing)) found[name] = await call().then(() => 'none', plain);
  client.release();
  return found;
}

function plain(error) {
  const { name, message, stack = '', cause } = error;
  const own = Object.keys(error).map((key) => [key, typeof error[key]]);
  // The frames of the program, and of the client without its lines; ours stand between them.
  const frames = stack
    .split('\n')
    .filter((line) => line.startsWith('    at ') && !/node:internal|otel-breaker|\/dist\//.test(line))
    .map((line) => line.trim().replace(/:\d+:\d+\)?$/, ''));
  return { name, message, own, type: error.constructor.name, frames, cause: cause === undefined ? undefined : plain(cause) };
}

async function contexts({ redis, pool }) {
  const store = new AsyncLocalStorage();
  const client = await pool.connect();
  const calls = {
    command: (done) => redis.get('none', done),
    pipeline: (done) => redis.pipeline().get('none').exec(done),
    poolQuery: (done) => pool.query('SELECT 1', done),
    clientQuery: (done) => client.query('SELECT 1', done),
    connect: (done) =>
      pool.connect((error, checkedOut, release) => {
        done(error, checkedOut);
        release?.();
      }),
    promise: (done) => redis.get('none').then(done),
    fetch: (done) => fetch('http://127.0.0.1:2/').catch(done),
  };
  const found = {};
  for (const [name, call] of Object.entries(calls)) {
    found[name] = await new Promise((resolve) => store.run(name, () => call((...args) => resolve([store.getStore(), args.length]))));
  }
  client.release();
  return found;
}

/** How many turns of the microtask queue pass until a call has settled, from when its answer is here or, if it fails at once, from the call. */
async function turns({ Redis, redis, pg, pool }) {
  const client = await pool.connect();
  const refusing = new Redis({ port: 1, host: '127.0.0.1', lazyConnect: true, enableOfflineQueue: false });
  refusing.on('error', () => {});
  refusing.status = 'connecting';
  const ended = new pg.Pool();
  await ended.end();
  const at = (emitter, event) => (count) => emitter.once(event, count);
  const now = (count) => count();
  const found = {
    command: await turnsUntil(() => redis.get('none'), at(redis.stream, 'data')),
    pipeline: await turnsUntil(() => redis.pipeline().get('none').exec(), at(redis.stream, 'data')),
    clientQuery: await turnsUntil(() => client.query('SELECT 1'), at(client.connection, 'readyForQuery')),
    offline: await turnsUntil(() => refusing.get('none'), now),
    ended: await turnsUntil(() => ended.query('SELECT 1'), now),
    badUrl: await turnsUntil(() => fetch('nonsense'), now),
    aborted: await turnsUntil(() => fetch('http://127.0.0.1:2/', { signal: AbortSignal.abort() }), now),
  };
  client.release();
  refusing.disconnect();
  return found;
}

async function turnsUntil(call, whenAnswered) {
  let turn = 0;
  let settledAt;
  const settled = () => (settledAt ??= turn);
  const promise = call();
  whenAnswered(() => {
    const next = () => {
      turn += 1;
      if (turn < 50 && settledAt === undefined) queueMicrotask(next);
    };
    queueMicrotask(next);
  });
  await promise.then(settled, settled);
  await new Promise(setImmediate);
  return settledAt;
}

async function unhandled({ redis, pool }) {
  const found = [];
  const hear = (reason) => found.push(reason.message);
  process.on('unhandledRejection', hear);
  redis.lpush('text', 1);
  redis.lpush('text', 1, () => {});
  pool.query('SELEKT 1');
  pool.query('SELEKT 2', () => {});
  fetch('http://127.0.0.1:2/');
  for (let waited = 0; found.length < 3 && waited < 5_000; waited += 20) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.off('unhandledRejection', hear);
  return found.sort();
}
