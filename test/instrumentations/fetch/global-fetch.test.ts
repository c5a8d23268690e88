import { context, createContextKey } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpAdmission } from '../../../instrumentations/fetch/admission.ts';
import { guardGlobalFetch } from '../../../instrumentations/fetch/global-fetch.ts';
import { RequestObserver } from '../../../instrumentations/fetch/request-observer.ts';
import { setFaultReporter } from '../../../src/core/fault.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
import type { Registry } from '../../../src/registry/registry.ts';

const url = 'http://shop.example/x';
const origin = 'http://shop.example';

interface Scope {
  fetch: (...args: unknown[]) => unknown;
}

let registry: Registry;
let original: ReturnType<typeof vi.fn<(...args: unknown[]) => unknown>>;
let scope: Scope;
let undo: () => void;
const install = () => guardGlobalFetch(new HttpAdmission(() => registry), new RequestObserver(), scope);
const calls = () => registry.find(origin)?.snapshot().calls;

beforeEach(() => {
  registry = createRegistry();
  original = vi.fn(async () => new Response('ok'));
  scope = { fetch: original };
  undo = install();
});
afterEach(() => undo());

describe('a guarded fetch', () => {
  it('hands on the very arguments and the very response', async () => {
    const response = new Response('ok');
    original.mockResolvedValueOnce(response);
    const init = { method: 'POST', body: 'x' };
    const input = new URL(url);
    expect(await scope.fetch(input, init, 'more')).toBe(response);
    expect(original.mock.calls).toEqual([[input, init, 'more']]);
    expect(original.mock.calls[0]?.[0]).toBe(input);
    expect(original.mock.calls[0]?.[1]).toBe(init);
    expect(calls()).toMatchObject({ success: 1 });
  });

  it('reads what the caller computes once, and says nothing of what that throws: the original does', async () => {
    const read: string[] = [];
    const note = (name: string): undefined => void read.push(name);
    await scope.fetch(url, {
      get dispatcher() {
        return note('dispatcher');
      },
      get signal() {
        return note('signal');
      },
    });
    expect(read).toEqual(['dispatcher', 'signal']);
    const faults: unknown[] = [];
    setFaultReporter((fault) => faults.push(fault));
    const throwing = {
      get signal() {
        throw new Error('its own');
      },
    };
    await scope.fetch(url, throwing);
    setFaultReporter(undefined);
    expect(faults).toEqual([]);
    expect(original).toHaveBeenLastCalledWith(url, throwing);
    expect(calls()).toMatchObject({ success: 1 });
  });

  it('hands on the very error', async () => {
    const error = new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) });
    original.mockRejectedValueOnce(error);
    await expect(scope.fetch(url)).rejects.toBe(error);
    expect(calls()).toMatchObject({ failure: 1 });
  });

  it('refuses without calling the original, with an error that says why, and leaves the body alone', async () => {
    registry.get(origin).forceOpen();
    const request = new Request(url, { method: 'POST', body: 'precious' });
    await expect(scope.fetch(request)).rejects.toMatchObject({ name: 'BreakerOpenError', code: 'EBREAKEROPEN', breaker: origin });
    expect(original).not.toHaveBeenCalled();
    expect(request.bodyUsed).toBe(false);
    expect(await request.text()).toBe('precious');
  });

  it('has one breaker per origin', async () => {
    await scope.fetch('http://a.example/1');
    await scope.fetch('http://a.example:80/2?x');
    await scope.fetch('https://a.example/3');
    expect(registry.list().map(({ name }) => name)).toEqual(['http://a.example', 'https://a.example']);
    expect(registry.get('https://a.example').target).toEqual({ system: 'http', address: 'a.example', port: 443, server: 'https://a.example' });
  });

  it.each(['data:,x', 'blob:nodedata:1', '/relative', undefined, 7])('lets %j through: no server is asked', async (input) => {
    await scope.fetch(input);
    expect(original).toHaveBeenCalledWith(input);
    expect(registry.list()).toEqual([]);
  });

  it('makes no call of one that is aborted already', async () => {
    const signal = AbortSignal.abort();
    await scope.fetch(url, { signal });
    await scope.fetch(new Request(url, { signal }));
    expect(original).toHaveBeenCalledTimes(2);
    expect(registry.list()).toEqual([]);
  });

  it("knows a Request's own signal", async () => {
    const controller = new AbortController();
    original.mockImplementationOnce(
      () =>
        new Promise((_, reject) => {
          controller.signal.addEventListener('abort', () => reject(controller.signal.reason));
        }),
    );
    const pending = scope.fetch(new Request(url, { signal: controller.signal }));
    controller.abort(new Error('mine'));
    await expect(pending).rejects.toThrow('mine');
    expect(calls()).toMatchObject({ cancelled: 1, failure: 0 });
  });

  it("is not in the way of OpenTelemetry's own requests", async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    const suppressed = context.active().setValue(createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'), true);
    await context.with(suppressed, () => scope.fetch(url));
    context.disable();
    expect(registry.list()).toEqual([]);
  });

  it('counts once when it is guarded twice', async () => {
    const second = guardGlobalFetch(new HttpAdmission(() => registry), new RequestObserver(), scope);
    await scope.fetch(url);
    second();
    expect(calls()).toMatchObject({ success: 1 });
  });

  it('counts once what an application wraps and guards again', async () => {
    const inner = scope.fetch;
    scope.fetch = (...args) => inner(...args);
    const second = install();
    await scope.fetch(url);
    second();
    expect(calls()).toMatchObject({ success: 1 });
  });

  it('survives a fault of its own', async () => {
    const faults = vi.fn();
    const before = setFaultReporter(faults);
    vi.spyOn(registry, 'get').mockImplementationOnce(() => {
      throw new Error('ours');
    });
    expect(await (await (scope.fetch(url) as Promise<Response>)).text()).toBe('ok');
    setFaultReporter(before);
    expect(faults).toHaveBeenCalledOnce();
  });

  it.each([undefined, { status: 'odd' }, { status: 503 }, 'text'])('takes what a mock answers as it comes: %j', async (answer) => {
    original.mockResolvedValueOnce(answer);
    expect(await scope.fetch(url)).toBe(answer);
    original.mockReturnValueOnce(answer);
    expect(scope.fetch(url)).toBe(answer);
    expect(registry.get(origin).inFlight).toBe(0);
  });

  it('hands on a promise of another kind as it is', async () => {
    // biome-ignore lint/suspicious/noThenProperty: a foreign promise is what this is about
    const thenable = { then: (resolve: (value: unknown) => void) => resolve(new Response('x', { status: 500 })) };
    original.mockReturnValueOnce(thenable);
    expect(scope.fetch(url)).toBe(thenable);
    await Promise.resolve();
    expect(calls()).toMatchObject({ failure: 1 });
  });
});

describe('the guard', () => {
  it('looks like the original in every way', () => {
    function fetch(_input: unknown, _init?: unknown): void {}
    Object.assign(fetch, { preconnect: () => 'x' });
    const plain: { fetch: unknown } = { fetch };
    const remove = guardGlobalFetch(new HttpAdmission(() => registry), new RequestObserver(), plain);
    const guarded = plain.fetch as typeof fetch & { preconnect: unknown };
    expect(guarded).not.toBe(fetch);
    expect([guarded.name, guarded.length, guarded.prototype, guarded.preconnect]).toEqual([
      'fetch',
      2,
      fetch.prototype,
      Reflect.get(fetch, 'preconnect'),
    ]);
    expect(Object.getOwnPropertyDescriptor(plain, 'fetch')).toMatchObject({ configurable: true, enumerable: true, writable: true });
    remove();
  });

  it('is one frame in the stack of an error that is made within the call', async () => {
    original.mockImplementationOnce(async () => {
      throw new Error('at once');
    });
    const error = await (scope.fetch(url) as Promise<unknown>).catch((reason: unknown) => reason);
    expect((error as Error).stack?.match(/global-fetch\.ts/g)).toHaveLength(1);
  });

  it.each([url, 'about:blank'])("leaves the caller's frames in the stack of an error that is made within the call: %s", async (input) => {
    original.mockImplementation(async () => {
      throw new Error('at once');
    });
    const deep = async (fetch: Scope['fetch'], depth: number): Promise<number> => {
      if (depth > 0) return deep(fetch, depth - 1);
      const error = await (fetch(input) as Promise<unknown>).catch((reason: unknown) => reason);
      return String((error as Error).stack).match(/ deep /g)?.length ?? 0;
    };
    const limit = Error.stackTraceLimit;
    const bare = await deep(original, 20);
    expect(bare).toBeGreaterThan(3);
    expect(await deep(scope.fetch, 20)).toBeGreaterThanOrEqual(bare);
    expect(Error.stackTraceLimit).toBe(limit);
  });

  it('restores exactly what was there', () => {
    expect(scope.fetch).not.toBe(original);
    undo();
    expect(scope.fetch).toBe(original);
    expect(Object.getOwnPropertyDescriptor(scope, 'fetch')).toEqual({ configurable: true, enumerable: true, writable: true, value: original });
  });

  it('respects a fetch that the application put there, and does not clobber it on removal', async () => {
    const mock = vi.fn(async () => new Response('mock'));
    scope.fetch = mock;
    expect(scope.fetch).toBe(mock);
    await scope.fetch(url);
    expect(registry.list()).toEqual([]);
    undo();
    expect(scope.fetch).toBe(mock);
  });

  it('stays inside what wraps it, and is out of the way after removal', async () => {
    const inner = scope.fetch;
    const wrapper = vi.fn((...args: unknown[]) => inner(...args));
    scope.fetch = wrapper;
    await scope.fetch(url);
    expect(calls()).toMatchObject({ success: 1 });
    undo();
    await scope.fetch(url);
    expect(scope.fetch).toBe(wrapper);
    expect(original).toHaveBeenCalledTimes(2);
    expect(calls()).toMatchObject({ success: 1 });
  });

  it('is there again after a spy or a mocking library', async () => {
    const plain = async (): Promise<unknown> => new Response('ok');
    scope = { fetch: plain };
    const remove = install();
    const guard = scope.fetch;
    const spy = vi.spyOn(scope, 'fetch').mockResolvedValue('mocked');
    expect(await scope.fetch(url)).toBe('mocked');
    expect(calls()).toBeUndefined();
    spy.mockRestore();
    expect(scope.fetch).toBe(guard);
    await scope.fetch(url);
    expect(calls()).toMatchObject({ success: 1 });
    remove();
    expect(scope.fetch).toBe(plain);
  });

  it('comes and goes as often as asked', async () => {
    undo();
    undo = install();
    await scope.fetch(url);
    expect(calls()).toMatchObject({ success: 1 });
    undo();
    expect(scope.fetch).toBe(original);
  });

  it('leaves alone what is no function or cannot be changed', () => {
    expect(() => guardGlobalFetch(new HttpAdmission(() => registry), new RequestObserver(), {})()).not.toThrow();
    const frozen = Object.freeze({ fetch: original });
    expect(() => guardGlobalFetch(new HttpAdmission(() => registry), new RequestObserver(), frozen)()).not.toThrow();
  });
});

describe('a result', () => {
  const turnsUntilSettled = async (promise: Promise<unknown>): Promise<number> => {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    for (let turns = 0; ; turns += 1) {
      if (settled) return turns;
      await null;
    }
  };

  it.each([
    ['an answer', async () => new Response('ok')],
    ['an error', async () => Promise.reject(new TypeError('fetch failed'))],
  ])('that is %s comes no turn earlier than without us, and one later', async (_what, result) => {
    original.mockImplementation(result);
    const bare = await turnsUntilSettled(original(url) as Promise<unknown>);
    expect(await turnsUntilSettled(scope.fetch(url) as Promise<unknown>)).toBe(bare + 1);
  });
});

describe('a rejection', () => {
  it('that nobody handles is reported by Node as before', async () => {
    const unhandled = vi.fn();
    const before = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', unhandled);
    const error = new Error('network');
    original.mockImplementationOnce(() => Promise.reject(error));
    void scope.fetch(url);
    await new Promise((resolve) => setImmediate(resolve));
    process.removeAllListeners('unhandledRejection');
    for (const listener of before) process.on('unhandledRejection', listener);
    expect(unhandled.mock.calls.map(([reason]) => reason)).toEqual([error]);
  });
});
