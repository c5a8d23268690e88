import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { refusalsInARow } from '../../instrumentations/fetch/defaults.ts';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';

let upstream: HttpUpstreamHandle;
let registry: Registry;
let instrumentation: FetchBreakerInstrumentation;
/** Whatever the upstream helper does not do: redirects, endless bodies. */
let odd: Server;
let oddUrl: string;
/** A port that nobody listens on. */
let nobody: number;

const oddities: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/events': (_request, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n'),
  '/to-ok': (_request, response) => void response.writeHead(302, { location: '/ok' }).end(),
  '/to-upstream': (_request, response) => void response.writeHead(302, { location: `${upstream.url}/there` }).end(),
  '/to-nowhere': (_request, response) => void response.writeHead(302, { location: `http://127.0.0.1:${nobody}/` }).end(),
  '/cut-late': (request, response) => {
    response.writeHead(200, { 'content-length': 1_000 }).write('x');
    setTimeout(() => request.socket.resetAndDestroy(), 250);
  },
};

beforeAll(async () => {
  upstream = await startHttpUpstream();
  nobody = await freePort();
  odd = createServer((request, response) => {
    const odd = oddities[request.url ?? ''];
    if (odd === undefined) response.end('ok');
    else odd(request, response);
  });
  await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
  oddUrl = `http://127.0.0.1:${(odd.address() as AddressInfo).port}`;
});
afterAll(async () => {
  odd.closeAllConnections();
  odd.close();
  await upstream.stop();
});
beforeEach(async () => {
  await upstream.behave({ mode: 'ok' });
  registry = createRegistry();
  instrumentation = new FetchBreakerInstrumentation({ registry });
});
afterEach(() => instrumentation.disable());

const snapshotOf = (url: string) => registry.get(url).snapshot();
/** What became of the calls, when no permit is out any more. */
async function counts(url = upstream.url) {
  await vi.waitFor(() => expect(snapshotOf(url).inFlight).toBe(0), { timeout: 2_000, interval: 10 });
  const { calls, window } = snapshotOf(url);
  const { success, failure, ignored, cancelled } = calls;
  return { success, failure, ignored, cancelled, failures: window.failures };
}
const nothing = { success: 0, failure: 0, ignored: 0, cancelled: 0, failures: 0 };

describe('fetch of a real upstream', () => {
  it('works as ever, and counts', async () => {
    const response = await fetch(`${upstream.url}/x`, { headers: { a: 'b' } });
    expect(response).toBeInstanceOf(Response);
    expect(await response.json()).toMatchObject({ url: '/x' });
    expect(await counts()).toEqual({ ...nothing, success: 1 });
  });

  it('takes a 404 for the request, a 503 for the server', async () => {
    await upstream.behave({ mode: 'status', status: 404 });
    await (await fetch(upstream.url)).text();
    await upstream.behave({ mode: 'status', status: 503 });
    const response = await fetch(upstream.url);
    expect(response.status).toBe(503);
    await response.text();
    expect(await counts()).toEqual({ ...nothing, success: 1, failure: 1, failures: 1 });
  });

  it.each([
    ['seconds', '9', 8_000],
    ['a date', new Date(Date.now() + 60_000).toUTCString(), 40_000],
  ])('honours a Retry-After in %s', async (_form, retryAfter, atLeast) => {
    registry.get(upstream.url);
    registry.replace(upstream.url, { consecutiveFailures: 1 });
    await upstream.behave({ mode: 'status', status: 429, retryAfter });
    await (await fetch(upstream.url)).text();
    expect(snapshotOf(upstream.url).state).toBe('open');
    expect(snapshotOf(upstream.url).retryAfterMs).toBeGreaterThan(atLeast);
    await expect(fetch(upstream.url)).rejects.toMatchObject({ code: 'EBREAKEROPEN', cause: { status: 429 } });
  });

  it('counts a reset connection, and hands on its error', async () => {
    await upstream.behave({ mode: 'reset' });
    await expect(fetch(upstream.url)).rejects.toMatchObject({ name: 'TypeError', message: 'fetch failed' });
    expect(await counts()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('counts a body that breaks off as one failure', async () => {
    await upstream.behave({ mode: 'cut' });
    const response = await fetch(upstream.url);
    await expect(response.text()).rejects.toThrow('terminated');
    expect(await counts()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('counts a body that breaks off late as a failure more', async () => {
    await expect((await fetch(`${oddUrl}/cut-late`)).text()).rejects.toThrow('terminated');
    expect(await counts(oddUrl)).toEqual({ ...nothing, success: 1, failures: 1 });
  });

  it('gives the permit back of a body that nobody reads, or that never ends', async () => {
    const responses = [await fetch(`${oddUrl}/events`), await fetch(`${oddUrl}/events`)];
    expect(await counts(oddUrl)).toEqual({ ...nothing, success: 2 });
    await Promise.all(responses.map((response) => response.body?.cancel()));
    await sleep(20);
    expect(await counts(oddUrl)).toEqual({ ...nothing, success: 2 });
  });

  it('opens where nobody listens, but not for one refused connection', async () => {
    await upstream.kill();
    for (let i = 0; i < refusalsInARow; i += 1) await expect(fetch(upstream.url)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await expect(fetch(upstream.url)).rejects.toMatchObject({ code: 'EBREAKEROPEN', cause: { cause: { code: 'ECONNREFUSED' } } });
    expect(snapshotOf(upstream.url).lastTrip?.trigger).toBe('connection');
    await upstream.restart();
  });

  it('says nothing of the server when the request itself is at fault', async () => {
    await expect(fetch(upstream.url, { method: 'GET', body: 'x' })).rejects.toThrow(TypeError);
    await expect(fetch(upstream.url, { headers: { 'a b': 'c' } })).rejects.toThrow(TypeError);
    expect(await counts()).toEqual({ ...nothing, ignored: 2 });
  });

  it("leaves the original's own refusals to it", async () => {
    await expect((fetch as () => Promise<unknown>)()).rejects.toThrow(TypeError);
    await expect(fetch('http://')).rejects.toThrow('Failed to parse URL');
    expect(await (await fetch('data:text/plain,hello')).text()).toBe('hello');
    expect(registry.list()).toEqual([]);
  });
});

describe('an abort', () => {
  it('before the answer is no failure, and its reason reaches the caller', async () => {
    await upstream.behave({ mode: 'hang' });
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    setTimeout(() => controller.abort(reason), 20);
    await expect(fetch(upstream.url, { signal: controller.signal })).rejects.toBe(reason);
    expect(await counts()).toEqual({ ...nothing, cancelled: 1 });
  });

  it('by a deadline is a failure: the server did not answer in time', async () => {
    await upstream.behave({ mode: 'hang' });
    await expect(fetch(upstream.url, { signal: AbortSignal.timeout(30) })).rejects.toThrow(/aborted due to timeout/);
    expect(await counts()).toEqual({ ...nothing, failure: 1, failures: 1 });
  });

  it('while the body is read is the success that the headers were', async () => {
    const controller = new AbortController();
    const response = await fetch(`${oddUrl}/events`, { signal: controller.signal });
    controller.abort();
    await expect(response.text()).rejects.toThrow();
    expect(await counts(oddUrl)).toEqual({ ...nothing, success: 1 });
  });

  it('while the request body is sent is no failure', async () => {
    const controller = new AbortController();
    const body = new ReadableStream({
      pull: async (stream) => {
        stream.enqueue(new Uint8Array(10));
        await sleep(5);
      },
    });
    setTimeout(() => controller.abort(), 40);
    const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit;
    await expect(fetch(upstream.url, init)).rejects.toThrow();
    expect(await counts()).toEqual({ ...nothing, cancelled: 1 });
  });
});

describe('requests of every kind', () => {
  it('stream their bodies as ever', async () => {
    const chunks = ['one', 'two', 'three'];
    const body = new ReadableStream({
      pull(stream) {
        const chunk = chunks.shift();
        if (chunk === undefined) stream.close();
        else stream.enqueue(new TextEncoder().encode(chunk));
      },
    });
    const response = await fetch(upstream.url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(await response.json()).toMatchObject({ method: 'POST', bodyBytes: 11 });
    expect(await counts()).toEqual({ ...nothing, success: 1 });
  });

  it('may be a Request, which a refusal leaves whole', async () => {
    const request = new Request(upstream.url, { method: 'POST', body: 'precious' });
    registry.get(upstream.url).forceOpen();
    await expect(fetch(request)).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
    registry.get(upstream.url).release();
    expect(await (await fetch(request)).json()).toMatchObject({ bodyBytes: 8 });
    expect(await counts()).toEqual({ ...nothing, success: 1 });
  });

  it('keep the async context of the caller', async () => {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const store = new AsyncLocalStorage<string>();
    const seen = await store.run('mine', async () => {
      await (await fetch(upstream.url)).text();
      return store.getStore();
    });
    expect(seen).toBe('mine');
  });
});

describe('a redirect', () => {
  it('within an origin is one call', async () => {
    const response = await fetch(`${oddUrl}/to-ok`);
    expect(response.redirected).toBe(true);
    expect(await response.text()).toBe('ok');
    expect(await counts(oddUrl)).toEqual({ ...nothing, success: 1 });
  });

  it('to another origin belongs to the first one, which it says to be well', async () => {
    await upstream.behave({ mode: 'status', status: 503 });
    expect((await fetch(`${oddUrl}/to-upstream`)).status).toBe(503);
    expect(await counts(oddUrl)).toEqual({ ...nothing, success: 1 });
  });

  it('to where nobody listens blames neither', async () => {
    await expect(fetch(`${oddUrl}/to-nowhere`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    expect(await counts(oddUrl)).toEqual({ ...nothing, ignored: 1 });
  });
});

describe('when the instrumentation is disabled', () => {
  it('fetch is what it was, and calls under way still count', async () => {
    await upstream.behave({ mode: 'ok', delayMs: 50 });
    const guarded = fetch;
    const pending = fetch(upstream.url);
    instrumentation.disable();
    expect(fetch).not.toBe(guarded);
    await (await pending).text();
    expect(await counts()).toEqual({ ...nothing, success: 1 });
    await (await guarded(upstream.url)).text();
    expect(await counts()).toEqual({ ...nothing, success: 1 });
  });
});
