import { Redis } from 'ioredis';

/** Written by somebody else all the time. */
export const questions = ['v:0', 'v:1', 'v:2', 'v:3'];
const ownKeys = 8;

/** One server as seen through one port, by a plain client and one with autopipelining. */
export function redisLane(port, lane, life, { isStale, staleAge, withStaleInfo }, typed) {
  const made = [false, true].map((enableAutoPipelining) => {
    const client = new Redis({
      ...{ port, host: '127.0.0.1', enableAutoPipelining, retryStrategy: () => 100, connectTimeout: 1_000 },
      // What the client sends again by itself nobody could tell from what we do.
      ...{ autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 1 },
    });
    client.on('error', () => {});
    return client;
  });
  const orders = new Map();
  const read = async (subject, ask) => {
    const { value, stale, ageMs } = await withStaleInfo(ask);
    if (stale !== isStale(value) && typeof value === 'object' && value !== null) throw new Error('the mark is not on the answer');
    return { subject, value: typed(value), stale: stale ? (staleAge(value) ?? ageMs) : undefined };
  };
  /** A pipeline as a whole succeeds even if its commands do not. */
  const first = ([[error, value]]) => {
    if (error) throw error;
    return typeof value;
  };
  const of = (next, list) => list[Math.floor(next() * list.length)];

  return {
    operations: {
      get: (next, _id, client) => {
        const key = of(next, questions);
        return read(`get ${key}`, () => client.get(key));
      },
      buffer: (next, _id, client) => {
        const key = of(next, questions);
        return read(`buffer ${key}`, () => client.getBuffer(key));
      },
      many: (_next, _id, client) => read(`many ${questions.join()}`, () => client.mget(questions)),
      /** Some in a row without waiting: their order is that of the calls. */
      write: (next) => {
        const number = Math.floor(next() * ownKeys);
        const key = `w:${lane}:${number}`;
        const client = made[number % made.length];
        return Array.from({ length: 1 + Math.floor(next() * 3) }, () => {
          const order = (orders.get(key) ?? life * 1_000_000) + 1;
          orders.set(key, order);
          const value = String(order);
          const set = order % 3 === 0 ? client.set(key, value, 'EX', 3_600) : client.set(key, value);
          return set.then((reply) => ({ subject: key, order, value: reply }));
        });
      },
      own: (next) => {
        const number = Math.floor(next() * ownKeys);
        const key = `w:${lane}:${number}`;
        return read(key, () => made[number % made.length].get(key));
      },
      push: async (_next, id, client) => ({ subject: id, value: typeof (await client.rpush('pushed', id)) }),
      pipeline: async (_next, id, client) => ({ subject: id, value: first(await client.pipeline().rpush('pushed', id).ping().exec()) }),
      multi: async (_next, id, client) => ({ subject: id, value: first(await client.multi().rpush('pushed', id).exec()) }),
    },
    weights: { get: 3, buffer: 1, many: 1, write: 3, own: 2, push: 1, pipeline: 0.5, multi: 0.5 },
    writes: ['write', 'push', 'pipeline', 'multi'],
    pick: (next) => of(next, made),
    close: () => made.map((client) => client.disconnect()),
  };
}
