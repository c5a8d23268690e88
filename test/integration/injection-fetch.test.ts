import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as Undici from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FetchBreakerInstrumentation } from '../../instrumentations/fetch/instrumentation.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/registry.ts';

// What injected faults do to HTTP requests, to a server that is well all the while.

/** undici 8 needs a newer Node than the oldest that we run on. */
const versions = ['6', '7', '8'].filter((version) => version !== '8' || Number(process.versions.node.split('.')[0]) >= 24) as ('6' | '7' | '8')[];

let registry: Registry;
let instrumentation: FetchBreakerInstrumentation;
let server: Server;
let url: string;
let requests = 0;
const clients = {} as Record<'6' | '7' | '8', typeof Undici>;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1;
    request.resume().on('end', () => response.end('ok'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  new FetchBreakerInstrumentation({ registry: createRegistry() }).disable();
  clients['6'] = (await import('undici6')) as unknown as typeof Undici;
  clients['7'] = await import('undici');
  if (versions.includes('8')) clients['8'] = (await import('undici8')) as unknown as typeof Undici;
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
afterEach(() => {
  for (const injection of registry.injections) injection.end();
  instrumentation.disable();
});

const configure = (options: BreakerOptions) => registry.configure((_name, _target, lowest) => ({ options: { ...lowest, ...options } }));
const text = (call: Promise<Response>): Promise<string> => call.then((response) => response.text());
interface Failure {
  readonly message: string;
  readonly code?: string;
  readonly cause?: { readonly code?: string };
}
const failure = (call: Promise<unknown>): Promise<Failure> =>
  call.then(
    (value) => Promise.reject(new Error(`no error, but ${String(value)}`)),
    (error: Failure) => error,
  );
async function timed<T>(call: Promise<T>): Promise<readonly [T, boolean]> {
  const began = performance.now();
  return [await call, performance.now() - began > 190];
}
async function isWell(): Promise<void> {
  await vi.waitFor(async () => expect(await text(fetch(url))).toBe('ok'), { timeout: 15_000, interval: 50 });
  await vi.waitFor(() => expect([registry.get(url).inFlight, registry.get(url).injected]).toEqual([0, false]), { timeout: 5_000 });
}

describe('fetch', () => {
  it('meets an error as it meets one of the connection, and no request is made', async () => {
    const injection = registry.inject({ kind: 'error', error: { code: 'ECONNRESET' } });
    const error = await failure(fetch(url));
    expect(error).toMatchObject({ name: 'TypeError', message: 'fetch failed', cause: { name: 'InjectedFaultError', code: 'ECONNRESET' } });
    expect([requests, registry.get(url).snapshot().calls.failure]).toEqual([0, 1]);
    injection.end();
    await isWell();
  });

  it('meets latency: the response comes later, unless its caller takes it back', async () => {
    const injection = registry.inject({ kind: 'latency', latencyMs: 200 });
    expect(await timed(text(fetch(url)))).toEqual(['ok', true]);
    expect(await failure(fetch(url, { signal: AbortSignal.timeout(100) }))).toMatchObject({ name: 'TimeoutError' });
    expect(registry.get(url).snapshot().calls).toMatchObject({ success: 1, failure: 1 });
    injection.end();
    await isWell();
  });

  it('meets a hang: it ends by signals, of a Request too, and with the injection', async () => {
    configure({ stall: undefined });
    const injection = registry.inject({ kind: 'hang', durationMs: 600 });
    const reason = new Error('enough');
    const controller = new AbortController();
    const aborted = failure(fetch(new Request(url, { signal: controller.signal })));
    const last = failure(fetch(url, { method: 'POST', body: 'x' }));
    expect(await failure(fetch(url, { signal: AbortSignal.timeout(100) }))).toMatchObject({ name: 'TimeoutError' });
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    expect(await last).toMatchObject({ message: 'fetch failed', cause: { name: 'InjectedFaultError', code: 'EINJECTEDFAULT' } });
    expect([requests, injection.waiting]).toEqual([0, 0]);
    expect(registry.get(url).snapshot().calls).toMatchObject({ failure: 1, cancelled: 1, ignored: 1 });
    await isWell();
  });

  it('meets a hang that opens its circuit by stall, after which it is given up, and its end heals it', async () => {
    configure({ stall: { afterMs: 250, calls: 10 }, halfOpen: { leaseMs: 500 }, open: { durationMs: 200, factor: 1 } });
    for (let n = 0; n < 12; n += 1) await text(fetch(url));
    const injection = registry.inject({ kind: 'hang' });
    const hung = Array.from({ length: 12 }, () => failure(fetch(url)));
    await vi.waitFor(() => expect(registry.get(url).snapshot().lastTrip).toMatchObject({ trigger: 'stall' }), { timeout: 10_000, interval: 20 });
    const traffic = setInterval(() => void fetch(url).catch(() => {}), 50);
    const errors = await Promise.all(hung);
    clearInterval(traffic);
    expect(errors.map(({ message, cause }) => [message, cause?.code])).toEqual(Array(12).fill(['fetch failed', 'ECALLTIMEOUT']));
    expect(requests).toBe(12);
    injection.end();
    await isWell();
    expect(injection.waiting).toBe(0);
  });

  it('with policies is repeated, times out, and is served by a fallback', async () => {
    configure({ timeoutMs: 100, stall: undefined, retry: { attempts: 2, backoffMs: 10, jitter: 'none' }, fallback: { value: 'instead' } });
    const hang = registry.inject({ kind: 'hang' });
    expect([await text(fetch(url)), hang.calls, hang.waiting]).toEqual(['instead', 2, 0]);
    hang.end();
    const errors = registry.inject({ kind: 'error' });
    expect([await text(fetch(url)), errors.calls, requests]).toEqual(['instead', 2, 0]);
    errors.end();
    expect(await text(fetch(url))).toBe('ok');
  });
});

describe.each(versions)('undici %s', (version) => {
  it.each(['request', 'fetch'] as const)('%s meets them all', async (way) => {
    configure({ stall: undefined });
    const undici = clients[version];
    const call = async (options: { signal?: AbortSignal } = {}): Promise<string> => {
      if (way === 'request') return (await undici.request(url, options)).body.text();
      return (await undici.fetch(url, options)).text();
    };
    const codeOf = ({ code, cause }: { code?: unknown; cause?: { code?: unknown } }) => (way === 'request' ? code : cause?.code);
    expect(await call()).toBe('ok');
    requests = 0;
    const errors = registry.inject({ kind: 'error', error: { code: 'ECONNRESET' } });
    expect(codeOf(await failure(call()))).toBe('ECONNRESET');
    errors.end();
    const hang = registry.inject({ kind: 'hang', durationMs: 400 });
    const last = failure(call());
    expect(await failure(call({ signal: AbortSignal.timeout(100) }))).toMatchObject({ name: 'TimeoutError' });
    expect(codeOf(await last)).toBe('EINJECTEDFAULT');
    expect([requests, hang.waiting]).toEqual([0, 0]);
    const latency = registry.inject({ kind: 'latency', latencyMs: 200 });
    expect(await timed(call())).toEqual(['ok', true]);
    latency.end();
    await isWell();
  });
});
