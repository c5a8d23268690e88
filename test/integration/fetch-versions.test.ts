import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Undici from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpAdmission } from '../../instrumentations/fetch/admission.ts';
import { guardGlobalFetch } from '../../instrumentations/fetch/global-fetch.ts';
import { RequestObserver } from '../../instrumentations/fetch/request-observer.ts';
import { undiciHook } from '../../instrumentations/fetch/undici-dispatch.ts';
import { setPolicyPorts } from '../../src/policies/ports.ts';
import { isStale } from '../../src/policies/stale-cache/stale-mark.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { httpRules } from '../../src/storage/http-rules.ts';

const require = createRequire(import.meta.url);
const nodeMajor = Number(process.versions.node.split('.')[0]);
const versions = ['undici6', 'undici', ...(nodeMajor >= 24 ? ['undici8'] : [])];
const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

let server: Server;
let url: string;
let requests = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    const { pathname } = new URL(request.url ?? '/', 'http://x');
    if (pathname === '/hang') return;
    if (pathname === '/503') response.writeHead(503, { 'retry-after': '20' }).end('busy');
    else if (pathname === '/to-ok') response.writeHead(302, { location: '/ok' }).end();
    else if (pathname === '/cut')
      response.writeHead(200, { 'content-length': 1_000 }).write('x', () => setTimeout(() => request.socket.destroy(), 5));
    else if (pathname === '/reset') request.socket.resetAndDestroy();
    else if (pathname === '/large') response.end(Buffer.alloc(4_000_000));
    else request.resume().on('end', () => response.end('ok'));
  });
  server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe.each(versions)('%s', (name) => {
  // Up to Node 24 its fetch speaks to handlers in the old way, which undici 8 does not know.
  const alien = name === 'undici8' && nodeMajor < 26;
  let undici: typeof Undici;
  let registry: Registry;
  let undo: (() => void)[];

  beforeEach(() => {
    undici = require(name) as typeof Undici;
    const manifest = require.resolve(`${name}/package.json`);
    const loaded = { file: '', version: (require(manifest) as { version: string }).version, directory: dirname(manifest) };
    registry = createRegistry();
    const admission = new HttpAdmission(() => registry);
    const observer = new RequestObserver();
    const hook = undiciHook(admission, observer);
    undo = [
      () => observer.stop(),
      hook.patch(require(`${name}/lib/dispatcher/dispatcher-base.js`), loaded) ?? (() => undefined),
      hook.patch(undici, { ...loaded, file: 'undici/index.js' }) ?? (() => undefined),
      guardGlobalFetch(admission, observer),
    ];
    requests = 0;
  });
  afterEach(() => {
    for (const each of undo.reverse()) each();
  });

  async function counts() {
    await vi.waitFor(() => expect(registry.get(url).inFlight).toBe(0), { timeout: 2_000, interval: 10 });
    const { success, failure, ignored, cancelled } = registry.get(url).snapshot().calls;
    return { success, failure, ignored, cancelled };
  }
  const nothing = { success: 0, failure: 0, ignored: 0, cancelled: 0 };
  const get = { path: '/', method: 'GET' } as const;

  describe('policies', () => {
    it('stand around its own fetch, with answers of its own class', async () => {
      const before = setPolicyPorts({ http: await httpRules() });
      try {
        registry.configure(() => ({ options: { retry: { attempts: 2, backoffMs: 1 }, timeoutMs: 2_000, fallback: { stale: {} } } }));
        const fresh = await undici.fetch(`${url}/ok`);
        expect([fresh instanceof undici.Response, fresh.clone() instanceof undici.Response, await fresh.text()]).toEqual([true, true, 'ok']);
        requests = 0;
        const form = new undici.FormData();
        form.append('a', '1');
        await expect(undici.fetch(`${url}/reset`, { method: 'PUT', body: form })).rejects.toThrow('fetch failed');
        expect(requests).toBe(2);
        registry.get(url).forceOpen('test');
        const stale = await undici.fetch(`${url}/ok`);
        expect([isStale(stale), stale instanceof undici.Response, stale.url, await stale.text()]).toEqual([true, true, `${url}/ok`, 'ok']);
        await expect(undici.fetch(`${url}/other`)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
      } finally {
        setPolicyPorts(before);
      }
      expect(registry.get(url).inFlight).toBe(0);
    });

    it('read-only mode and the rate limit hold for the rest of it', async () => {
      registry.configure(() => ({ options: { degraded: 'read-only', rateLimit: { limit: 2, intervalMs: 60_000 } } }));
      await expect(undici.request(url, { method: 'POST', body: 'x' })).rejects.toMatchObject({ code: 'EREADONLYMODE' });
      expect(requests).toBe(0);
      for (const way of [() => undici.request(url), () => new undici.Client(url).request(get)]) await (await way()).body.text();
      await expect(undici.request(url)).rejects.toMatchObject({ code: 'ERATELIMITED' });
      expect(requests).toBe(2);
      expect(registry.get(url).meters.rejections('read_only')).toBe(1);
    });

    it('are no business of calls without any', async () => {
      const { fetch: guarded } = undici;
      expect(await (await guarded(url)).text()).toBe('ok');
      expect([guarded.name, guarded.length]).toEqual(['fetch', 1]);
      expect(await counts()).toEqual({ ...nothing, success: 1 });
    });
  });

  describe('one admission per call', () => {
    const ways: Record<string, () => Promise<unknown>> = {
      request: async () => (await undici.request(url)).body.text(),
      fetch: async () => (await undici.fetch(url)).text(),
      stream: async () => undici.stream(url, { method: 'GET' }, () => new Writable({ write: (_chunk, _encoding, done) => done() })),
      pipeline: () =>
        new Promise((resolve) => {
          const pipeline = undici.pipeline(url, { method: 'POST' }, ({ body }) => body);
          pipeline.on('data', () => {}).on('end', resolve);
          pipeline.end('x');
        }),
      Pool: async () => (await new undici.Pool(url).request(get)).body.text(),
      Client: async () => (await new undici.Client(url).request(get)).body.text(),
      Agent: async () => (await new undici.Agent().request({ ...get, origin: url })).body.text(),
      upgrade: async () => (await new undici.Pool(url).upgrade({ path: '/', protocol: 'echo' })).socket.destroy(),
      'a MockAgent that lets it through': async () => (await undici.request(url, { dispatcher: new undici.MockAgent() })).body.text(),
    };
    it.each(Object.keys(ways))('by %s', async (way) => {
      await ways[way]?.();
      expect(await counts()).toEqual({ ...nothing, success: 1 });
    });

    it.skipIf(alien)('by the global fetch, however its dispatcher gets there', async () => {
      const named = url.replace('127.0.0.1', 'localhost');
      const { dns } = undici.interceptors;
      const dispatcher = new undici.Agent().compose(dns({ affinity: 4, dualStack: false })) as never;
      for (let i = 0; i < 2; i += 1) expect(await (await fetch(named, { dispatcher } as RequestInit)).text()).toBe('ok');
      expect(registry.list().map((breaker) => [breaker.name, breaker.snapshot().calls.success])).toEqual([[named, 2]]);
      expect(requests).toBe(2);
    });

    it.skipIf(alien)('by the global fetch that is redirected within its origin', async () => {
      const dispatcher = new undici.Agent() as never;
      expect(await (await fetch(`${url}/to-ok`, { dispatcher } as RequestInit)).text()).toBe('ok');
      expect(await counts()).toEqual({ ...nothing, success: 1 });
      expect(requests).toBe(2);
    });
  });

  describe('what the caller can see', () => {
    it('has no frame of ours between the client and his callback', async () => {
      const stacks: string[] = [];
      const note = (): void => void stacks.push(new Error('here').stack ?? '');
      const { promise, resolve } = withResolvers();
      new undici.Client(url).request(get, (_error, data) => {
        note();
        void data?.body.text().then(resolve);
      });
      await promise;
      await undici.stream(url, { method: 'GET' }, () => {
        note();
        return new Writable({ write: (_chunk, _encoding, done) => done() });
      });
      expect(stacks).toHaveLength(2);
      for (const stack of stacks) expect(stack).not.toContain('instrumentations/fetch');
    });

    it('keeps the very handler for the client', () => {
      const handler = {
        onConnect() {},
        onHeaders: () => true,
        onData: () => true,
        onComplete() {},
        onError() {},
        onRequestStart() {},
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd() {},
        onResponseError() {},
      };
      const client = new undici.Client(url);
      client.dispatch({ ...get, path: '/hang' }, handler as never);
      const [queue] = Object.getOwnPropertySymbols(client).filter(({ description }) => description === 'queue');
      const [request] = (client as unknown as Record<symbol, object[]>)[queue as symbol] as [Record<symbol, unknown>];
      const [own] = Object.getOwnPropertySymbols(request).filter(({ description }) => description === 'handler');
      if (name !== 'undici') expect(request[own as symbol]).toBe(handler);
      void client.destroy();
    });
  });

  describe('the outcome', () => {
    it('is read off the status, with its Retry-After', async () => {
      registry.get(url);
      registry.replace(url, { consecutiveFailures: 1 });
      const { body } = await undici.request(`${url}/503`);
      expect(await body.text()).toBe('busy');
      expect(await counts()).toEqual({ ...nothing, failure: 1 });
      expect(registry.get(url).snapshot().retryAfterMs).toBeGreaterThan(15_000);
      await expect(undici.request(url)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
      await expect(undici.fetch(url)).rejects.toMatchObject({ cause: { code: 'EBREAKEROPEN' } });
      await expect(new undici.Pool(url).request(get)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
      expect(requests).toBe(1);
    });

    it('is a failure when the connection is reset, or the body breaks off', async () => {
      await expect(undici.request(`${url}/reset`)).rejects.toThrow();
      await expect((await undici.request(`${url}/cut`)).body.text()).rejects.toThrow();
      expect(await counts()).toEqual({ ...nothing, failure: 2 });
    });

    it('is no failure of the server when the upload breaks off, with whatever error', async () => {
      const broken = () =>
        Readable.from(
          (async function* () {
            yield 'x';
            await sleep(20);
            throw reset;
          })(),
        );
      await expect(undici.request(`${url}/hang`, { method: 'POST', body: broken() })).rejects.toBe(reset);
      const init = () => ({ method: 'POST', body: Readable.toWeb(broken()), duplex: 'half' });
      await expect(fetch(`${url}/hang`, init() as RequestInit)).rejects.toThrow();
      await expect(undici.fetch(`${url}/hang`, init() as never)).rejects.toThrow();
      const { failure } = await counts();
      expect(failure).toBe(0);
    });

    it('is no failure of the server when what reads the download breaks off, with whatever error', async () => {
      const { body } = await undici.request(`${url}/large`);
      body.on('error', () => {}).destroy(reset);
      await (await fetch(`${url}/large`)).body?.cancel(reset);
      await (await undici.fetch(`${url}/large`)).body?.cancel(reset);
      expect(await counts()).toEqual({ ...nothing, success: 3 });
    });

    it('is known of every call, though its pool is destroyed, its client closed or its caller gone', async () => {
      const pool = new undici.Pool(url, { connections: 1 });
      const waiting = [1, 2, 3].map(() => pool.request({ ...get, path: '/hang' }).catch(() => undefined));
      await sleep(20);
      await pool.destroy();
      await Promise.all(waiting);
      await new undici.Pool(url).request({ ...get, method: 'a b' as 'GET' }).catch(() => undefined);
      const controller = new AbortController();
      const queued = new undici.Pool(url, { connections: 1 });
      const aborted = [1, 2].map(() => queued.request({ ...get, path: '/hang', signal: controller.signal }).catch(() => undefined));
      await sleep(20);
      controller.abort(reset);
      await Promise.all(aborted);
      const { success, failure } = await counts();
      expect({ success, failure }).toEqual({ success: 0, failure: 0 });
    });
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}
