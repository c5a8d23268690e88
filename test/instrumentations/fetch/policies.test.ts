import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpAdmission } from '../../../instrumentations/fetch/admission.ts';
import { FetchRequest } from '../../../instrumentations/fetch/fetch-request.ts';
import { guardGlobalFetch, guardUndiciFetch } from '../../../instrumentations/fetch/global-fetch.ts';
import { RequestObserver } from '../../../instrumentations/fetch/request-observer.ts';
import { servedResponse } from '../../../instrumentations/fetch/served-response.ts';
import { setFaultReporter } from '../../../src/core/fault.ts';
import type { BreakerOptions } from '../../../src/core/options.ts';
import { policyMetersOf } from '../../../src/policies/compose.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
import type { Registry } from '../../../src/registry/registry.ts';
import { ManualClock } from '../../../src/testing.ts';
import { turns } from '../../policies/harness.ts';

const url = 'http://shop.example/x';
const origin = 'http://shop.example';

let clock: ManualClock;
let registry: Registry;
let original: ReturnType<typeof vi.fn<(...args: unknown[]) => unknown>>;
let scope: { fetch: (...args: unknown[]) => unknown };
let undo: () => void = () => {};

beforeEach(() => {
  clock = new ManualClock();
  original = vi.fn(async () => new Response('ok'));
  scope = { fetch: original };
});
afterEach(() => {
  undo();
  setFaultReporter(undefined);
});

function guard(defaults: BreakerOptions): void {
  registry = createRegistry({ clock, defaults });
  undo = guardGlobalFetch(new HttpAdmission(() => registry), new RequestObserver(), scope);
}
const calls = () => registry.find(origin)?.snapshot().calls;
const never = () => new Promise<never>(() => {});
/** How many listeners are on a signal. */
function counted(signal: AbortSignal): { now: number } {
  const listeners = { now: 0 };
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners.now += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners.now -= 1;
    removeEventListener.apply(signal, args);
  };
  return listeners;
}

describe('a fetch with policies', () => {
  it('that needs no signal of ours hands on the very arguments, and the very response', async () => {
    guard({ bulkhead: { limit: 5 }, rateLimit: { limit: 5 }, retry: {}, fallback: { value: 1 } });
    const response = new Response('ok');
    original.mockResolvedValueOnce(response);
    const init = { method: 'PUT', body: 'x', signal: new AbortController().signal };
    expect(await scope.fetch(url, init)).toBe(response);
    expect(original.mock.calls[0]?.[0]).toBe(url);
    expect(original.mock.calls[0]?.[1]).toBe(init);
  });

  it('answers its caller in time although nobody listens to its signal, and lets go of what comes too late', async () => {
    guard({ timeoutMs: 100 });
    let answer: (response: Response) => void = () => {};
    original.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    const pending = expect(scope.fetch(url)).rejects.toMatchObject({ code: 'ECALLTIMEOUT', timeoutMs: 100 });
    await turns();
    clock.advance(100);
    await pending;
    expect(calls()).toMatchObject({ failure: 1 });
    expect(registry.get(origin).inFlight).toBe(0);
    const cancelled = vi.fn();
    answer(new Response(new ReadableStream({ cancel: cancelled })));
    await turns();
    expect(cancelled).toHaveBeenCalled();
  });

  it('counts the end of the whole time as a failure of an attempt that had all of it, of no other', async () => {
    guard({ totalTimeoutMs: 1_000, retry: { attempts: 2, backoffMs: 10, jitter: 'none' } });
    original.mockResolvedValueOnce(new Response('', { status: 503 })).mockImplementation(never);
    const pending = expect(scope.fetch(url)).rejects.toMatchObject({ code: 'ECALLTIMEOUT', timeoutMs: 1_000 });
    await turns();
    clock.advance(10);
    await turns();
    clock.advance(990);
    await pending;
    expect(calls()).toMatchObject({ failure: 1, cancelled: 1 });
    const first = expect(scope.fetch(url)).rejects.toMatchObject({ code: 'ECALLTIMEOUT' });
    await turns();
    clock.advance(1_000);
    await first;
    expect(calls()).toMatchObject({ failure: 2, cancelled: 1 });
  });

  it('leaves nothing on a long-lived signal: not of attempts that failed, not of answers without a body', async () => {
    guard({ timeoutMs: 1_000, totalTimeoutMs: 9_000, retry: { attempts: 3, backoffMs: 10, jitter: 'none' } });
    const { signal } = new AbortController();
    const listeners = counted(signal);
    original.mockRejectedValueOnce(new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }));
    original.mockResolvedValueOnce(new Response(null, { status: 204 }));
    const pending = scope.fetch(url, { signal });
    await turns();
    clock.advance(10);
    expect(await pending).toMatchObject({ status: 204 });
    expect(original).toHaveBeenCalledTimes(2);
    expect(listeners.now).toBe(0);
  });

  it('aborts the body with the caller’s reason after the headers, whatever time is over by then', async () => {
    guard({ timeoutMs: 100, totalTimeoutMs: 200 });
    const controller = new AbortController();
    await scope.fetch(url, { signal: controller.signal });
    const [, { signal }] = original.mock.calls[0] as [string, { signal: AbortSignal }];
    clock.advance(1_000);
    expect(signal.aborted).toBe(false);
    controller.abort('mine');
    expect(signal.reason).toBe('mine');
  });

  it('is made without policies where a fault of ours stands in the way', async () => {
    const faults: unknown[] = [];
    setFaultReporter((error) => void faults.push(error));
    guard({ retry: {} });
    const init = {
      get headers(): never {
        throw new Error('read');
      },
    };
    await scope.fetch(url, init);
    expect(original.mock.calls[0]?.[1] === init).toBe(true);
    expect(faults).toHaveLength(1);
  });

  it('is made once where the circuit is open and another origin stands in, whose circuit admits it', async () => {
    guard({ fallback: { origins: ['http://other.example'] } });
    registry.get(origin).forceOpen();
    expect(await scope.fetch(`${url}?a=1`, { method: 'POST', body: 'x', headers: { Host: 'shop.example', 'x-a': '1' } })).toMatchObject({
      status: 200,
    });
    expect(original.mock.calls).toHaveLength(1);
    const [where, init] = original.mock.calls[0] as [string, { headers: unknown; body: unknown }];
    expect(where).toBe('http://other.example/x?a=1');
    expect(init).toMatchObject({ method: 'POST', body: 'x', headers: [['x-a', '1']] });
    expect(registry.find('http://other.example')?.snapshot().calls).toMatchObject({ success: 1 });
  });

  it.each([
    ['?q=1&token=s3cret', 'http://shop.example'],
    ['?sig=s3cret', 'http://shop.example'],
    ['?author=me&keyword=a&country_code=de', 'http://shop.example'],
    ['', 'http://me:s3cret@shop.example'],
  ])('that says who asks in its URL goes to no other origin unless it may: %s of %s', async (query, from) => {
    const harmless = !`${query}${from}`.includes('s3cret');
    for (const forwardCredentials of [false, true]) {
      original.mockClear();
      guard({ fallback: { origins: ['http://other.example'], forwardCredentials } });
      registry.get(origin).forceOpen();
      const asked = scope.fetch(`${from}/x${query}`);
      if (harmless || forwardCredentials) {
        await asked;
        expect(original.mock.calls.map(([where]) => where)).toEqual([`http://other.example/x${query}`]);
      } else {
        await expect(asked).rejects.toMatchObject({ code: 'EBREAKEROPEN' });
        expect(original).not.toHaveBeenCalled();
      }
      undo();
    }
  });

  it('does not repeat what a certificate forbids', async () => {
    guard({ retry: { backoffMs: 1 } });
    original.mockRejectedValue(new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }) }));
    await expect(scope.fetch(url)).rejects.toThrow('fetch failed');
    expect(original).toHaveBeenCalledTimes(1);
  });
});

describe('a fetch with policies whose breaker only watches', () => {
  const watching: BreakerOptions = { timeoutMs: 100, retry: {}, fallback: { stale: {} }, degraded: 'read-only' };
  const other = 'http://other.example/x';
  /** Two origins, of which one has policies; in which order they are answered. */
  async function order(): Promise<string[]> {
    const ended: string[] = [];
    const ask = async (name: string, where: string): Promise<void> => {
      await scope.fetch(where, { method: 'POST' });
      ended.push(name);
    };
    await Promise.all([ask('with', url), ask('without', other)]);
    return ended;
  }
  const configure = (options: BreakerOptions) => registry.configure((name) => ({ options: name === origin ? options : {} }));

  it.each(['shadow', 'off'] as const)('is answered in its order in mode %s, also when it is chosen while the process runs', async (mode) => {
    guard({});
    configure(watching);
    await expect(order()).rejects.toMatchObject({ code: 'EREADONLYMODE' });
    configure({ ...watching, mode });
    expect(await order()).toEqual(['with', 'without']);
    configure({ ...watching, mode, bulkhead: { limit: 1 }, rateLimit: { limit: 1, intervalMs: 60_000 } });
    expect(await order()).toEqual(['with', 'without']);
  });

  it('has what limits would have refused counted, and is made at once all the same', async () => {
    guard({ ...watching, mode: 'shadow', bulkhead: { limit: 1 }, rateLimit: { limit: 2, intervalMs: 60_000 } });
    const refused = new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) });
    original.mockRejectedValueOnce(refused);
    const inits = [{ method: 'PUT' }, {}, {}];
    const asked = inits.map((init) => scope.fetch(url, init));
    expect(original.mock.calls.map(([, init]) => inits.indexOf(init as object))).toEqual([0, 1, 2]);
    await expect(asked[0]).rejects.toBe(refused);
    await Promise.all(asked.slice(1));
    expect(registry.get(origin).snapshot().shadowRejections).toEqual({ bulkhead_full: 2, rate_limited: 1, read_only: 1 });
    expect(policyMetersOf(registry.get(origin))?.bulkhead).toMatchObject({ active: 0 });
  });

  it('runs no code of the caller’s in his stead: his getters are read by the fetch alone, and may throw there', async () => {
    guard({ ...watching, mode: 'shadow', bulkhead: { limit: 1 } });
    const faults = vi.fn();
    setFaultReporter(faults);
    original.mockImplementation(async (_, init) => new Response((init as { method?: string } | undefined)?.method ?? 'GET'));
    let reads = 0;
    class Init {
      get method(): string {
        reads += 1;
        return 'PATCH';
      }
    }
    expect(await ((await scope.fetch(url, new Init())) as Response).text()).toBe('PATCH');
    expect(reads).toBe(1);
    const oops = new Error('of the caller');
    const throws = {
      get method(): string {
        throw oops;
      },
    };
    const proxy = new Proxy({}, { get: (_, key) => (key === 'method' ? throws.method : undefined) });
    for (const init of [throws, proxy]) await expect(scope.fetch(url, init)).rejects.toBe(oops);
    expect(faults).not.toHaveBeenCalled();
    // Guarded all the same, and counted as calls that may change something.
    expect(registry.get(origin).snapshot().shadowRejections).toEqual({ read_only: 3 });
    expect(calls()).toMatchObject({ success: 1, ignored: 2 });
    // That of a Request is the platform's.
    await scope.fetch(url, new Request(url, { method: 'HEAD' }));
    expect(registry.get(origin).snapshot().shadowRejections).toEqual({ read_only: 3 });
  });

  it('that npm’s undici makes leaves all but the bulkhead to its dispatchers', async () => {
    registry = createRegistry({ clock, defaults: { ...watching, mode: 'shadow', rateLimit: { limit: 1 } } });
    undo = guardUndiciFetch(new HttpAdmission(() => registry), new RequestObserver(), scope);
    const answer = Promise.resolve(new Response('ok'));
    original.mockReturnValueOnce(answer);
    expect(scope.fetch(url)).toBe(answer);
    registry.configure(() => ({ options: { mode: 'shadow', bulkhead: { limit: 1 } } }));
    await Promise.all([scope.fetch(url), scope.fetch(url)]);
    expect(registry.get(origin).snapshot().shadowRejections).toEqual({ bulkhead_full: 1 });
    expect(policyMetersOf(registry.get(origin))?.bulkhead).toMatchObject({ active: 0 });
  });
});

describe('what a request is made of again', () => {
  const made = (...args: unknown[]): FetchRequest => {
    const request = new FetchRequest(args);
    request.keep();
    request.first(undefined);
    return request;
  };
  const stream = () => new Blob(['x']).stream();

  it.each([
    ['a text', 'x', true],
    ['a Buffer', Buffer.from('x'), true],
    ['a Blob', new Blob(['x']), true],
    ['parameters', new URLSearchParams('a=1'), true],
    ['a form', new FormData(), true],
    ['a stream', stream(), false],
    ['a generator', (async function* () {})(), false],
  ])('%s: %#', (_what, body, repeatable) => {
    expect(made(url, { method: 'PUT', body }).isRepeatable).toBe(repeatable);
  });

  it('a Request, once its body has come whole, up to a limit', async () => {
    const small = made(new Request(url, { method: 'PUT', body: 'x' }));
    await vi.waitFor(() => expect(small.isRepeatable).toBe(true));
    expect(small.again(undefined)[1]).toMatchObject({ body: new Uint8Array([120]) });
    const large = made(new Request(url, { method: 'PUT', body: 'x'.repeat(2_000_000) }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(large.isRepeatable).toBe(false);
  });

  it('nothing, where its headers can be read once only', () => {
    const headers = new Map([['a', '1']]).entries();
    expect(made(url, { headers }).isRepeatable).toBe(false);
    expect([...headers]).toEqual([['a', '1']]);
  });
});

describe('a configured value', () => {
  it.each([
    ['a text', 'x', 200, 'x', 'text/plain;charset=UTF-8'],
    ['an object', { a: 1 }, 200, '{"a":1}', 'application/json'],
    ['null', null, 200, 'null', 'application/json'],
    ['no such status', { status: 99, body: 1 }, 200, '{"status":99,"body":1}', 'application/json'],
    ['data with a status of its own', { status: 404, id: 1 }, 200, '{"status":404,"id":1}', 'application/json'],
    ['a response', { status: 404, headers: { 'Content-Type': 'a/b' }, body: [1] }, 404, '[1]', 'a/b'],
    ['a response without a body', { status: 204, body: 'x' }, 204, '', 'text/plain;charset=UTF-8'],
  ])('%s', async (_what, value, status, body, type) => {
    const response = servedResponse(value, 'GET', url, globalThis);
    expect([response.status, await response.text(), response.headers.get('content-type'), response.url]).toEqual([status, body, type, url]);
  });
});
