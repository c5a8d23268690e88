import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { startHttpUpstream } from './http-upstream.ts';
import { startPostgres } from './postgres.ts';
import { descendants, startTime } from './process-tree.mjs';
import { startRedis } from './redis.ts';
import { startSlowProxy } from './slow-proxy.ts';

const started: AsyncDisposable[] = [];
const kept = <T extends AsyncDisposable>(server: T): T => {
  started.push(server);
  return server;
};
afterEach(async () => {
  for (const server of started.splice(0).reverse()) await server[Symbol.asyncDispose]();
});

/** What a PING gets within the time: the answer, 'silence', or the code of the connection error. */
function ping(port: number, timeoutMs = 500): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const end = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end('silence'));
    socket.once('data', (data) => end(data.toString().trim()));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
    socket.once('close', () => end('closed'));
  });
}

describe('a redis-server', () => {
  it('answers, refuses when killed, is silent when frozen, answers again when thawed or restarted, and is gone when stopped', async () => {
    const redis = kept(await startRedis());
    expect(await ping(redis.port)).toBe('+PONG');
    redis.freeze();
    expect(await ping(redis.port)).toBe('silence');
    redis.thaw();
    expect(await ping(redis.port)).toBe('+PONG');
    await redis.kill();
    expect(await ping(redis.port)).toBe('ECONNREFUSED');
    await redis.restart();
    expect(await ping(redis.port)).toBe('+PONG');
    redis.freeze();
    const { pid } = redis;
    await redis.stop();
    expect(startTime(pid)).toBeUndefined();
  });
});

describe('a PostgreSQL', () => {
  it('has its database, its statements run, and its rows read', async () => {
    const postgres = kept(await startPostgres({ sql: "CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, 'a'), (2, NULL)" }));
    expect(await postgres.query('SELECT * FROM t ORDER BY id')).toEqual([
      { id: '1', name: 'a' },
      { id: '2', name: null },
    ]);
    await expect(postgres.query('SELECT * FROM nowhere')).rejects.toThrow('relation "nowhere" does not exist');
  });

  it('freezes with all its processes, so that an open session is silent too', async () => {
    const postgres = kept(await startPostgres());
    const asked = postgres.query('SELECT pg_sleep(0.3)').then(() => 'answered');
    await sleep(100);
    postgres.freeze();
    expect(await Promise.race([asked, sleep(600, 'silence')])).toBe('silence');
    postgres.thaw();
    expect(await asked).toBe('answered');
  });

  it('is killed with all its processes and keeps its rows over a restart', async () => {
    const postgres = kept(await startPostgres({ sql: 'CREATE TABLE t AS SELECT 1 AS n' }));
    const below = descendants(postgres.pid);
    expect(below.length).toBeGreaterThan(2);
    await postgres.kill();
    expect(below.filter((pid) => startTime(pid) !== undefined)).toEqual([]);
    await postgres.restart();
    expect(await postgres.query('SELECT n FROM t')).toEqual([{ n: '1' }]);
  });
});

describe('an HTTP upstream', () => {
  it('answers as it was told and counts what it received, over a restart', async () => {
    const upstream = kept(await startHttpUpstream());
    const get = () => fetch(upstream.url, { method: 'POST', body: 'hello', signal: AbortSignal.timeout(400) });
    expect(await (await get()).json()).toMatchObject({ ok: true, method: 'POST', bodyBytes: 5 });
    await upstream.behave({ mode: 'status', status: 503, retryAfter: '2' });
    const refused = await get();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
    await refused.text();
    await upstream.behave({ mode: 'hang' });
    await expect(get()).rejects.toThrow(/timeout/);
    await upstream.behave({ mode: 'reset' });
    await expect(get()).rejects.toMatchObject({ cause: { code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) } });
    await upstream.behave({ mode: 'cut' });
    await expect(get().then((response) => response.arrayBuffer())).rejects.toThrow();
    expect(await upstream.countRequests()).toBe(5);
    await upstream.restart();
    await expect(get().then((response) => response.arrayBuffer())).rejects.toThrow();
    expect(await upstream.countRequests()).toBe(6);
  });
});

describe('a slow proxy', () => {
  it('passes on, delays, swallows, cuts and refuses', async () => {
    const redis = kept(await startRedis());
    const proxy = kept(await startSlowProxy(redis.port));
    expect(await ping(proxy.port)).toBe('+PONG');
    proxy.delay(400);
    expect(await ping(proxy.port, 300)).toBe('silence');
    expect(await ping(proxy.port, 2_000)).toBe('+PONG');
    proxy.delay(0);
    proxy.blackhole(true);
    expect(await ping(proxy.port)).toBe('silence');
    const cut = ping(proxy.port, 5_000);
    await sleep(100);
    proxy.cut();
    expect(await cut).toMatch(/ECONNRESET|closed/);
    proxy.blackhole(false);
    await proxy.refuse(true);
    expect(await ping(proxy.port)).toBe('ECONNREFUSED');
    await proxy.refuse(false);
    expect(await ping(proxy.port)).toBe('+PONG');
    expect(proxy.connections).toBe(6);
  });
});
