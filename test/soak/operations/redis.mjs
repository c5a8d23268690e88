// Every way a command is sent. Each operation has keys of its own, so what it comes to does not depend on the others.
import { Redis } from 'ioredis';
import { expectError, Waiters } from './support.mjs';

const range = (count) => Array.from({ length: count }, (_, index) => index);

export function redisLane(port, prefix) {
  const connect = (options = {}) => {
    const client = new Redis(port, '127.0.0.1', options);
    client.on('error', () => {});
    return client;
  };
  const redis = connect();
  const auto = connect({ enableAutoPipelining: true });
  const blocking = connect();
  const subscriber = connect();
  redis.defineCommand('twice', { numberOfKeys: 1, lua: 'return ARGV[1] * 2' });
  const messages = new Waiters();
  subscriber.on('message', (_channel, message) => messages.arrived(message));
  subscriber.subscribe(`${prefix}:news`).catch(() => {});
  const key = (n, rest = '') => `{${prefix}${n}}${rest}`;

  const operations = {
    async 'redis set get del'(n) {
      return [await redis.set(key(n), n), await redis.get(key(n)), await redis.del(key(n))];
    },
    'redis callback': (n) => new Promise((resolve, reject) => redis.echo(`${n}`, (error, value) => (error ? reject(error) : resolve(value)))),
    async 'redis call and Buffer'(n) {
      await redis.call('SET', key(n), 'x', 'EX', 60);
      return [(await redis.getBuffer(key(n))).toString('hex'), await redis.call('DEL', key(n))];
    },
    'redis pipeline': (n) => redis.pipeline().set(key(n), 1).incr(key(n)).get(key(n)).del(key(n)).exec(),
    'redis multi': (n) => redis.multi().incr(key(n)).incr(key(n)).del(key(n)).exec(),
    'redis script': (n) => redis.twice(key(n), n),
    'redis script in pipeline': (n) => redis.pipeline().twice(key(n), n).echo('e').exec(),
    async 'redis scan stream'(n) {
      await redis.hset(key(n), Object.fromEntries(range(40).map((field) => [field, field])));
      let found = 0;
      for await (const page of redis.hscanStream(key(n), { count: 10 })) found += page.length / 2;
      return [found, await redis.unlink(key(n))];
    },
    async 'redis automatic pipelining'(n) {
      await Promise.all(range(5).map((each) => auto.set(key(n, each), each)));
      const values = await Promise.all(range(5).map((each) => auto.get(key(n, each))));
      return [values, await auto.del(range(5).map((each) => key(n, each)))];
    },
    async 'redis blocking'(n) {
      const popping = blocking.blpop(key(n), 2);
      // What is pushed in vain is told at once, not when nothing has come.
      popping.catch(() => {});
      await redis.rpush(key(n), n);
      return (await popping)?.[1] ?? 'nothing';
    },
    'redis publish': (n) => messages.whenSent(`${n}`, redis.publish(`${prefix}:news`, n)),
    'redis wrong type': async (n) => {
      await redis.set(key(n), 'x', 'EX', 60);
      return expectError(redis.lpush(key(n), 1), 'WRONGTYPE');
    },
    async 'redis short-lived client'(n) {
      const client = n % 2 === 0 ? connect({ lazyConnect: true }) : redis.duplicate();
      client.on('error', () => {});
      try {
        return [await client.echo(`${n}`), await client.quit()];
      } finally {
        client.disconnect();
      }
    },
    'redis ledger': (n) => redis.sadd(`${prefix}:ledger`, n),
    'redis ledger multi': async (n) => {
      const answers = await redis.multi().sadd(`${prefix}:pairs`, `${n}a`).sadd(`${prefix}:pairs`, `${n}b`).exec();
      for (const [error] of answers) if (error !== null) throw error;
      return answers.length;
    },
  };
  const ok = (...values) => values.map((value) => [null, value]);
  const expected = {
    'redis set get del': (n) => ['OK', `${n}`, 1],
    'redis callback': (n) => `${n}`,
    'redis call and Buffer': () => ['78', 1],
    'redis pipeline': () => ok('OK', 2, '2', 1),
    'redis multi': () => ok(1, 2, 1),
    'redis script': (n) => n * 2,
    'redis script in pipeline': (n) => ok(n * 2, 'e'),
    'redis scan stream': () => [40, 1],
    'redis automatic pipelining': () => [range(5).map(String), 5],
    'redis blocking': (n) => `${n}`,
    'redis publish': () => 'arrived',
    'redis wrong type': () => 'WRONGTYPE',
    'redis short-lived client': (n) => [`${n}`, 'OK'],
    'redis ledger': () => 1,
    'redis ledger multi': () => 2,
  };
  return {
    operations,
    expected,
    weights: { 'redis set get del': 4, 'redis blocking': 0.7, 'redis short-lived client': 0.3 },
    ready: () => Promise.all([redis.ping(), auto.ping(), blocking.ping(), redis.twice(key('ready'), 1)]),
    async ledger() {
      return { 'redis ledger': await redis.smembers(`${prefix}:ledger`), 'redis ledger multi': await redis.smembers(`${prefix}:pairs`) };
    },
    close() {
      for (const client of [redis, auto, blocking, subscriber]) client.disconnect();
    },
  };
}
