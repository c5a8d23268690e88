import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { repository, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

let redis: ServerHandle;
let postgres: PostgresHandle;
let upstream: HttpUpstreamHandle;
beforeAll(async () => {
  redis = await startRedis();
  postgres = await startPostgres({ sql: await readFile(join(repository, 'examples/shop/schema.sql'), 'utf8') });
  upstream = await startHttpUpstream();
});
afterAll(async () => {
  for (const server of [redis, postgres, upstream]) await server?.stop();
});

describe.each([
  ['as it is', []],
  ['with the preload', ['otel-breaker/register']],
])('the example shop %s', (_how, imports) => {
  let app: SpawnedApp;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const servers = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, DATABASE_URL: postgres.url, SHIPPING_URL: upstream.url };
    const env = { ...servers, PORT: `${port}`, OTEL_SDK_DISABLED: 'true' };
    app = await spawnApp(join(repository, 'examples/shop/server.js'), { imports, env, ready: false });
    await vi.waitFor(() => fetch(`${url}/health`), { timeout: 20_000, interval: 50 });
  });
  afterAll(() => app?.stop());

  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(url + path, init);
    return { status: response.status, body: (await response.json()) as { id?: number } };
  };

  it('serves every route', async () => {
    expect(await ask('/products')).toMatchObject({ status: 200, body: { length: 20 } });
    expect(await ask('/cart/nobody')).toEqual({ status: 200, body: {} });
    expect(await ask('/cart/a', { method: 'PUT', body: '{"tea":2}' })).toEqual({ status: 200, body: { saved: true } });
    expect(await ask('/cart/a')).toEqual({ status: 200, body: { tea: 2 } });
    const order = await ask('/orders', { method: 'POST', body: '{"productId":3,"count":4}' });
    expect(order).toMatchObject({ status: 200, body: { id: expect.any(Number) } });
    expect(await postgres.query(`SELECT count FROM orders WHERE id = ${order.body.id}`)).toEqual([{ count: '4' }]);
    expect(await ask('/shipping')).toMatchObject({ status: 200, body: { ok: true } });
    expect(await ask('/nowhere')).toEqual({ status: 404, body: { error: 'NOT_FOUND' } });
  });

  it('rolls an order back that cannot be placed, and says why', async () => {
    const before = await postgres.query('SELECT count(*) FROM orders');
    expect(await ask('/orders', { method: 'POST', body: '{"productId":999}' })).toMatchObject({ status: 503, body: { error: '23503' } });
    expect(await postgres.query('SELECT count(*) FROM orders')).toEqual(before);
  });

  it('answers 503 with the code when the upstream is out of order', async () => {
    await upstream.behave({ mode: 'status', status: 503 });
    expect(await ask('/shipping')).toMatchObject({ status: 503, body: { error: 'SHIPPING_503' } });
    await upstream.behave({ mode: 'ok' });
  });

  it('ends on SIGTERM', async () => {
    app.signal('SIGTERM');
    expect(await app.exited).toEqual({ code: 0, signal: null });
  });
});
