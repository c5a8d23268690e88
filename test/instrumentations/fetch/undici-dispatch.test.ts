import { beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpAdmission } from '../../../instrumentations/fetch/admission.ts';
import { RequestObserver } from '../../../instrumentations/fetch/request-observer.ts';
import type { ControllerHandler, DispatchController } from '../../../instrumentations/fetch/types.ts';
import { undiciHook } from '../../../instrumentations/fetch/undici-dispatch.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';
import type { Registry } from '../../../src/registry/registry.ts';

// undici 8 needs a newer Node than the oldest supported one: its ways are played here.
const kUrl = Symbol('url');
const origin = 'http://shop.example';
const request = { path: '/', method: 'GET' };

class DispatcherBase {
  readonly handed: ControllerHandler[] = [];
  dispatch(_options: unknown, handler: ControllerHandler): boolean {
    this.handed.push(handler);
    return true;
  }
}
/** A dispatcher of an application's own: what it does with its handler cannot be observed from elsewhere. */
class Server extends DispatcherBase {
  readonly [kUrl] = new URL(origin);
}
class Pool extends Server {
  readonly client = new Server();
  override dispatch(options: unknown, handler: ControllerHandler): boolean {
    super.dispatch(options, handler);
    return this.client.dispatch(options, this.handed.at(-1) as ControllerHandler);
  }
}
class Agent extends DispatcherBase {}

let registry: Registry;
let handler: { [K in keyof Required<ControllerHandler>]: ReturnType<typeof vi.fn> };
const controller: DispatchController = { aborted: false };

beforeEach(() => {
  registry = createRegistry();
  const methods = ['onRequestStart', 'onResponseStart', 'onResponseData', 'onResponseEnd', 'onResponseError', 'onRequestUpgrade'] as const;
  const optional = ['onResponseStarted', 'onBodySent', 'onRequestSent'] as const;
  handler = Object.fromEntries([...methods, ...optional].map((name) => [name, vi.fn()])) as typeof handler;
  const undo = undiciHook(new HttpAdmission(() => registry), new RequestObserver()).patch(DispatcherBase, {
    file: '',
    version: '8.12.4',
    directory: '',
  });
  return () => undo?.();
});

function sent(client: DispatcherBase = new Server()): ControllerHandler {
  client.dispatch(request, handler as unknown as ControllerHandler);
  const guarded = client.handed.at(-1) as ControllerHandler;
  guarded.onRequestStart(controller, 'context');
  return guarded;
}
const calls = () => registry.get(origin).snapshot().calls;

describe('a handler of undici 8', () => {
  it('hears everything as it was said', () => {
    const guarded = sent();
    guarded.onBodySent?.('a');
    guarded.onRequestSent?.();
    guarded.onResponseStarted?.();
    guarded.onResponseStart?.(controller, 100, {}, 'Continue');
    guarded.onResponseStart?.(controller, 200, { a: 'b' }, 'OK');
    guarded.onResponseData?.(controller, 'chunk');
    guarded.onResponseEnd?.(controller, { c: 'd' });
    expect(handler.onRequestStart.mock.calls).toEqual([[controller, 'context']]);
    expect(handler.onResponseStart.mock.calls).toEqual([
      [controller, 100, {}, 'Continue'],
      [controller, 200, { a: 'b' }, 'OK'],
    ]);
    expect(handler.onResponseData.mock.calls).toEqual([[controller, 'chunk']]);
    expect(handler.onResponseEnd.mock.calls).toEqual([[controller, { c: 'd' }]]);
    for (const name of ['onBodySent', 'onRequestSent', 'onResponseStarted'] as const) expect(handler[name]).toHaveBeenCalledOnce();
    expect(calls()).toMatchObject({ success: 1, failure: 0 });
  });

  it('that answers 503 fails with its Retry-After', () => {
    registry.get(origin);
    registry.replace(origin, { consecutiveFailures: 1 });
    sent().onResponseStart?.(controller, 503, { 'retry-after': '30' }, 'busy');
    expect(registry.get(origin).snapshot().retryAfterMs).toBeGreaterThan(25_000);
  });

  it('that fails counts, unless the caller aborted', () => {
    const reset = Object.assign(new Error('x'), { code: 'ECONNRESET' });
    sent().onResponseError?.(controller, reset);
    sent().onResponseError?.({ aborted: true, reason: reset }, reset);
    sent().onResponseError?.(null, Object.assign(new Error('closed'), { code: 'UND_ERR_CLOSED' }));
    expect(handler.onResponseError.mock.calls[0]).toEqual([controller, reset]);
    expect(calls()).toMatchObject({ failure: 1, cancelled: 1, ignored: 1 });
  });

  it('of an upgrade succeeds', () => {
    sent().onRequestUpgrade?.(controller, 101, {}, 'socket');
    expect(handler.onRequestUpgrade.mock.calls).toEqual([[controller, 101, {}, 'socket']]);
    expect(calls()).toMatchObject({ success: 1 });
  });

  it('that is refused is told so later, as of a connection that failed', async () => {
    registry.get(origin).forceOpen();
    const client = new Server();
    expect(client.dispatch(request, handler as unknown as ControllerHandler)).toBe(true);
    expect(handler.onResponseError).not.toHaveBeenCalled();
    await Promise.resolve();
    expect(handler.onResponseError.mock.calls).toEqual([[null, expect.objectContaining({ code: 'EBREAKEROPEN' })]]);
    expect(client.handed).toEqual([]);
  });
});

describe('a dispatch', () => {
  it('is admitted once on its way from a pool to a client', () => {
    const pool = new Pool();
    sent(pool).onResponseEnd?.(controller, {});
    expect(pool.client.handed).toEqual(pool.handed);
    expect(registry.get(origin).inFlight).toBe(1);
  });

  it('by an agent, which only chooses a pool, is not admitted there', () => {
    sent(new Agent());
    expect(registry.list()).toEqual([]);
  });

  it.each([
    ['a CONNECT', { ...request, method: 'CONNECT' }, {}],
    ['no options', undefined, {}],
    ['a handler that lacks what is needed', request, { onResponseData: undefined }],
    ['an upgrade that the handler cannot take', { ...request, upgrade: 'x' }, { onRequestUpgrade: undefined }],
  ])('of %s goes through as it is', (_what, options, changes) => {
    const given = { ...handler, ...changes } as unknown as ControllerHandler;
    const client = new Server();
    client.dispatch(options, given);
    expect(client.handed).toEqual([given]);
    expect(registry.list()).toEqual([]);
  });
});
