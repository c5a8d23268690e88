import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AdminAnswer, BreakerDetail, Overview } from '../../src/management/wire.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { type SpawnAppOptions, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

const secret = 'correct-horse-battery';
let upstream: HttpUpstreamHandle;
let receiver: OtlpReceiver;
let app: SpawnedApp | undefined;
let port: number;
const sockets: Socket[] = [];

beforeAll(async () => {
  [upstream, receiver] = await Promise.all([startHttpUpstream(), startOtlpReceiver()]);
});

afterAll(async () => {
  await Promise.all([upstream?.stop(), receiver?.stop()]);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app?.stop();
  app = undefined;
});

async function start(env: Record<string, string | undefined> = {}, options: SpawnAppOptions = {}): Promise<SpawnedApp> {
  port = await freePort();
  app = await spawnApp('management/service.mjs', {
    imports: ['otel-breaker/register'],
    nodeArgs: ['--expose-gc'],
    ...options,
    env: {
      UPSTREAM_URL: `http://127.0.0.1:${upstream.port}/`,
      OTEL_SERVICE_NAME: 'shop',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_BLRP_SCHEDULE_DELAY: '100',
      OTEL_BREAKER_MANAGEMENT_PORT: String(port),
      OTEL_BREAKER_ADMIN_TOKEN: `ops:${secret}`,
      ...env,
    },
  });
  return app;
}

interface Said {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** By hand, since `fetch` sets the Host header itself and tidies paths. */
function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers: { connection: 'close', ...headers } }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk: string) => (text += chunk))
        .on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    request.on('error', reject).end(body);
  });
}

const authorized = (token = secret) => ({ authorization: `Bearer ${token}`, 'content-type': 'application/json' });

async function until<T>(look: () => Promise<T | undefined>, patienceMs = 10_000): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('did not happen in time');
    await sleep(50);
  }
}

const served = () => until(async () => ((await ask('/health/live')).status === 200 ? true : undefined));
const name = (): string => `http://127.0.0.1:${upstream.port}`;

/** Text sent as it is, and all that comes back until the other side closes, or for so long. */
async function raw(text: string, waitMs = 20_000): Promise<{ readonly text: string; readonly closed: boolean; readonly ms: number }> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let said = '';
  const started = Date.now();
  socket.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  socket.on('error', () => {});
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  const timer = new AbortController();
  const closed = await Promise.race([once(socket, 'close').then(() => true), sleep(waitMs, false, { signal: timer.signal }).catch(() => false)]);
  timer.abort();
  return { text: said, closed, ms: Date.now() - started };
}

describe('a service with the preload', () => {
  it('is shown and controlled at one port with its metrics, and what was done is in the audit log', async () => {
    const running = await start();
    await served();
    expect(await running.get('upstream')).toBe(200);
    const overview = JSON.parse((await ask('/api/overview')).text) as Overview;
    expect(overview).toMatchObject({ service: 'shop', pid: running.pid, adminEnabled: true, breakers: [{ name: name(), state: 'closed' }] });
    expect((await ask('/metrics')).text).toMatch(/^breaker_status\{.*breaker_state="closed".*\} 1/m);
    expect((await ask('/')).status).toBe(200);

    const at = `/admin/circuit-breakers/${encodeURIComponent(name())}`;
    const forced = await ask(`${at}/force-open`, { method: 'POST', headers: authorized(), body: '{"reason":"game day"}' });
    expect([forced.status, JSON.parse(forced.text) as AdminAnswer]).toMatchObject([
      200,
      { actor: 'ops', changes: [{ after: { state: 'forced_open' } }] },
    ]);
    expect(await running.call('upstream')).toMatchObject({ ok: false, error: { code: 'EBREAKEROPEN' } });
    const detail = JSON.parse((await ask(`/health/circuit-breakers/${encodeURIComponent(name())}`)).text) as BreakerDetail;
    expect(detail.transitions.at(-1)).toMatchObject({ to: 'forced_open', trigger: 'manual', reason: 'by ops: game day' });
    expect((await ask('/health/live')).status).toBe(200);
    await ask(`${at}/release`, { method: 'POST', headers: authorized() });
    expect(await running.get('upstream')).toBe(200);

    const logged = await receiver.waitFor(({ logs }) =>
      logs.find(({ eventName, body }) => eventName === 'breaker.admin' && String(body).includes('game day')),
    );
    expect(logged.attributes).toMatchObject({ 'breaker.admin.actor': 'ops', 'breaker.admin.action': 'force-open', 'breaker.name': name() });
    // Nothing that was asked of us is a request of the service's.
    await sleep(300);
    expect(receiver.spans.filter(({ kind }) => kind === 'SERVER')).toEqual([]);
  });

  it('reads its configuration again when told to', async () => {
    await start();
    await served();
    const said = await ask('/admin/config/reload', { method: 'POST', headers: authorized() });
    expect([said.status, JSON.parse(said.text)]).toMatchObject([200, { applied: true, changes: [] }]);
  });

  it('ends when it has nothing more to do, whoever still looks at it', async () => {
    const running = await start({ OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' });
    await served();
    const stream = raw('GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await until(async () => ((await ask('/health')).status === 200 ? true : undefined));
    await running.call('finish').catch(() => {});
    expect(await Promise.race([running.exited, sleep(5_000)])).toEqual({ code: 0, signal: null });
    expect((await stream).text).toContain('event: overview');
  });

  it('with an SDK of its own is shown all the same, and its metrics go where they went', async () => {
    const running = await start({ OTEL_BREAKER_SDK: 'off' });
    await served();
    await running.get('upstream');
    expect(JSON.parse((await ask('/api/overview')).text)).toMatchObject({ breakers: [{ name: name() }] });
    expect((await ask('/metrics')).status).toBe(404);
  });

  it('serves nothing where management is off, or where others could reach it without a token', async () => {
    for (const env of [{ OTEL_BREAKER_MANAGEMENT: 'off' }, { OTEL_BREAKER_MANAGEMENT_HOST: '0.0.0.0', OTEL_BREAKER_ADMIN_TOKEN: undefined }]) {
      const running = await start({ OTEL_BREAKER_SDK: 'off', ...env });
      await sleep(1_000);
      await expect(ask('/health/live')).rejects.toThrow('ECONNREFUSED');
      expect(await running.get('own')).toBe('ok');
      if (env.OTEL_BREAKER_MANAGEMENT_HOST !== undefined) {
        await vi.waitFor(() => expect(running.stderr).toMatch(/no management at 0\.0\.0\.0.*OTEL_BREAKER_ADMIN_TOKEN/), 10_000);
      }
      await running.stop();
    }
  });

  it('serves metrics that others may read, and keeps control to this machine', async () => {
    const metrics = await freePort();
    await start({ OTEL_EXPORTER_PROMETHEUS_HOST: '0.0.0.0', OTEL_EXPORTER_PROMETHEUS_PORT: String(metrics), OTEL_BREAKER_ADMIN_TOKEN: undefined });
    await served();
    expect((await fetch(`http://127.0.0.1:${metrics}/metrics`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${metrics}/health`)).status).toBe(404);
    expect((await ask('/metrics')).status).toBe(404);
    expect((await ask('/admin/config/reload', { method: 'POST' })).text).toContain('admin_disabled');
  });

  it('beside others on one host finds a port of its own, and they are all there', async () => {
    const env = { OTEL_BREAKER_MANAGEMENT_PORT: undefined, OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };
    const first = await start(env);
    const second = await spawnApp('management/service.mjs', { imports: ['otel-breaker/register'], env: { ...env, UPSTREAM_URL: name() } });
    try {
      const pids = await until(async () => {
        const found = await Promise.all(
          Array.from({ length: 8 }, async (_, index) => {
            const response = await fetch(`http://127.0.0.1:${9_464 + index}/api/overview`).catch(() => undefined);
            return response?.ok ? ((await response.json()) as Overview).pid : 0;
          }),
        );
        return found.includes(first.pid) && found.includes(second.pid) ? found : undefined;
      });
      expect(pids.indexOf(first.pid)).not.toBe(pids.indexOf(second.pid));
    } finally {
      await second.stop();
    }
  });
});

describe('whoever means harm', () => {
  it('cannot control anything without the token', async () => {
    const running = await start();
    await served();
    await running.get('upstream');
    const at = `/admin/circuit-breakers/${encodeURIComponent(name())}/force-open`;
    const asked: [Asked, number][] = [
      [{}, 401],
      [{ headers: authorized('wrong') }, 401],
      [{ headers: { ...authorized(), host: 'evil.example' } }, 403],
      [{ headers: { ...authorized(), origin: 'http://evil.example' } }, 403],
      [{ headers: { ...authorized(), 'content-type': 'text/plain' }, body: '{}' }, 415],
      [{ headers: authorized(), body: `{"reason":"${'x'.repeat(20_000)}"}` }, 413],
      [{ headers: { ...authorized(), 'transfer-encoding': 'chunked' }, body: `{"reason":"${'x'.repeat(20_000)}"}` }, 413],
    ];
    for (const [given, status] of asked)
      expect([given.headers, (await ask(at, { method: 'POST', ...given })).status]).toEqual([given.headers, status]);
    expect((await ask('/health', { headers: { host: 'evil.example' } })).status).toBe(403);
    for (const path of [
      '/../../../etc/passwd',
      '/assets/../../package.json',
      '/assets/..%2f..%2fpackage.json',
      '//etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
    ]) {
      const said = await ask(path);
      expect([path, said.status]).toEqual([path, 404]);
      expect(said.text).not.toMatch(/root:|"name": "otel-breaker"/);
    }
    expect(await running.get('upstream')).toBe(200);
    const overview = JSON.parse((await ask('/api/overview')).text) as Overview;
    expect(overview.breakers[0]?.state).toBe('closed');
  });

  it('cannot hold connections by being slow, nor by sending nonsense', async () => {
    const running = await start();
    await served();
    const slow = [
      raw('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '),
      raw(
        'POST /admin/config/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer correct-horse-battery\r\nContent-Length: 100\r\n\r\n{',
      ),
    ];
    const nonsense = await Promise.all([
      raw('\x16\x03\x01 hello\r\n\r\n', 3_000),
      raw(`GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`, 3_000),
      raw('GET /health HTTP/1.1\r\n\r\n', 3_000),
    ]);
    expect(nonsense.map(({ text }) => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1])).toEqual(['400', '431', '400']);
    expect(await running.get('own')).toBe('ok');
    for (const { closed, ms, text } of await Promise.all(slow)) {
      expect([closed, text]).toEqual([true, expect.stringMatching(/^HTTP\/1\.1 408/)]);
      expect(ms).toBeLessThan(15_000);
    }
  });

  it('cannot take all connections: those that are too many are closed, and later there is room again', async () => {
    const running = await start();
    await served();
    for (let index = 0; index < 200; index += 1) sockets.push(connect(port, '127.0.0.1').on('error', () => {}));
    await sleep(500);
    expect(await running.get('own')).toBe('ok');
    expect(sockets.filter((socket) => !socket.destroyed && socket.readyState === 'open').length).toBeLessThanOrEqual(64);
    // Who says nothing at all is shown the door after the time for headers.
    await until(async () => ((await ask('/health')).status === 200 ? true : undefined), 12_000);
  });

  it('cannot fill the memory by listening to events and never reading', async () => {
    const running = await start();
    await served();
    await running.get('upstream');
    const before = await running.get<number>('memory');
    for (let index = 0; index < 16; index += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      socket.pause();
      socket.write('GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    }
    await until(async () => ((await ask('/api/events')).status === 503 ? true : undefined));
    const at = `/admin/circuit-breakers/${encodeURIComponent(name())}`;
    for (let move = 0; move < 10; move += 1) await ask(`${at}/${move % 2 === 0 ? 'force-open' : 'reset'}`, { method: 'POST', headers: authorized() });
    await sleep(2_000);
    expect((await running.get<number>('memory')) - before).toBeLessThan(40_000_000);
    expect(await running.get('own')).toBe('ok');
  });

  it('does not harm the service by ten thousand requests', async () => {
    const running = await start({ OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' });
    await served();
    await running.get('upstream');
    const paths = ['/api/overview', '/health', '/metrics', '/nothing', `/health/circuit-breakers/${encodeURIComponent(name())}`];
    const statuses = new Map<number, number>();
    let left = 10_000;
    const attacker = async (): Promise<void> => {
      const { Agent } = await import('node:http');
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (left > 0) {
        left -= 1;
        const path = paths[left % paths.length] as string;
        const status = await new Promise<number>((resolve) => {
          const request = httpRequest({ host: '127.0.0.1', port, path, agent }, (response) => {
            response.resume().on('end', () => resolve(response.statusCode ?? 0));
          });
          request.on('error', () => resolve(0)).end();
        });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      agent.destroy();
    };
    const attack = Promise.all(Array.from({ length: 20 }, attacker));
    const waits: number[] = [];
    while (left > 0) {
      const started = performance.now();
      expect(await running.get('own')).toBe('ok');
      waits.push(performance.now() - started);
      await sleep(20);
    }
    await attack;
    expect([...statuses.keys()].sort()).toEqual([200, 404]);
    waits.sort((a, b) => a - b);
    expect(waits.at(Math.floor(waits.length * 0.95))).toBeLessThan(500);
    expect(await running.get('upstream')).toBe(200);
  });
});
