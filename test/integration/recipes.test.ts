import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startHttpUpstream } from '../support/servers/http-upstream.ts';
import { startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import { type Kitchen, kitchen, type Recipe, recipe } from './recipes.ts';

const used: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of used.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function using<T extends AsyncDisposable>(resource: T): T {
  used.push(resource);
  return resource;
}

/** The recipe's folder, with its configuration in it. */
function prepared(of: Recipe): Kitchen {
  const made = using(kitchen(of));
  made.configure(of.yaml);
  return made;
}

/** An API of which each path fails as often as it says: `/prices/tea?503,hang` answers 503, then not at all, then 200. */
async function flakyApi(): Promise<{ readonly url: string; readonly requests: Record<string, number> }> {
  const requests: Record<string, number> = {};
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    requests[path] = (requests[path] ?? 0) + 1;
    const failure = path.split('?')[1]?.split(',')[requests[path] - 1] ?? '200';
    if (failure === 'reset') request.socket.destroy();
    else if (failure !== 'hang') response.writeHead(Number(failure)).end(JSON.stringify({ path }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  using({ [Symbol.asyncDispose]: stop });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** Of the test's own: looks at a Redis, or changes what is in it. */
function onlooker(url: string): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  using({ [Symbol.asyncDispose]: async () => client.disconnect() });
  return client;
}

describe('the recipes of the README', () => {
  it('retry a flaky API', async () => {
    const api = await flakyApi();
    const { start } = prepared(recipe('Retry a flaky API'));
    const app = await start({ PRICES_URL: api.url });
    const flaky = ['tea?503,503', 'tea?reset', 'tea?hang,503'];
    for (const sku of flaky) expect(await app.get('price', sku)).toEqual({ path: `/prices/${sku}` });
    expect(api.requests).toEqual({ '/prices/tea?503,503': 3, '/prices/tea?reset': 2, '/prices/tea?hang,503': 3 });

    expect(await app.call('price', 'gone?404,404')).toMatchObject({ error: { message: 'prices answered 404' } });
    expect(await app.call('price', 'down?503,503,503,503')).toMatchObject({ error: { message: 'prices answered 503' } });
    expect(api.requests).toMatchObject({ '/prices/gone?404,404': 1, '/prices/down?503,503,503,503': 3 });

    const bare = await start({ PRICES_URL: api.url }, 'bare');
    expect(await bare.call('price', 'milk?503')).toMatchObject({ error: { message: 'prices answered 503' } });
  });

  it('serve stale on a dead cache', async () => {
    const redis = using(await startRedis());
    const REDIS_URL = `redis://127.0.0.1:${redis.port}`;
    const people = onlooker(REDIS_URL);
    await people.set('headline', 'all is well');

    const { start } = prepared(recipe('Serve stale on a dead cache'));
    const [app, bare] = await Promise.all([start({ REDIS_URL }), start({ REDIS_URL }, 'bare')]);
    for (const each of [app, bare]) expect(await each.get('headline')).toBe('all is well');

    await redis.kill();
    for (let n = 0; n < 20; n++) {
      const answer = await app.call('headline');
      expect(answer).toMatchObject({ ok: true, result: 'all is well' });
      // The first of them may wait for the news that Redis is gone.
      expect(answer.durationMs).toBeLessThan(n === 0 ? 5_000 : 1_000);
    }
    const waits = await Promise.race([bare.call('headline'), new Promise((resolve) => setTimeout(resolve, 1_000, 'waits'))]);
    expect(waits).toBe('waits');

    await redis.restart();
    await people.set('headline', 'all is well again');
    await vi.waitFor(async () => expect(await app.get('headline')).toBe('all is well again'), { timeout: 10_000, interval: 100 });
  });

  it('queue writes, which neither an outage nor a kill of the process loses', async () => {
    const redis = using(await startRedis());
    const REDIS_URL = `redis://127.0.0.1:${redis.port}`;
    const { start } = prepared(recipe('Queue writes'));
    const app = await start({ REDIS_URL });
    expect(await app.get('saveCart', 'before', { tea: 1 })).toBe('OK');

    await redis.kill();
    const carts = Array.from({ length: 50 }, (_, n) => `cart-${n}`);
    for (const [n, id] of carts.entries()) expect(await app.get('saveCart', id, { tea: n })).toBe('OK');
    expect(await app.get('saveCart', 'cart-0', { tea: 99 })).toBe('OK');
    expect(await app.get('readCart', 'cart-0')).toEqual({ tea: 99 });
    expect(await app.get('readCart', 'cart-7')).toEqual({ tea: 7 });
    app.signal('SIGKILL');
    await app.exited;

    const next = await start({ REDIS_URL });
    expect(await next.get('saveCart', 'late', { milk: 1 })).toBe('OK');
    await redis.restart();
    const people = onlooker(REDIS_URL);
    const found = async (id: string): Promise<unknown> => JSON.parse((await people.get(`cart:${id}`)) ?? 'null');
    await vi.waitFor(async () => expect(await people.dbsize()).toBe(51), { timeout: 20_000, interval: 100 });
    for (const [n, id] of carts.entries()) expect(await found(id)).toEqual({ tea: n === 0 ? 99 : n });
    expect(await found('late')).toEqual({ milk: 1 });
    const ttl = await people.ttl('cart:cart-7');
    expect(ttl).toBeGreaterThan(86_300);
    expect(ttl).toBeLessThan(86_400);
    await vi.waitFor(async () => expect(await next.get('readCart', 'cart-7')).toEqual({ tea: 7 }), { timeout: 10_000, interval: 100 });
  });

  it('fail over to a second region', async () => {
    const [us, eu] = [using(await startHttpUpstream()), using(await startHttpUpstream())];
    const written = recipe('Fail over to a second region');
    const regions = { 'us.api.example.com': `127.0.0.1:${us.port}`, 'https://eu.api.example.com': eu.url };
    // All that is not as it stands there: where the regions are.
    const yaml = Object.entries(regions).reduce((text, [name, address]) => text.replaceAll(name, address), written.yaml);
    expect(yaml).not.toContain('example.com');
    const { start } = prepared({ ...written, yaml });
    const app = await start({ API_URL: us.url });
    const servedBy = async (): Promise<string | undefined> => (await app.get<{ headers: { host?: string } }>('quote', 'ACME')).headers.host;
    expect(await servedBy()).toBe(`127.0.0.1:${us.port}`);

    await us.behave({ mode: 'status', status: 503 });
    expect(await servedBy()).toBe(`127.0.0.1:${eu.port}`);
    await us.behave({ mode: 'hang' });
    expect(await servedBy()).toBe(`127.0.0.1:${eu.port}`);
    await us.kill();
    for (let n = 0; n < 30; n++) expect(await servedBy()).toBe(`127.0.0.1:${eu.port}`);

    await eu.kill();
    expect(await app.call('quote', 'ACME')).toMatchObject({ error: { code: 'EALLTIERSFAILED' } });

    await us.behave({ mode: 'ok' });
    await us.restart();
    await vi.waitFor(async () => expect(await servedBy()).toBe(`127.0.0.1:${us.port}`), { timeout: 20_000, interval: 200 });
  });

  it('read-only mode, switched on and off while the process runs', async () => {
    const postgres = using(await startPostgres({ sql: 'CREATE TABLE products (name text)' }));
    const { yaml, code } = recipe('Read-only mode');
    const { start, configure } = using(kitchen({ yaml, code }));
    const app = await start({ DATABASE_URL: postgres.url });
    const add = (name: string) => app.call('addProduct', name);
    expect(await add('tea')).toMatchObject({ ok: true });

    configure(yaml);
    await vi.waitFor(async () => expect(await add('milk')).toMatchObject({ error: { code: 'EREADONLYMODE' } }), { timeout: 5_000, interval: 200 });
    const before = await app.get<{ name: string }[]>('products');
    expect(before[0]).toEqual({ name: 'milk' });
    for (let n = 0; n < 5; n++) expect(await add('sugar')).toMatchObject({ error: { code: 'EREADONLYMODE', name: 'ReadOnlyModeError' } });
    expect(await postgres.query('SELECT count(*) FROM products')).toEqual([{ count: `${before.length}` }]);

    configure('version: 1\n');
    await vi.waitFor(async () => expect(await add('sugar')).toMatchObject({ ok: true }), { timeout: 5_000, interval: 200 });
  });
});
