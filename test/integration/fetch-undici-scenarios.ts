import { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline as pipe } from 'node:stream/promises';
import type * as Undici from 'undici';
import { describeError, seen } from './fetch-seen.ts';

export type Scenario = (undici: typeof Undici, url: string) => unknown;

const get = { method: 'GET' } as const;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const whole = async ({ statusCode, headers, body, trailers }: Undici.Dispatcher.ResponseData) => {
  const { date: _, ...rest } = headers;
  return { statusCode, headers: rest, trailers, text: await body.text() };
};
const sink = () => {
  const chunks: Buffer[] = [];
  return { chunks, stream: new Writable({ write: (chunk, _encoding, done) => done(void chunks.push(chunk)) }) };
};
async function* pieces(fail = false) {
  for (const piece of ['one ', 'two ', 'three']) {
    await pause(1);
    yield piece;
  }
  if (fail) throw new RangeError('source');
}
/** By a dispatcher of its own, which is closed at last. */
const by =
  <D extends Undici.Dispatcher>(
    make: (undici: typeof Undici, url: string) => D,
    use: (dispatcher: D, undici: typeof Undici, url: string) => unknown,
  ): Scenario =>
  async (undici, url) => {
    const dispatcher = make(undici, url);
    const result = await seen(() => use(dispatcher, undici, url));
    await dispatcher.destroy();
    return result;
  };
const agent = by(
  (undici) => new undici.Agent({ connections: 2 }),
  async (dispatcher, undici, url) => whole(await undici.request(`${url}/ok`, { dispatcher })),
);
const composed = (interceptor: (undici: typeof Undici) => unknown, path: string) =>
  by(
    (undici) => new undici.Agent().compose(interceptor(undici) as never),
    async (dispatcher, undici, url) => whole(await undici.request(`${url}${path}`, { dispatcher })),
  );

/** What a caller can do with npm undici, with the number of admissions, when not one. */
export const scenarios: Record<string, Scenario | [admissions: number, Scenario]> = {
  request: async ({ request }, url) => whole(await request(`${url}/ok`)),
  'request: a failing status': async ({ request }, url) => whole(await request(`${url}/status/503`)),
  'request: a stream as body': async ({ request }, url) => whole(await request(`${url}/echo`, { method: 'POST', body: Readable.from(pieces()) })),
  'request: an iterable as body': async ({ request }, url) => whole(await request(`${url}/echo`, { method: 'POST', body: pieces() as never })),
  'request: a body that fails': ({ request }, url) => request(`${url}/hang`, { method: 'POST', body: Readable.from(pieces(true)) }),
  'request: information': async ({ request }, url) => {
    const told: unknown[] = [];
    return [await whole(await request(`${url}/hints`, { onInfo: (info) => told.push(info.statusCode) })), told];
  },
  'request: an error of the status': async ({ request }, url) => (await request(`${url}/status/404`, { throwOnError: true } as never)).body.text(),
  'request: aborted with a reason': async ({ request }, url) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new RangeError('mine')), 20);
    return request(`${url}/hang`, { signal: controller.signal });
  },
  'request: an emitter that aborts': async ({ request }, url) => {
    const { EventEmitter } = await import('node:events');
    const emitter = new EventEmitter();
    setTimeout(() => emitter.emit('abort'), 20);
    return request(`${url}/hang`, { signal: emitter });
  },
  'request: aborted in the body': async ({ request }, url) => {
    const controller = new AbortController();
    const { body } = await request(`${url}/trickle`, { signal: controller.signal });
    body.once('data', () => controller.abort());
    return text(body);
  },
  'request: a body that is destroyed': async ({ request }, url) => {
    const { body } = await request(`${url}/trickle`);
    const errors: unknown[] = [];
    await new Promise((resolve) =>
      body
        .on('error', (error) => errors.push(describeError(error)))
        .on('close', resolve)
        .destroy(),
    );
    return errors;
  },
  'request: a body that breaks off': async ({ request }, url) => (await request(`${url}/cut`)).body.text(),
  'request: no time for headers': ({ request }, url) => request(`${url}/hang`, { headersTimeout: 20 }),
  'request: no HTTP': ({ request }, url) => request(`${url}/garbage`).catch((error: Error & { code?: string }) => [error.name, error.code]),
  'request: invalid': ({ request }, url) => request(`${url}/ok`, { method: 'a b' as never }),
  'request: a callback': by(
    (undici, url) => new undici.Client(url),
    (client) =>
      new Promise((resolve) =>
        client.request({ ...get, path: '/ok' }, (error, data) => resolve([error, data?.statusCode, data?.body.resume() !== undefined])),
      ),
  ),
  stream: async ({ stream }, url) => {
    const { chunks, stream: to } = sink();
    const { trailers } = await stream(`${url}/ok`, { ...get, opaque: 7 }, ({ statusCode, opaque }) =>
      to.setMaxListeners(statusCode + Number(opaque)),
    );
    return [trailers, Buffer.concat(chunks).toString(), to.getMaxListeners()];
  },
  'stream: a factory that throws': ({ stream }, url) =>
    stream(`${url}/ok`, get, () => {
      throw new RangeError('factory');
    }),
  'stream: a target that fails': ({ stream }, url) =>
    stream(`${url}/large`, get, () => new Writable({ write: (_chunk, _encoding, done) => done(new RangeError('target')) })),
  pipeline: async ({ pipeline }, url) => {
    const { chunks, stream } = sink();
    await pipe(
      Readable.from(pieces()),
      pipeline(`${url}/echo`, { method: 'POST' }, ({ body }) => body),
      stream,
    );
    return Buffer.concat(chunks).toString();
  },
  'pipeline: a source that fails': async ({ pipeline }, url) =>
    pipe(
      Readable.from(pieces(true)),
      pipeline(`${url}/echo`, { method: 'POST' }, ({ body }) => body),
      sink().stream,
    ),
  upgrade: by(
    (undici, url) => new undici.Client(url),
    async (client) => {
      const { headers, socket } = await client.upgrade({ path: '/', protocol: 'echo' });
      return [headers, await text(socket)];
    },
  ),
  connect: [
    0,
    by(
      (undici, url) => new undici.Client(url),
      async (client) => {
        const { statusCode, socket } = await client.connect({ path: 'example.org:80' });
        return [statusCode, await text(socket)];
      },
    ),
  ],
  'a Pool': [
    4,
    by(
      (undici, url) => new undici.Pool(url, { connections: 1 }),
      async (pool) => Promise.all([1, 2, 3, 4].map(async () => whole(await pool.request({ ...get, path: '/ok' })))),
    ),
  ],
  'a Pool with pipelining': [
    8,
    by(
      (undici, url) => new undici.Pool(url, { connections: 1, pipelining: 4 }),
      async (pool) => Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(async () => whole(await pool.request({ ...get, path: '/ok' })))),
    ),
  ],
  'a Pool that is destroyed': by(
    (undici, url) => new undici.Pool(url),
    async (pool) => {
      const pending = pool.request({ ...get, path: '/hang' });
      pending.catch(() => undefined);
      await pause(20);
      await pool.destroy(new RangeError('gone'));
      return pending;
    },
  ),
  'a Pool and its figures': by(
    (undici, url) => new undici.Pool(url),
    async (pool) => {
      await (await pool.request({ ...get, path: '/ok' })).body.dump();
      const { connected, free, pending, queued, running, size } = pool.stats;
      return { connected, free, pending, queued, running, size };
    },
  ),
  'an Agent': agent,
  'an Agent: fetch': by(
    (undici) => new undici.Agent(),
    async (dispatcher, undici, url) => (await undici.fetch(`${url}/gzip`, { dispatcher })).text(),
  ),
  'a BalancedPool': by(
    (undici, url) => new undici.BalancedPool([url]),
    async (pool) => whole(await pool.request({ ...get, path: '/ok' })),
  ),
  'a RetryAgent': [
    3,
    by(
      (undici) => new undici.RetryAgent(new undici.Agent(), { maxRetries: 2, minTimeout: 1, maxTimeout: 2, timeoutFactor: 1 }),
      async (dispatcher, undici, url) => undici.request(`${url}/reset`, { dispatcher }),
    ),
  ],
  'a RetryAgent that is told when': [
    2,
    by(
      (undici) => new undici.RetryAgent(new undici.Agent(), { maxRetries: 1, minTimeout: 1, maxTimeout: 2, timeoutFactor: 1 }),
      async (dispatcher, undici, url) => seen(async () => whole(await undici.request(`${url}/status/503`, { dispatcher }))),
    ),
  ],
  'the interceptor of redirects': [2, composed(({ interceptors }) => interceptors.redirect({ maxRedirections: 3 }), '/redirect/302')],
  'the interceptor of retries': [
    2,
    composed(({ interceptors }) => interceptors.retry({ maxRetries: 1, minTimeout: 1, maxTimeout: 2, timeoutFactor: 1 }), '/reset'),
  ],
  'the interceptor of bodies': composed(({ interceptors }) => interceptors.dump({ maxSize: 10 }), '/large'),
  'the interceptor of statuses': composed((undici) => undici.interceptors.responseError?.() ?? ((dispatch: unknown) => dispatch), '/status/404'),
  'an interceptor that answers by itself': [
    0,
    composed(
      () => () => (_options: unknown, handler: { onError?: (error: Error) => void; onResponseError?: (controller: null, error: Error) => void }) => {
        const error = new RangeError('mine');
        if (handler.onResponseError) handler.onResponseError(null, error);
        else handler.onError?.(error);
        return true;
      },
      '/ok',
    ),
  ],
  'a MockAgent': [
    0,
    by(
      (undici) => new undici.MockAgent(),
      async (mock, undici, url) => {
        mock.disableNetConnect();
        mock.get(url).intercept({ path: '/a' }).reply(201, { mocked: true }).times(2);
        mock.get(url).intercept({ path: '/b' }).replyWithError(new RangeError('mocked'));
        const first = await whole(await undici.request(`${url}/a`, { dispatcher: mock }));
        const second = await (await undici.fetch(`${url}/a`, { dispatcher: mock })).json();
        const third = await seen(() => undici.request(`${url}/b`, { dispatcher: mock }));
        return [first, second, third, mock.pendingInterceptors().length];
      },
    ),
  ],
  'a global dispatcher of its own': [
    3,
    async (undici, url) => {
      const before = undici.getGlobalDispatcher();
      const own = new undici.Agent({ connections: 1 });
      undici.setGlobalDispatcher(own);
      const all = await Promise.all([
        undici.request(`${url}/ok`).then(whole),
        undici.fetch(`${url}/ok`).then((r) => r.text()),
        fetch(`${url}/ok`).then((r) => r.text()),
      ]);
      undici.setGlobalDispatcher(before);
      await own.close();
      return all;
    },
  ],
};
