import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import type * as Undici from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';

let undici: typeof Undici;
let registry: Registry;
let instrumentation: FetchBreakerInstrumentation;
let server: Server;
let url: string;
let requests = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    if (request.url === '/hang') return;
    if (request.url === '/503') response.writeHead(503, { 'retry-after': '20' }).end('busy');
    else if (request.url === '/cut')
      response.writeHead(200, { 'content-length': 1_000 }).write('x', () => setTimeout(() => request.socket.destroy(), 5));
    else if (request.url === '/reset') request.socket.resetAndDestroy();
    else if (request.url === '/unread') response.writeHead(200).write(Buffer.alloc(1_000_000));
    else request.resume().on('end', () => response.end('ok'));
  });
  server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Loaded after the first of them is enabled, as in an application that preloads us.
  new FetchBreakerInstrumentation({ registry: createRegistry() }).disable();
  undici = await import('undici');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  registry = createRegistry();
  instrumentation = new FetchBreakerInstrumentation({ registry });
  requests = 0;
});
afterEach(() => instrumentation.disable());

async function counts() {
  await vi.waitFor(() => expect(registry.get(url).inFlight).toBe(0), { timeout: 2_000, interval: 10 });
  const { calls, window } = registry.get(url).snapshot();
  const { success, failure, ignored, cancelled } = calls;
  return { success, failure, ignored, cancelled, failures: window.failures };
}
const nothing = { success: 0, failure: 0, ignored: 0, cancelled: 0, failures: 0 };
const get = { path: '/', method: 'GET' } as const;

describe('a call by npm undici is one admission', () => {
  const ways: Record<string, () => Promise<unknown>> = {
    request: async () => (await undici.request(url)).body.text(),
    fetch: async () => (await undici.fetch(url)).text(),
    'the global fetch, which uses its dispatcher': async () => (await fetch(url)).text(),
    stream: async () => undici.stream(url, { method: 'GET' }, () => new Writable({ write: (_chunk, _encoding, done) => done() })),
    'an Agent': async () => (await new undici.Agent().request({ ...get, origin: url })).body.text(),
    'a Pool': async () => (await new undici.Pool(url).request(get)).body.text(),
    'a Client': async () => (await new undici.Client(url).request(get)).body.text(),
    'a BalancedPool': async () => (await new undici.BalancedPool([url]).request(get)).body.text(),
    'a composed dispatcher': async () => {
      const composed = new undici.Pool(url).compose((dispatch) => (options, handler) => dispatch(options, handler));
      return (await composed.request(get)).body.text();
    },
    'fetch by a dispatcher of its own': async () => (await undici.fetch(url, { dispatcher: new undici.Agent() })).text(),
    'a callback': () => new Promise((resolve) => new undici.Client(url).request(get, (_error, data) => resolve(data?.body.text()))),
    pipeline: () =>
      new Promise((resolve) => {
        const pipeline = undici.pipeline(url, { method: 'POST' }, ({ body }) => body);
        pipeline.on('data', () => {}).on('end', resolve);
        pipeline.end('x');
      }),
  };

  it.each(Object.keys(ways))('%s', async (way) => {
    await ways[way]?.();
    expect(await counts()).toEqual({ ...nothing, success: 1 });
    expect(requests).toBe(1);
  });

  it('an upgrade', async () => {
    const { socket } = await new undici.Client(url).upgrade({ path: '/', protocol: 'echo' });
    socket.destroy();
    expect(await counts()).toEqual({ ...nothing, success: 1 });
  });

  it('waiting for a free connection of its pool', async () => {
    for (const pool of [
      new undici.Pool(url, { connections: 1 }),
      new undici.Pool(url, { connections: 1 }).compose((dispatch) => dispatch.bind(undefined)),
    ]) {
      await Promise.all([1, 2, 3].map(async () => (await pool.request(get)).body.text()));
    }
    expect(await counts()).toEqual({ ...nothing, success: 6 });
  });

  it('made while the global fetch waits for a connection as well', async () => {
    const before = undici.getGlobalDispatcher();
    undici.setGlobalDispatcher(new undici.Agent({ connections: 1 }));
    await Promise.all([1, 2, 3].map(async () => (await fetch(url)).text()));
    undici.setGlobalDispatcher(before);
    expect(await counts()).toEqual({ ...nothing, success: 3 });
  });

  it('and each attempt of a retrying agent is one', async () => {
    const agent = new undici.RetryAgent(new undici.Agent(), { maxRetries: 2, minTimeout: 1, maxTimeout: 2, retryAfter: false });
    await expect(agent.request({ ...get, path: '/reset', origin: url })).rejects.toThrow();
    expect(await counts()).toEqual({ ...nothing, failure: 3, failures: 3 });
  });
});

describe('an outcome by npm undici', () => {
  it('is read off the status, with its Retry-After', async () => {
    registry.get(url);
    registry.replace(url, { consecutiveFailures: 1 });
    const { statusCode, body } = await undici.request(`${url}/503`);
    expect([statusCode, await body.text()]).toEqual([503, 'busy']);
    expect(await counts()).toEqual({ ...nothing, failure: 1, failures: 1 });
    expect(registry.get(url).snapshot().retryAfterMs).toBeGreaterThan(15_000);
  });

  it('is a failure when the body breaks off', async () => {
    const { body } = await undici.request(`${url}/cut`);
    await expect(body.text()).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
    expect(await counts()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('is a success when nobody reads the body', async () => {
    const { body } = await undici.request(`${url}/unread`);
    expect(await counts()).toEqual({ ...nothing, success: 1 });
    body.on('error', () => {}).destroy();
  });

  it("is no failure when the caller's signal ended it, unless that was a deadline", async () => {
    const controller = new AbortController();
    const reason = Object.assign(new Error('mine'), { code: 'ECONNRESET' });
    setTimeout(() => controller.abort(reason), 20);
    await expect(undici.request(`${url}/hang`, { signal: controller.signal })).rejects.toBe(reason);
    await expect(undici.request(`${url}/hang`, { signal: AbortSignal.timeout(20) })).rejects.toThrow('timeout');
    await expect(undici.request(`${url}/hang`, { headersTimeout: 20 })).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' });
    expect(await counts()).toEqual({ ...nothing, cancelled: 1, failure: 2, failures: 2 });
  });

  it("proves nothing when it was undici's own refusal", async () => {
    const client = new undici.Client(url);
    await client.close();
    await expect(client.request(get)).rejects.toMatchObject({ code: 'UND_ERR_DESTROYED' });
    await expect(undici.request(url, { method: 'a b' as 'GET' })).rejects.toMatchObject({ code: 'UND_ERR_INVALID_ARG' });
    expect(await counts()).toEqual({ ...nothing, ignored: 2 });
    await expect(new undici.Client(url).request(undefined as never)).rejects.toMatchObject({ code: 'UND_ERR_INVALID_ARG' });
    expect(() => new undici.Client(url).dispatch(get, undefined as never)).toThrow('handler must be an object');
  });
});

describe('a refusal by npm undici', () => {
  beforeEach(() => registry.get(url).forceOpen());

  it('reaches the caller as an error of the connection would, and nothing the server', async () => {
    const refusal = { name: 'BreakerOpenError', code: 'EBREAKEROPEN', breaker: url };
    await expect(undici.request(url)).rejects.toMatchObject(refusal);
    await expect(new undici.Pool(url).request(get)).rejects.toMatchObject(refusal);
    await expect(undici.fetch(url)).rejects.toMatchObject({ name: 'TypeError', cause: refusal });
    await expect(undici.stream(url, { method: 'GET' }, () => new Writable())).rejects.toMatchObject(refusal);
    const composed = new undici.Pool(url).compose((dispatch) => (options, handler) => dispatch(options, handler));
    await expect(composed.request(get)).rejects.toMatchObject(refusal);
    expect(requests).toBe(0);
  });

  it('comes after dispatch has returned', async () => {
    const seen: string[] = [];
    const handler = { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete() {}, onError: () => void seen.push('error') };
    new undici.Client(url).dispatch(get, handler);
    seen.push('returned');
    await Promise.resolve();
    expect(seen).toEqual(['returned', 'error']);
  });
});

describe('a MockAgent', () => {
  it('answers as ever, whatever the circuit of the real server says', async () => {
    const before = undici.getGlobalDispatcher();
    const mock = new undici.MockAgent();
    mock.disableNetConnect();
    undici.setGlobalDispatcher(mock);
    mock.get(url).intercept({ path: '/' }).reply(200, 'mocked').times(3);
    mock
      .get(url)
      .intercept({ path: '/bad' })
      .replyWithError(Object.assign(new Error('mocked'), { code: 'ECONNREFUSED' }))
      .times(2);
    registry.get(url).forceOpen();
    expect(await (await undici.request(url)).body.text()).toBe('mocked');
    expect(await (await undici.fetch(url)).text()).toBe('mocked');
    expect(await (await fetch(url)).text()).toBe('mocked');
    registry.get(url).release();
    await expect(fetch(`${url}/bad`)).rejects.toThrow('fetch failed');
    await expect(undici.request(`${url}/bad`)).rejects.toThrow('mocked');
    await expect(undici.request(`${url}/unknown`)).rejects.toMatchObject({ code: 'UND_MOCK_ERR_MOCK_NOT_MATCHED' });
    undici.setGlobalDispatcher(before);
    expect(await counts()).toEqual(nothing);
    expect(registry.get(url).state).toBe('closed');
  });

  it('lets through to the network what the breaker admits', async () => {
    const mock = new undici.MockAgent();
    mock.enableNetConnect();
    expect(await (await undici.request(url, { dispatcher: mock })).body.text()).toBe('ok');
    expect(await counts()).toEqual({ ...nothing, success: 1 });
  });
});

describe('removal', () => {
  it('restores the dispatch of undici exactly', async () => {
    const base = Object.getPrototypeOf(undici.Client.prototype) as { dispatch: unknown };
    const guarded = base.dispatch;
    instrumentation.disable();
    const bare = base.dispatch;
    expect(bare).not.toBe(guarded);
    instrumentation.enable();
    expect(base.dispatch).not.toBe(bare);
    instrumentation.disable();
    expect(base.dispatch).toBe(bare);
    await (await undici.request(url)).body.text();
    expect(registry.list()).toEqual([]);
  });
});
