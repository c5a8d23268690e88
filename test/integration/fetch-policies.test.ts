import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { configDir } from '../support/config-dir.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

// Policies around the global fetch, by a configuration file alone: the application is a plain one.

interface Seen {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly bodyUsed?: boolean;
}

let upstream: HttpUpstreamHandle;
let second: HttpUpstreamHandle;
const servers: Server[] = [];

beforeAll(async () => {
  [upstream, second] = await Promise.all([startHttpUpstream(), startHttpUpstream()]);
});
afterAll(() => Promise.all([upstream?.stop(), second?.stop()]));
beforeEach(async () => {
  await Promise.all([upstream, second].map((each) => each.behave({ mode: 'ok' })));
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function appWith(yaml: string, env: Record<string, string> = {}, nodeArgs: string[] = []): Promise<SpawnedApp> {
  const directory = configDir({ 'breakers.yaml': `version: 1\n${yaml}` });
  const app = await spawnApp('fetch-policies/app.mjs', {
    imports: ['otel-breaker/register'],
    nodeArgs,
    env: { OTEL_BREAKER_CONFIG_FILE: `${directory}/breakers.yaml`, OTEL_BREAKER_SDK: 'off', ...env },
  });
  onTestFinished(() => app.stop());
  return app;
}

/** A server in this process, where a test has to say how each request is answered. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse, count: number) => void): Promise<string> {
  let count = 0;
  const server = createServer((request, response) => answer(request, response, ++count));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The rules of caching are loaded beside the application, and taken up in the next turn. */
async function rulesLoaded(app: SpawnedApp): Promise<void> {
  await expect.poll(() => app.get('hasLoaded', 'http-cache-semantics'), { timeout: 20_000 }).toBe(true);
  await sleep(100);
}

let paths = 0;
/** A path of the test's own, by which requests are told from those of others. */
const path = (): string => `/p${++paths}`;
const requestsTo = async (where: string, of = upstream): Promise<number> => {
  await of.countRequests();
  return of.requestsByPath[where] ?? 0;
};

describe('retry', () => {
  const retry = 'systems: { http: { retry: { attempts: 3, backoffMs: 20ms, jitter: none } } }';

  it('asks again where the server fails for a moment, and the caller sees nothing of it', async () => {
    const url = await serve((_, response, count) => response.writeHead(count < 3 ? 503 : 200).end(`answer ${count}`));
    const app = await appWith(retry);
    expect(await app.get<Seen>('fetch', url)).toMatchObject({ status: 200, body: 'answer 3', url: `${url}/` });
  });

  it("gives the server's own last answer when all attempts fail, and its own error when none came", async () => {
    await upstream.behave({ mode: 'status', status: 500, body: 'sorry' });
    const app = await appWith(retry);
    const where = path();
    expect(await app.get<Seen>('fetch', upstream.url + where)).toMatchObject({ status: 500, body: 'sorry' });
    expect(await requestsTo(where)).toBe(3);

    await upstream.behave({ mode: 'reset' });
    const answer = await app.call('fetch', upstream.url + path());
    expect(answer).toMatchObject({ ok: false, error: { name: 'TypeError', message: 'fetch failed', cause: { code: 'ECONNRESET' } } });
  });

  it.each([
    ['500', 3],
    ['501', 1],
    ['505', 1],
    ['404', 1],
    ['408', 3],
    ['429', 3],
  ])('of an answer %s makes %i requests', async (status, requests) => {
    await upstream.behave({ mode: 'status', status: Number(status) });
    const app = await appWith(retry);
    const where = path();
    expect(await app.get<Seen>('fetch', upstream.url + where)).toMatchObject({ status: Number(status) });
    expect(await requestsTo(where)).toBe(requests);
  });

  it('repeats what is idempotent, and a POST only if its server is told to know it again or we are told so', async () => {
    await upstream.behave({ mode: 'status', status: 500 });
    const app = await appWith(retry);
    const requestsOf = async (init: object, by = app): Promise<number> => {
      const where = path();
      await by.get('fetch', upstream.url + where, init);
      return requestsTo(where);
    };
    expect(await requestsOf({ method: 'PUT', body: 'x' })).toBe(3);
    expect(await requestsOf({ method: 'DELETE' })).toBe(3);
    expect(await requestsOf({ method: 'POST', body: 'x' })).toBe(1);
    expect(await requestsOf({ method: 'PATCH', body: 'x' })).toBe(1);
    expect(await requestsOf({ method: 'POST', body: 'x', headers: { 'Idempotency-Key': 'a1' } })).toBe(3);
    const told = await appWith('systems: { http: { retry: { attempts: 2, backoffMs: 10ms, nonIdempotent: true } } }');
    expect(await requestsOf({ method: 'POST', body: 'x' }, told)).toBe(2);
  });

  it('never sends a stream twice, and sends again what it was given, whatever the caller does with it meanwhile', async () => {
    const bodies: string[] = [];
    const url = await serve(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      bodies.push(`${request.headers['x-kind'] ?? ''} ${text}`);
      response.writeHead(503).end();
    });
    const app = await appWith(retry);
    expect(await app.get<Seen>('upload', url, 'stream')).toMatchObject({ status: 503 });
    expect(bodies.splice(0)).toEqual([' streamed']);
    expect(await app.get<Seen>('changed', url)).toMatchObject({ status: 503 });
    expect(bodies.splice(0)).toEqual(['before before', 'before before', 'before before']);
    expect(await app.get<Seen>('request', url, { method: 'PUT', body: 'once', headers: { 'x-kind': 'r' } })).toMatchObject({ bodyUsed: true });
    expect(bodies.splice(0)).toEqual(['r once', 'r once', 'r once']);
  });

  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(Date.now() + 2_000).toUTCString()],
  ])('waits as long as Retry-After says in %s', async (_form, value) => {
    const at: number[] = [];
    const url = await serve((_, response, count) => {
      at.push(performance.now());
      response.writeHead(count === 1 ? 429 : 200, { 'retry-after': value() }).end();
    });
    const app = await appWith(retry);
    expect(await app.get<Seen>('fetch', url)).toMatchObject({ status: 200 });
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThan(900);
  });

  it('does not come again where the server asks for a longer wait than it has patience for', async () => {
    await upstream.behave({ mode: 'status', status: 503, retryAfter: '60' });
    const app = await appWith(retry);
    const where = path();
    expect(await app.get<Seen>('fetch', upstream.url + where)).toMatchObject({ status: 503 });
    expect(await requestsTo(where)).toBe(1);
  });

  it("ends with the caller's own abort, also while it waits", async () => {
    await upstream.behave({ mode: 'status', status: 503 });
    const app = await appWith('systems: { http: { retry: { attempts: 3, backoffMs: 15s, jitter: none } } }');
    const answer = await app.call('abort', upstream.url, 200);
    expect(answer).toMatchObject({ ok: false, error: { name: 'RangeError', message: 'enough' } });
    expect(answer.durationMs).toBeLessThan(10_000);
  });

  it('finds a server again that was killed and restarted', async () => {
    const app = await appWith('systems: { http: { retry: { attempts: 5, backoffMs: 200ms, jitter: none } } }');
    const own = await startHttpUpstream();
    onTestFinished(() => own.stop());
    await own.kill();
    const answer = app.get<Seen>('fetch', own.url);
    await own.restart();
    expect(await answer).toMatchObject({ status: 200 });
  });
});

describe('time-outs', () => {
  it('give the caller an error that says so, end the request and count as a failure; healthy bodies may take longer', async () => {
    let aborted = 0;
    const url = await serve((request, response) => {
      if (request.url === '/slow-body') {
        response.writeHead(200).write('a');
        setTimeout(() => response.end('b'), 600);
        return;
      }
      request.socket.on('close', () => {
        aborted += 1;
      });
    });
    const app = await appWith('systems: { http: { timeoutMs: 300ms } }');
    const answer = await app.call('fetch', url);
    expect(answer).toMatchObject({ ok: false, error: { name: 'CallTimeoutError', code: 'ECALLTIMEOUT', timeoutMs: 300 } });
    expect(answer.durationMs).toBeLessThan(5_000);
    await expect.poll(() => aborted).toBe(1);
    expect(await app.get<Seen>('fetch', `${url}/slow-body`)).toMatchObject({ body: 'ab' });
  });

  it('are of one attempt, with totalTimeoutMs over all of them', async () => {
    await upstream.behave({ mode: 'hang' });
    const app = await appWith('systems: { http: { timeoutMs: 500ms, totalTimeoutMs: 5s, retry: { attempts: 2, backoffMs: 20ms } } }');
    const where = path();
    const answer = await app.call('fetch', upstream.url + where);
    expect(answer).toMatchObject({ ok: false, error: { code: 'ECALLTIMEOUT', timeoutMs: 500 } });
    expect(await requestsTo(where)).toBe(2);

    const total = await appWith('systems: { http: { totalTimeoutMs: 300ms, retry: { attempts: 2, backoffMs: 20ms } } }');
    const late = await total.call('fetch', upstream.url + path());
    expect(late).toMatchObject({ ok: false, error: { code: 'ECALLTIMEOUT', timeoutMs: 300 } });
    expect(late.durationMs).toBeLessThan(5_000);
  });

  it("leave the caller's abort what it is, before the headers and in the body", async () => {
    const url = await serve((request, response) => {
      if (request.url === '/body') response.writeHead(200).write('never ends');
    });
    const app = await appWith('systems: { http: { timeoutMs: 5s, totalTimeoutMs: 9s, retry: { attempts: 2 } } }');
    for (const [operation, where] of [
      ['abort', '/'],
      ['abortBody', '/body'],
    ] as const) {
      const answer = await app.call(operation, url + where, 100);
      expect(answer, operation).toMatchObject({ ok: false, error: { name: 'RangeError', message: 'enough' } });
      expect(answer.durationMs, operation).toBeLessThan(4_500);
    }
  });
});

describe('limits', () => {
  it('bound the calls at a time', async () => {
    await upstream.behave({ mode: 'ok', delayMs: 200 });
    const app = await appWith('systems: { http: { bulkhead: { limit: 2, queue: 1 } } }');
    const where = path();
    expect(await app.get<unknown[]>('many', upstream.url + where, 5)).toEqual([200, 200, 200, 'EBULKHEADFULL', 'EBULKHEADFULL']);
    expect(await requestsTo(where)).toBe(3);
  });

  it('bound the calls per time', async () => {
    const app = await appWith('systems: { http: { rateLimit: { limit: 3, intervalMs: 60s } } }');
    const where = path();
    expect(await app.get<unknown[]>('many', upstream.url + where, 5)).toEqual([200, 200, 200, 'ERATELIMITED', 'ERATELIMITED']);
    expect(await requestsTo(where)).toBe(3);
  });
});

describe('a configured value', () => {
  it('is answered as JSON, as text, or as the response that it describes, in place of a dead server', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    const json = await appWith('systems: { http: { fallback: { value: { items: [] } } } }');
    const answer = await json.get<Seen>('fetch', `${dead}/list`);
    expect(answer).toMatchObject({ status: 200, body: '{"items":[]}', url: `${dead}/list`, headers: { 'content-type': 'application/json' } });
    const described = await appWith('systems: { http: { fallback: { value: { status: 503, headers: { x-from: us }, body: later } } } }');
    expect(await described.get<Seen>('fetch', dead)).toMatchObject({ status: 503, body: 'later', headers: { 'x-from': 'us' } });
  });
});

describe('other origins', () => {
  const failOver = (more = '') =>
    `breakers: [{ match: { server: "${upstream.url}" }, fallback: { origins: ["${second.url}"]${more} }, consecutiveFailures: 3, open: { durationMs: 60s } }]`;

  it('are asked for the same path and query, and those whose circuit is open are not asked', async () => {
    await upstream.behave({ mode: 'status', status: 503 });
    const app = await appWith(failOver());
    const where = path();
    for (let n = 0; n < 5; n += 1) {
      const answer = await app.get<Seen>('fetch', `${upstream.url}${where}?q=1`);
      expect(answer).toMatchObject({ status: 200, url: `${second.url}${where}?q=1` });
    }
    // The third failure has opened its circuit.
    expect(await requestsTo(where)).toBe(3);
    expect(await requestsTo(where, second)).toBe(5);
  });

  it('give an error that holds those of all, or the first answer when there was one', async () => {
    const dead = await freePort();
    const app = await appWith(`systems: { http: { fallback: { origins: ["http://127.0.0.1:${dead}"] } } }`);
    await upstream.behave({ mode: 'reset' });
    const failed = await app.call('fetch', upstream.url);
    expect(failed).toMatchObject({ ok: false, error: { name: 'AllTiersFailedError', code: 'EALLTIERSFAILED', cause: { name: 'TypeError' } } });
    await upstream.behave({ mode: 'status', status: 502, body: 'mine' });
    expect(await app.get<Seen>('fetch', upstream.url)).toMatchObject({ status: 502, body: 'mine' });
  });

  it('get no credentials unless they may, and no write that may have been carried out', async () => {
    await upstream.behave({ mode: 'status', status: 503 });
    const app = await appWith(failOver());
    const asked = { headers: { authorization: 'Bearer x' } };
    expect(await app.get<Seen>('fetch', upstream.url + path(), asked)).toMatchObject({ status: 503 });
    const where = path();
    expect(await app.get<Seen>('fetch', `${upstream.url}${where}?q=1&api_key=x`)).toMatchObject({ status: 503 });
    expect(await requestsTo(where, second)).toBe(0);
    expect(await app.get<Seen>('fetch', upstream.url + path(), { method: 'POST', body: 'x' })).toMatchObject({ status: 503 });
    const trusting = await appWith(failOver(', forwardCredentials: true'));
    const answer = await trusting.get<Seen>('fetch', upstream.url + path(), asked);
    expect(JSON.parse(answer.body)).toMatchObject({ headers: { authorization: 'Bearer x', host: new URL(second.url).host } });
    const put = await trusting.get<Seen>('request', upstream.url + path(), { method: 'PUT', body: 'kept', headers: { 'x-a': '1' } });
    expect(JSON.parse(put.body)).toMatchObject({ method: 'PUT', bodyBytes: 4, headers: { 'x-a': '1' } });
  });
});

describe('the last good answer', () => {
  const stale = 'systems: { http: { fallback: { stale: { maxAgeMs: 1m, maxEntryBytes: 100000 } } } }';

  it('is served when the server is dead, with its headers and age, to the same question only', async () => {
    const own = await startHttpUpstream({ behaviour: { mode: 'ok', body: '{"price":7}', headers: { vary: 'accept-language', 'x-a': '1' } } });
    onTestFinished(() => own.stop());
    const app = await appWith(stale);
    const english = { headers: { 'accept-language': 'en' } };
    await rulesLoaded(app);
    const fresh = await app.get<Seen>('fetch', `${own.url}/price?of=a`, english);
    expect(fresh.headers).not.toHaveProperty('age');
    await own.kill();
    const answer = await app.get<Seen>('fetch', `${own.url}/price?of=a`, english);
    expect(answer).toMatchObject({ status: 200, body: '{"price":7}', url: `${own.url}/price?of=a`, headers: { 'x-a': '1', age: '0' } });
    expect(await app.call('fetch', `${own.url}/price?of=a`, { headers: { 'accept-language': 'de' } })).toMatchObject({ ok: false });
    expect(await app.call('fetch', `${own.url}/price?of=b`, english)).toMatchObject({ ok: false });
    expect(await app.call('fetch', `${own.url}/price?of=a`, { ...english, cache: 'no-store' })).toMatchObject({ ok: false });
  });

  it.each([
    ['a request that says who asks', { headers: { cookie: 'id=1' } }, {}],
    ['a request with a secret in its query', {}, {}, '?of=a&access_token=x'],
    ['an answer that may not be stored', {}, { 'cache-control': 'no-store' }],
    ['an answer that sets a cookie', {}, { 'set-cookie': 'id=1' }],
    ['an answer that is too old after its own word', {}, { 'cache-control': 'max-age=0, must-revalidate' }],
  ])('is not kept of %s', async (_what, init, headers, query = '') => {
    await upstream.behave({ mode: 'ok', headers });
    const app = await appWith(stale);
    const where = upstream.url + path() + query;
    await rulesLoaded(app);
    await app.get('fetch', where, init);
    await upstream.behave({ mode: 'status', status: 500 });
    expect(await app.get<Seen>('fetch', where, init)).toMatchObject({ status: 500 });
  });

  it('leaves the answer what it is: its kind, its clone, its stream at the caller’s pace, its end when the caller has enough', async () => {
    let written = 0;
    let closed = 0;
    const url = await serve((request, response) => {
      if (request.url === '/json') return void response.end('{"a":1}');
      const more = (): void => {
        while (written < 50_000_000 && response.writable) {
          written += 10_000;
          if (!response.write(Buffer.alloc(10_000))) return void response.once('drain', more);
        }
      };
      response.on('close', () => {
        closed += 1;
      });
      more();
    });
    const app = await appWith(stale);
    await rulesLoaded(app);
    expect(await app.get('kinds', `${url}/json`)).toEqual({
      ...{ isResponse: true, url: `${url}/json`, type: 'basic', redirected: false, ok: true, used: false, first: '{"a"', json: { a: 1 } },
    });
    expect(await app.get<number>('cancel', `${url}/endless`)).toBeGreaterThan(0);
    await expect.poll(() => closed).toBe(1);
    expect(written).toBeLessThan(20_000_000);
  });

  it('gives the connection of an answer back that its caller looks at and drops', async () => {
    // More than the machine's own buffers take: the server waits until it can send the rest.
    const body = Buffer.alloc(10_000_000);
    const url = await serve((_, response) => response.writeHead(200, { 'cache-control': 'max-age=60' }).end(body));
    const app = await appWith('systems: { http: { fallback: { stale: { maxEntryBytes: 20000000 } } } }', {}, ['--expose-gc']);
    await rulesLoaded(app);
    expect(await app.get<number[]>('dropped', url, 20)).toEqual(new Array(20).fill(200));
    const connections = (): Promise<number> => new Promise((resolve) => servers.at(-1)?.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections, { timeout: 10_000 }).toBeLessThan(5);
  });
});

describe('degraded modes', () => {
  it('read-only: refuses what is no reading method', async () => {
    const app = await appWith('systems: { http: { degraded: read-only } }');
    for (const method of ['GET', 'HEAD', 'OPTIONS']) expect(await app.get<Seen>('fetch', upstream.url, { method })).toMatchObject({ status: 200 });
    const where = path();
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(await app.call('fetch', upstream.url + where, { method })).toMatchObject({ ok: false, error: { code: 'EREADONLYMODE' } });
    }
    expect(await requestsTo(where)).toBe(0);
  });

  it('read-only: lets no other origin have what is refused', async () => {
    const app = await appWith(`systems: { http: { degraded: read-only, fallback: { origins: ['${second.url}'] } } }`);
    const where = path();
    expect(await app.call('fetch', upstream.url + where, { method: 'POST' })).toMatchObject({ ok: false, error: { code: 'EREADONLYMODE' } });
    expect(await requestsTo(where, second)).toBe(0);
  });

  it('bypass: leaves everything out but the breaker', async () => {
    await upstream.behave({ mode: 'status', status: 500 });
    const app = await appWith('systems: { http: { degraded: bypass, retry: {}, fallback: { value: 1 } } }');
    const where = path();
    expect(await app.get<Seen>('fetch', upstream.url + where)).toMatchObject({ status: 500 });
    expect(await requestsTo(where)).toBe(1);
  });

  it.each(['shadow', 'off'])('mode %s: no policy does anything to a call', async (mode) => {
    await upstream.behave({ mode: 'status', status: 500, delayMs: 150 });
    const app = await appWith(
      `mode: ${mode}\nsystems: { http: { timeoutMs: 100ms, retry: {}, fallback: { value: 1, stale: {} }, bulkhead: { limit: 1 }, rateLimit: { limit: 1 }, degraded: read-only } }`,
    );
    const where = path();
    expect(await app.get<unknown[]>('many', upstream.url + where, 4)).toEqual([500, 500, 500, 500]);
    expect(await app.get<Seen>('fetch', upstream.url + where, { method: 'POST' })).toMatchObject({ status: 500 });
    expect(await requestsTo(where)).toBe(5);
  });
});

describe('an origin that hangs', () => {
  it('leaves no call waiting: those that it had are answered once its probes have kept silent too', async () => {
    const app = await appWith('systems: { http: { open: { durationMs: 300ms }, halfOpen: { leaseMs: 1s } } }');
    await app.get('many', upstream.url, 15);
    await upstream.behave({ mode: 'hang' });
    const ended = await app.get<string[]>('wait', upstream.url, 12);
    for (const each of ended) expect(each).toMatch(/^TypeError: fetch failed, ECALLTIMEOUT after \d s$/);
  });
});

describe('with all of them', () => {
  const all =
    'systems: { http: { timeoutMs: 2s, totalTimeoutMs: 5s, retry: {}, bulkhead: { limit: 9 }, rateLimit: { limit: 99 }, fallback: { stale: {} } } }';

  it('redirects are what they were', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/there') return void response.end('there');
      response.writeHead(302, { location: '/there' }).end();
    });
    const app = await appWith(all);
    for (const init of [{}, { redirect: 'manual' }]) {
      const answer = await app.get<Record<string, unknown>>('redirect', url, init);
      const manual = 'redirect' in init;
      expect(answer).toEqual({ status: manual ? 302 : 200, redirected: !manual, type: 'basic', url: manual ? `${url}/` : `${url}/there` });
    }
    expect(await app.call('redirect', url, { redirect: 'error' })).toMatchObject({
      ok: false,
      error: { name: 'TypeError', message: 'fetch failed' },
    });
  });

  it('spans and metrics tell of calls that were repeated, timed out, and served by something else', async () => {
    const own = await startHttpUpstream();
    onTestFinished(() => own.stop());
    await using receiver = await startOtlpReceiver();
    const policies = 'timeoutMs: 1s, totalTimeoutMs: 2s, retry: { attempts: 3, backoffMs: 20ms, jitter: none }, fallback: { stale: {} }';
    const app = await appWith(`systems: { http: { ${policies} } }`, {
      OTEL_BREAKER_SDK: 'on',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '300',
      OTEL_METRIC_EXPORT_TIMEOUT: '250',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    const url = await app.get<string>('listen', own.url);
    await rulesLoaded(app);
    await (await fetch(`${url}/kept`)).text();
    await own.behave({ mode: 'status', status: 503 });
    expect((await fetch(`${url}/repeated`)).status).toBe(503);
    await own.behave({ mode: 'hang' });
    expect((await fetch(`${url}/kept`)).status).toBe(200);
    expect(await (await fetch(`${url}/late`)).text()).toBe('ECALLTIMEOUT');

    const spans = await receiver.waitFor(({ spans: all }) => {
      const ours = all.filter(({ name }) => name === `breaker ${own.url}`);
      return ours.length >= 3 && ours;
    });
    const [repeated, kept, late] = spans;
    expect(repeated?.attributes).toMatchObject({ 'breaker.retry.attempts': 3, 'breaker.outcome': 'failure', 'error.type': '503' });
    expect(kept?.attributes).toMatchObject({ 'breaker.fallback.type': 'stale', 'breaker.outcome': 'success' });
    expect(late?.attributes).toMatchObject({ 'breaker.outcome': 'failure', 'error.type': 'ECALLTIMEOUT' });
    const latest = (name: string) => receiver.metrics.findLast((metric) => metric.name === name)?.points ?? [];
    await receiver.waitFor(() => latest('breaker.cache.lookups').some(({ value }) => value === 2));
    expect(latest('breaker.cache.lookups').map(({ attributes, value }) => [attributes['breaker.cache.result'], value])).toEqual(
      expect.arrayContaining([
        ['stale', 1],
        ['miss', 2],
      ]),
    );
    expect(latest('breaker.fallback.calls').map(({ attributes, value }) => [attributes['breaker.fallback.type'], value])).toEqual([['stale', 1]]);
    expect(latest('breaker.retry.attempts').map(({ attributes }) => attributes['breaker.outcome'])).toEqual(
      expect.arrayContaining(['success', 'failure']),
    );
  });
});
