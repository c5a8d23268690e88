import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckInput, resolveHealth } from '../../src/config/health.ts';
import { describeError } from '../../src/health/describe-error.ts';
import { questionOf } from '../../src/health/question.ts';
import type { HealthView, Overview } from '../../src/management/wire.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import { requireServer } from '../support/servers/require-server.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { repository, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

const password = 'Zq7xKw9';
const schema = readFileSync(join(repository, 'examples/shop/schema.sql'), 'utf8');

let folder: string;
let redis: ServerHandle;
let postgres: PostgresHandle;
let tlsPort: number;
/** Accepts, and keeps silent. */
let silent: Server;
let silentPort: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'otel-breaker-health-'));
  const [cert, key] = certificate();
  tlsPort = await freePort();
  [redis, postgres] = await Promise.all([
    startRedis({
      args: ['--requirepass', password, '--tls-port', `${tlsPort}`, '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no'],
    }),
    startPostgres({ sql: schema }),
  ]);
  silent = createServer((socket) => void socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  silentPort = (silent.address() as { port: number }).port;
});

afterAll(async () => {
  silent?.close();
  await Promise.all([redis?.stop(), postgres?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** One of this machine alone, good for an hour. */
function certificate(): readonly [cert: string, key: string] {
  const [cert, key] = [join(folder, 'server.crt'), join(folder, 'server.key')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync(requireServer('openssl'), ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  return [cert, key];
}

/** What comes of one check. */
function ask(check: Omit<CheckInput, 'name'>, env: Record<string, string> = {}): Promise<string> {
  const [resolved] = resolveHealth([{ checks: [{ name: 'x', ...check }] }])?.checks ?? [];
  if (resolved === undefined) throw new Error('no check');
  return questionOf(resolved, () => env)
    .ask(AbortSignal.timeout(5_000))
    .catch((error: unknown) => `failed: ${describeError(error)}`);
}

describe('real servers', () => {
  it('Redis: with its password, without, and by TLS', async () => {
    const at = `127.0.0.1:${redis.port}`;
    expect(await ask({ redis: `redis://:${password}@${at}` })).toBe('PING');
    expect(await ask({ redis: `redis://default:${password}@localhost:${redis.port}/3` })).toBe('PING');
    expect(await ask({ redis: `redis://:wrong@${at}` })).toMatch(/^failed: WRONGPASS/);
    expect(await ask({ redis: `redis://${at}` })).toMatch(/^failed: NOAUTH/);
    const encrypted = `rediss://:${password}@localhost:${tlsPort}`;
    expect(await ask({ redis: encrypted })).toBe('failed: self-signed certificate');
    expect(await ask({ redis: encrypted, verifyTls: false })).toBe('PING');
  });

  it('PostgreSQL: by every way to log in, and none', async () => {
    const at = `127.0.0.1:${postgres.port}`;
    expect(await ask({ postgresql: postgres.url })).toBe('SELECT 1');
    expect(await ask({ postgresql: `postgresql://${at}/shop` })).toBe('SSLRequest');
    expect(await ask({ postgresql: `postgresql://postgres@${at}/nowhere` })).toBe('failed: database "nowhere" does not exist (3D000)');
    await postgres.query(`CREATE ROLE app LOGIN PASSWORD 'p@ss/w:örd'`);
    await postgres.query(`SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'x'`);
    const hba = (await postgres.query('SHOW hba_file'))[0]?.hba_file ?? '';
    const lines = ['app 127.0.0.1/32 scram-sha-256', 'old 127.0.0.1/32 md5'].map((line) => `host all ${line}\n`).join('');
    writeFileSync(hba, lines + readFileSync(hba, 'utf8'));
    await postgres.query('SELECT pg_reload_conf()');
    const secret = encodeURIComponent('p@ss/w:örd');
    await expect
      .poll(() => ask({ postgresql: `postgresql://app:wrong@${at}/shop` }), { timeout: 10_000 })
      .toBe('failed: password authentication failed for user "[...]" (28P01)');
    expect(await ask({ postgresql: `postgresql://app:${secret}@${at}/shop` })).toBe('SELECT 1');
    expect(await ask({ postgresql: `postgresql://app:$\{SECRET}@${at}/shop` }, { SECRET: 'p@ss/w:örd' })).toBe('SELECT 1');
    expect(await ask({ postgresql: `postgresql://app@${at}/shop` })).toBe('start-up');
    expect(await ask({ postgresql: `postgresql://old:x@${at}/shop` })).toBe('SELECT 1');
    expect(await ask({ postgresql: `postgresql://old:y@${at}/shop` })).toMatch(/^failed: password authentication failed/);
  });

  it('PostgreSQL: by TLS, verified and not', async () => {
    const data = (await postgres.query('SHOW data_directory'))[0]?.data_directory ?? '';
    const { uid, gid } = statSync(data);
    for (const name of ['server.crt', 'server.key']) {
      copyFileSync(join(folder, name), join(data, name));
      chownSync(join(data, name), uid, gid);
      chmodSync(join(data, name), 0o600);
    }
    const secured = `postgresql://postgres@localhost:${postgres.port}/shop?sslmode=verify-full`;
    expect(await ask({ postgresql: secured })).toBe('failed: the server has no TLS, and the URL says sslmode=verify-full');
    await postgres.query('ALTER SYSTEM SET ssl = on');
    await postgres.query('SELECT pg_reload_conf()');
    await expect.poll(() => ask({ postgresql: secured }), { timeout: 10_000 }).toBe('failed: self-signed certificate');
    expect(await ask({ postgresql: `${secured}&sslrootcert=${join(folder, 'server.crt')}` })).toBe('SELECT 1');
    expect(await ask({ postgresql: secured.replace('verify-full', 'no-verify') })).toBe('SELECT 1');
    expect(await ask({ postgresql: secured, verifyTls: false })).toBe('SELECT 1');
  });
});

describe('a service with checks', () => {
  let app: SpawnedApp;
  let receiver: OtlpReceiver;
  let shop: string;
  let management: string;

  const configuration = (cache: string, more = ''): string => `
version: 1
health:
  intervalMs: 300ms
  timeoutMs: 500ms
  steadyMs: 500ms
  checks:
    - { name: cache, redis: "${cache}", critical: true }
    - { name: database, postgresql: "$\{DATABASE_URL}", critical: true }
    - { name: shop, http: "$\{SHOP}/products", dependsOn: [database] }
    - { name: self, tcp: "127.0.0.1:$\{PORT}" }
${more}
  degrade: { critical: read-only }
management: { readiness: { failOn: emergency, failOnChecks: [database] } }
`;
  const write = (text: string): void => writeFileSync(join(folder, 'breaker.yaml'), text);
  const usual = (): string => configuration(`redis://:$\{REDIS_PASSWORD}@127.0.0.1:${redis.port}`);

  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    const [port, managementPort] = [await freePort(), await freePort()];
    [shop, management] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${managementPort}`];
    write(usual());
    app = await spawnApp(join(repository, 'examples/shop/server.js'), {
      imports: ['otel-breaker/register'],
      env: {
        REDIS_URL: `redis://:${password}@127.0.0.1:${redis.port}`,
        REDIS_PASSWORD: password,
        DATABASE_URL: postgres.url,
        PORT: `${port}`,
        SHOP: shop,
        OTEL_BREAKER_CONFIG_FILE: join(folder, 'breaker.yaml'),
        OTEL_BREAKER_MANAGEMENT_PORT: `${managementPort}`,
        OTEL_SERVICE_NAME: 'shop',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: '100',
        OTEL_BLRP_SCHEDULE_DELAY: '100',
      },
      ready: false,
    });
  });

  afterAll(async () => {
    await app?.stop();
    await receiver?.stop();
  });

  const health = async (): Promise<HealthView> => (await (await fetch(`${management}/health`)).json()) as HealthView;
  const ready = async (): Promise<number> => (await fetch(`${management}/health/ready`)).status;
  const statuses = async () => Object.fromEntries((await health()).checks.map(({ name, status }) => [name, status]));

  /** Waits for what is seen at last. */
  const seen = <T>(look: () => Promise<T>) => expect.poll(() => look().catch(() => undefined), { timeout: 20_000, interval: 100 });

  it('is healthy, and its checks are no calls of its own', async () => {
    await seen(statuses).toEqual({ cache: 'up', database: 'up', shop: 'up', self: 'up' });
    // The server that is checked twice is one dependency.
    expect(await health()).toMatchObject({ status: 'healthy', ready: true, system: { dependencies: { total: 3, up: 3, unknown: 0 } } });
    expect((await health()).checks.map(({ asked }) => asked)).toEqual(['PING', 'SELECT 1', 'GET 200', 'connect']);
    await sleep(1_000);
    const { breakers, checks } = (await (await fetch(`${management}/api/overview`)).json()) as Overview;
    expect(checks).toHaveLength(4);
    // Those of the shop itself, whose page is asked: none to Redis, none by HTTP.
    expect(breakers.map(({ target }) => target.system)).toEqual(['postgresql']);
    const clients = receiver.spans.filter(({ kind, name }) => kind === 'CLIENT' && !name.startsWith('pg'));
    expect(clients.filter(({ name }) => !/^(connect|info|hello|client|auth|redis-)/i.test(name))).toEqual([]);
  });

  it('sees an outage and its end, serves calls as configured meanwhile, and says so', async () => {
    expect(await (await fetch(`${shop}/cart/a`)).json()).toEqual({});
    await redis.kill();
    await seen(health).toMatchObject({ status: 'critical', live: true, ready: true, degraded: { mode: 'read-only', by: 'health' } });
    await seen(statuses).toMatchObject({ cache: 'down', database: 'up', shop: 'up' });
    expect((await health()).checks[0]?.error).toBe(`connect ECONNREFUSED 127.0.0.1:${redis.port}`);
    expect(await (await fetch(`${shop}/cart/a`, { method: 'PUT', body: '{}' })).json()).toMatchObject({ error: 'EREADONLYMODE' });
    postgres.freeze();
    await seen(health).toMatchObject({ status: 'emergency', live: true, ready: false });
    await seen(statuses).toMatchObject({ cache: 'down', database: 'down', shop: 'down' });
    expect((await health()).checks.find(({ name }) => name === 'shop')).toMatchObject({ because: 'database' });
    expect((await health()).system.reasons).toContain('shop: down because database is');
    expect([await ready(), (await fetch(`${management}/health/live`)).status]).toEqual([503, 200]);
    postgres.thaw();
    await redis.restart();
    await seen(health).toMatchObject({ status: 'healthy', ready: true, system: { reasons: [] } });
    expect(await ready()).toBe(200);
    expect(await (await fetch(`${shop}/cart/a`, { method: 'PUT', body: '{}' })).json()).toEqual({ saved: true });
    const told = (text: RegExp) => receiver.waitFor(({ logs }) => logs.find(({ body }) => text.test(String(body))));
    expect((await told(/^cache \(critical\) is down: connect ECONNREFUSED/)).eventName).toBe('breaker.health_check');
    expect(await told(/^the state of the system is critical, before healthy/)).toMatchObject({
      eventName: 'breaker.health_change',
      severityText: 'WARN',
    });
    expect((await told(/^calls are served read-only by health/)).eventName).toBe('breaker.degrade');
    expect((await told(/^the state of the system is healthy, before/)).severityText).toBe('INFO');
  });

  it('takes other checks while it runs, tells no password, and keeps what it knows of the others', async () => {
    const since = async () => (await health()).checks.find(({ name }) => name === 'database')?.sinceMs ?? 0;
    const before = await since();
    write(
      configuration(
        `redis://:${password}wrong@127.0.0.1:${redis.port}`,
        `    - { name: silent, redis: "redis://:${password}@127.0.0.1:${silentPort}" }`,
      ),
    );
    await seen(statuses).toMatchObject({ cache: 'down', silent: 'down', database: 'up' });
    const errors = (await health()).checks.map(({ name, error }) => [name, error]);
    expect(errors).toContainEqual(['cache', 'WRONGPASS invalid username-password pair or user is disabled.']);
    expect(errors).toContainEqual(['silent', 'no answer within 500 ms']);
    expect(await since()).toBeGreaterThan(before);
    write(configuration(`redis//:${password}@127.0.0.1:${redis.port}`));
    await receiver.waitFor(({ logs }) => logs.find(({ body }) => /^configuration not reloaded.*health.checks\[0\].redis/.test(String(body))));
    write(usual());
    await seen(health).toMatchObject({ status: 'healthy' });
    expect(Object.keys(await statuses())).toEqual(['cache', 'database', 'shop', 'self']);
    const sent = JSON.stringify([receiver.logs, receiver.spans], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    const told = [app.stdout, app.stderr, sent];
    for (const path of ['/health', '/health/ready', '/api/overview', '/metrics', '/openapi.json'])
      told.push(await (await fetch(management + path)).text());
    expect(told.join('\n')).not.toContain(password);
  });

  it('checks nothing any more once the section is gone', async () => {
    write('version: 1\n');
    await seen(statuses).toEqual({});
    expect(await (await fetch(`${management}/metrics`)).text()).not.toContain('breaker_health');
    write(usual());
    await seen(statuses).toEqual({ cache: 'up', database: 'up', shop: 'up', self: 'up' });
    expect(await (await fetch(`${management}/metrics`)).text()).toMatch(/^breaker_health_status\{breaker_health_state="healthy",.*\} 1$/m);
  });
});

it('a program ends when it has nothing more to do, whatever is being checked', async () => {
  writeFileSync(
    join(folder, 'ends.yaml'),
    `version: 1\nhealth: { intervalMs: 100ms, timeoutMs: 60s, checks: [{ name: silent, redis: "redis://127.0.0.1:${silentPort}" }, { name: cache, redis: "redis://:${password}@127.0.0.1:${redis.port}" }] }\n`,
  );
  const port = await freePort();
  await using app = await spawnApp('management/service.mjs', {
    imports: ['otel-breaker/register'],
    env: {
      OTEL_BREAKER_CONFIG_FILE: join(folder, 'ends.yaml'),
      OTEL_BREAKER_MANAGEMENT_PORT: `${port}`,
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    },
  });
  await expect
    .poll(
      async () => ((await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as HealthView).checks.find(({ name }) => name === 'cache')?.status,
      { timeout: 20_000 },
    )
    .toBe('up');
  // One check is under way, and will be for a minute.
  const connections = () => new Promise<number>((resolve) => silent.getConnections((_, count) => resolve(count)));
  await expect.poll(connections, { timeout: 20_000 }).toBe(1);
  // Answered by its end only.
  void app.call('finish').catch(() => {});
  expect(await Promise.race([app.exited, sleep(20_000)])).toEqual({ code: 0, signal: null });
});
