import { createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpAdmission } from '../../instrumentations/fetch/admission.ts';
import { guardGlobalFetch } from '../../instrumentations/fetch/global-fetch.ts';
import { RequestObserver } from '../../instrumentations/fetch/request-observer.ts';
import { IORedisBreakerInstrumentation, PgBreakerInstrumentation } from '../../instrumentations/index.ts';
import { turns } from '../policies/harness.ts';
import { inSpan, type Rig, setUp, TestSdk, unregister } from './sdk.ts';

// By `timeoutMs` alone, without policies whose span would tell: a server that takes connections and never says a word.

describe('the span of a call that runs out of its time, by client', () => {
  let sdk: TestSdk;
  let rig: Rig;
  let server: Server;
  let port: number;
  const sockets: Socket[] = [];
  const undo: (() => void)[] = [];

  beforeEach(async () => {
    sdk = new TestSdk().register();
    rig = setUp();
    server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
    rig.registry.configure(() => ({ options: { timeoutMs: 100, stall: undefined } }));
  });
  afterEach(() => {
    for (const each of undo.splice(0)) each();
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
    rig.telemetry.dispose();
    unregister();
  });

  async function timeOut(call: () => Promise<unknown>): Promise<unknown> {
    let error: unknown;
    const asked = inSpan('request', () => call().catch((reason: unknown) => (error = reason)));
    for (let waited = 0; error === undefined && waited < 100; waited += 1) {
      await turns();
      rig.clock.advance(10);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await asked;
    return error;
  }

  function expectSpan(name: string): void {
    const spans = sdk.spans(`breaker ${name}`);
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual(['ECALLTIMEOUT']);
    expect(spans[0]?.parentSpanContext?.spanId).toBe(sdk.spans('request')[0]?.spanContext().spanId);
  }

  it('Redis', async () => {
    const instrumentation = new IORedisBreakerInstrumentation({ registry: rig.registry });
    const redis = new Redis(port, '127.0.0.1');
    redis.on('error', () => undefined);
    undo.push(
      () => redis.disconnect(),
      () => instrumentation.disable(),
    );
    expect(await timeOut(() => redis.get('a'))).toMatchObject({ code: 'ECALLTIMEOUT' });
    expectSpan(`redis://127.0.0.1:${port} read`);
  });

  it('PostgreSQL', async () => {
    const instrumentation = new PgBreakerInstrumentation({ registry: rig.registry });
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'u', database: 'd' });
    pool.on('error', () => undefined);
    undo.push(() => instrumentation.disable());
    expect(await timeOut(() => pool.query('SELECT 1'))).toMatchObject({ code: 'ECALLTIMEOUT' });
    expectSpan(`postgresql://127.0.0.1:${port}/d read`);
  });

  it('fetch', async () => {
    const scope = { fetch: () => new Promise<never>(() => undefined) as Promise<unknown> };
    undo.push(guardGlobalFetch(new HttpAdmission(() => rig.registry), new RequestObserver(), scope));
    expect(await timeOut(() => (scope.fetch as (url: string) => Promise<unknown>)('http://shop.example/x'))).toMatchObject({ code: 'ECALLTIMEOUT' });
    expectSpan('http://shop.example');
  });
});
