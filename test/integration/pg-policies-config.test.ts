import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { configDir } from '../support/config-dir.ts';
import { parsePrometheus, samplesOf } from '../support/prometheus.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

// What a user does: writes otel-breaker.yaml and starts the program that is there with the preload.

let postgres: PostgresHandle;
let app: SpawnedApp | undefined;
let receiver: OtlpReceiver;
let metricsPort: number;
let folder: string;

beforeAll(async () => {
  postgres = await startPostgres({ sql: 'CREATE TABLE items (id int PRIMARY KEY, name text)' });
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  receiver = await startOtlpReceiver();
  metricsPort = await freePort();
  await postgres.query('TRUNCATE items');
});
afterEach(async () => {
  postgres.thaw();
  await app?.stop();
  app = undefined;
  await receiver.stop();
});

const yaml = (options: string): string => `version: 1\nsystems:\n  postgresql: ${options}\n`;

async function start(text: string, env: Record<string, string> = {}): Promise<SpawnedApp> {
  folder = configDir({ 'otel-breaker.yaml': text });
  app = await spawnApp('pg-policies/app.cjs', {
    imports: ['otel-breaker/register'],
    env: {
      PG_URL: postgres.url,
      OTEL_BREAKER_CONFIG_FILE: join(folder, 'otel-breaker.yaml'),
      OTEL_SERVICE_NAME: 'fixture',
      OTEL_BREAKER_SDK: 'on',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_PROMETHEUS_PORT: String(metricsPort),
      OTEL_BSP_SCHEDULE_DELAY: '100',
      ...env,
    },
  });
  await app.get('connect');
  return app;
}

interface Result {
  readonly rows: readonly Record<string, unknown>[];
  readonly rowCount: number;
  readonly command: string;
  readonly class: string;
}

/** Ends the sessions that run a statement, as a failover does. */
async function terminate(like: string): Promise<void> {
  const ended = `SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity WHERE query LIKE '${like}' AND state = 'active' AND pid <> pg_backend_pid()`;
  await vi.waitFor(async () => expect(Number((await postgres.query(ended))[0]?.['n'])).toBeGreaterThan(0), { timeout: 5_000, interval: 50 });
}

async function metric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const found = samplesOf(parsePrometheus(text), name).filter((sample) =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return found.reduce((sum, { value }) => sum + value, 0);
}

it('retries reads', async () => {
  const { call, get } = await start(yaml('{ retry: { attempts: 3, backoffMs: 50ms, jitter: none } }'));
  const read = call<Result>('pool', 'SELECT pg_sleep(0.5), 7 AS n');
  await terminate('SELECT pg_sleep(0.5), 7%');
  expect(await read).toMatchObject({ ok: true, result: { rows: [{ n: 7 }] } });
  const write = call('pool', "INSERT INTO items SELECT 1, 'a' FROM pg_sleep(0.5)");
  await terminate('INSERT INTO items SELECT 1%');
  expect(await write).toMatchObject({ ok: false, error: { code: '57P01', name: 'error' } });
  expect((await get<Result>('pool', 'SELECT count(*)::int AS n FROM items')).rows).toEqual([{ n: 0 }]);
  expect(await metric('breaker_retry_attempts_sum', { breaker_operation: 'read', breaker_outcome: 'success' })).toBe(3);
  expect(await metric('breaker_retry_attempts_count', { breaker_operation: 'read', breaker_outcome: 'success' })).toBe(2);
});

it('times calls out, in every style, and frees what they held', async () => {
  const { call, get } = await start(yaml('{ timeoutMs: 200ms }'));
  for (const style of ['pool', 'client']) {
    const timedOut = await call(style, 'SELECT pg_sleep(10)');
    expect(timedOut).toMatchObject({ ok: false, error: { name: 'CallTimeoutError', code: 'ECALLTIMEOUT' } });
    expect(timedOut.durationMs).toBeLessThan(3_000);
    expect((await call(style, 'SELECT 1')).durationMs).toBeLessThan(3_000);
  }
  expect(await get('callback', 'SELECT pg_sleep(10)')).toEqual(['ECALLTIMEOUT', null]);
  await vi.waitFor(async () => {
    const left = await postgres.query("SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(10)%' AND state = 'active'");
    expect(left[0]?.['n']).toBe('0');
  });
  expect(await metric('breaker_calls_total', { breaker_operation: 'read', breaker_outcome: 'failure' })).toBe(3);
});

it('takes options from the environment as well', async () => {
  const { call } = await start('version: 1\n', { OTEL_BREAKER_POSTGRESQL_TOTAL_TIMEOUT_MS: '250', OTEL_BREAKER_RETRY_ATTEMPTS: '2' });
  const timedOut = await call('pool', 'SELECT pg_sleep(10)');
  expect(timedOut).toMatchObject({ ok: false, error: { code: 'ECALLTIMEOUT', timeoutMs: 250 } });
  expect(timedOut.durationMs).toBeLessThan(3_000);
});

it('answers with what it knows while the server is dead, and with new answers when it is back', { timeout: 60_000 }, async () => {
  const { call, get } = await start(yaml('{ fallback: { stale: { maxAgeMs: 1m } } }'));
  await get('pool', "INSERT INTO items VALUES (1, 'one')");
  const text = 'SELECT *, now() AS at FROM items WHERE id = $1';
  const fresh = await get<Result>('pool', text, [1]);
  await postgres.kill();
  try {
    for (let i = 0; i < 30; i += 1) {
      const stale = await call<Result>('pool', text, [1]);
      expect(stale).toMatchObject({ ok: true, result: fresh });
      expect(stale.durationMs).toBeLessThan(1_000);
    }
    expect((await call('pool', text, [2])).ok).toBe(false);
    expect((await call('pool', "INSERT INTO items VALUES (2, 'two')")).ok).toBe(false);
    expect(await metric('breaker_fallback_calls_total', { breaker_fallback_type: 'stale', breaker_outcome: 'success' })).toBe(30);
    expect(await metric('breaker_cache_lookups_total', { breaker_cache_result: 'miss' })).toBe(1);
  } finally {
    await postgres.restart();
  }
  await postgres.query("UPDATE items SET name = 'uno'");
  await vi.waitFor(async () => expect((await get<Result>('pool', text, [1])).rows[0]).toMatchObject({ name: 'uno' }), {
    timeout: 10_000,
    interval: 100,
  });
});

it('keeps answers on disk over a restart of the program', { timeout: 60_000 }, async () => {
  const store = configDir();
  const text = yaml(`{ fallback: { stale: { path: ${join(store, 'stale')} } } }`);
  const question = "SELECT 1 AS id, '2020-01-02T03:04:05Z'::timestamptz AS at, '\\x00ff'::bytea AS bytes";
  const first = await start(text);
  const fresh = await first.get<Result>('pool', question);
  await sleep(500);
  await first.stop();
  const second = await spawnApp('pg-policies/app.cjs', {
    imports: ['otel-breaker/register'],
    env: { PG_URL: postgres.url, OTEL_BREAKER_CONFIG_FILE: join(folder, 'otel-breaker.yaml'), OTEL_SDK_DISABLED: 'true' },
  });
  app = second;
  await postgres.kill();
  try {
    const stale = await second.get<Result>('pool', question);
    expect(stale).toMatchObject({ rows: fresh.rows, rowCount: 1, command: 'SELECT', class: 'Result' });
  } finally {
    await postgres.restart();
  }
});

it('answers with stale data while the server is frozen, before any error of the client’s', { timeout: 60_000 }, async () => {
  const { call, get } = await start(yaml('{ timeoutMs: 300ms, fallback: { stale: {} } }'));
  const fresh = await get<Result>('pool', 'SELECT now() AS at');
  postgres.freeze();
  const first = await call<Result>('pool', 'SELECT now() AS at');
  expect(first).toMatchObject({ ok: true, result: { rows: fresh.rows } });
  expect(first.durationMs).toBeLessThan(1_700);
  await vi.waitFor(async () => expect((await call('pool', 'SELECT now() AS at')).durationMs).toBeLessThan(200), { timeout: 10_000 });
});

it('serves values and empty results', async () => {
  const { get, call } = await start(
    'version: 1\nbreakers:\n' +
      '  - match: { system: postgresql, operation: read }\n    fallback: { empty: true }\n' +
      '  - match: { system: postgresql, operation: write }\n    fallback: { value: { rows: [], rowCount: 0, command: INSERT }, when: [rejected, failure] }\n',
  );
  await get('pool', 'SELECT 1');
  await postgres.kill();
  try {
    expect(await get('pool', 'SELECT * FROM items')).toMatchObject({ rows: [], rowCount: 0, command: 'SELECT', fields: [], class: 'Result' });
    expect(await get('pool', "INSERT INTO items VALUES (1, 'a')")).toMatchObject({ rows: [], rowCount: 0, command: 'INSERT', class: 'Result' });
    expect(await get('callback', 'SELECT * FROM items')).toEqual([null, []]);
    expect((await call('pool', 'DELETE FROM items')).ok).toBe(false);
  } finally {
    await postgres.restart();
  }
});

it('bounds calls, at a time and per time', async () => {
  const { get } = await start(yaml('{ bulkhead: { limit: 2, queue: 1 } }'));
  const ended = await get<string[]>('many', 5, 'SELECT pg_sleep(0.2)');
  expect(ended.toSorted()).toEqual(['EBULKHEADFULL', 'EBULKHEADFULL', 'done', 'done', 'done']);
  expect(await metric('breaker_rejections_total', { breaker_rejection_reason: 'bulkhead_full' })).toBe(2);
  expect(await metric('breaker_bulkhead_limit', { breaker_operation: 'read' })).toBe(2);

  writeFileSync(join(folder, 'next'), yaml('{ rateLimit: { limit: 3, intervalMs: 1m } }'));
  renameSync(join(folder, 'next'), join(folder, 'otel-breaker.yaml'));
  await vi.waitFor(async () => expect(await get<string[]>('many', 2, 'SELECT 1')).toContain('ERATELIMITED'), { timeout: 5_000, interval: 200 });
});

it('goes read-only while it runs, by an edit of the file, and back', { timeout: 30_000 }, async () => {
  const { get, call } = await start(yaml('{ failureRatio: 0.5 }'));
  await get('pool', "INSERT INTO items VALUES (1, 'a')");
  const write = (text: string): void => {
    writeFileSync(join(folder, 'next'), yaml(text));
    renameSync(join(folder, 'next'), join(folder, 'otel-breaker.yaml'));
  };
  write('{ degraded: read-only }');
  await vi.waitFor(async () => expect(await call('pool', 'UPDATE items SET name = name')).toMatchObject({ error: { code: 'EREADONLYMODE' } }), 5_000);
  expect(await call('client', 'BEGIN')).toMatchObject({ error: { code: 'EREADONLYMODE' } });
  expect((await get<Result>('client', 'SELECT name FROM items')).rows).toEqual([{ name: 'a' }]);
  write('{ failureRatio: 0.5 }');
  await vi.waitFor(async () => expect((await call('pool', 'UPDATE items SET name = name')).ok).toBe(true), 5_000);
});

it('leaves what a callback throws an exception, and what nobody handles an unhandled rejection', async () => {
  const { get } = await start(yaml('{ retry: {}, timeoutMs: 5s, fallback: { stale: {} } }'));
  await get('throwInCallback', 'SELECT 1');
  await get('unhandled', 'SELECT wrong');
  await vi.waitFor(async () => expect(await get<string[]>('uncaught')).not.toEqual([]));
  await sleep(100);
  // What came first has been told above.
  await get('throwInCallback', 'SELECT 1');
  await sleep(100);
  await get('unhandled', 'SELECT wrong');
  await sleep(100);
  expect((await get<string[]>('uncaught')).filter((each) => each.startsWith('exception'))).toEqual(['exception: of the callback']);
});

it('says that writes to PostgreSQL cannot be queued, and does not pretend to', async () => {
  const { get, call } = await start(yaml(`{ fallback: { queue: { path: ${join(configDir(), 'queue')} } } }`));
  await get('pool', 'SELECT 1');
  await vi.waitFor(async () => {
    const warnings = await get<{ code: string; message: string }[]>('warnings');
    expect(warnings).toContainEqual({
      code: 'OTEL_BREAKER_CONFIG',
      message: expect.stringMatching(/fallback\.queue has no effect on postgresql:.*only writes to Redis/),
    });
  });
  await postgres.kill();
  try {
    expect((await call('pool', "INSERT INTO items VALUES (1, 'a')")).ok).toBe(false);
  } finally {
    await postgres.restart();
  }
});

it('does nothing to calls in shadow mode', async () => {
  const { call } = await start(
    `version: 1\nmode: shadow\nsystems:\n  postgresql: { timeoutMs: 100ms, retry: {}, fallback: { value: [] }, degraded: read-only }\n`,
  );
  expect(await call('pool', 'SELECT pg_sleep(0.3)')).toMatchObject({ ok: true });
  expect(await call('pool', 'SELECT wrong')).toMatchObject({ ok: false, error: { code: '42703' } });
  expect(await call('pool', "INSERT INTO items VALUES (1, 'a')")).toMatchObject({ ok: true });
  expect(await metric('breaker_shadow_rejections_total', { breaker_rejection_reason: 'read_only' })).toBe(1);
});

it('shows a call that ran out of time as a span of its own, with nothing but timeoutMs', async () => {
  const { get } = await start(yaml('{ timeoutMs: 200ms }'));
  expect(await get('request', 'SELECT pg_sleep(5), 8')).toEqual({ error: 'ECALLTIMEOUT' });
  const [span] = await receiver.waitFor(({ spans }) => spans.filter(({ name }) => name.startsWith('breaker postgresql://')));
  expect(span).toMatchObject({ status: { code: 'ERROR' }, attributes: { 'error.type': 'ECALLTIMEOUT', 'breaker.outcome': 'failure' } });
});

it('shows repeated, timed out and served calls as spans between the request’s and the client’s', async () => {
  const { get } = await start(yaml('{ timeoutMs: 400ms, retry: { attempts: 2, backoffMs: 50ms, jitter: none }, fallback: { value: [] } }'));
  expect(await get('request', 'SELECT pg_sleep(5), 9')).toEqual({ rows: [] });
  const isOurs = ({ name }: ReceivedSpan): boolean => name.startsWith('breaker postgresql://');
  const [span] = await receiver.waitFor(({ spans }) => spans.filter(isOurs));
  expect(span?.attributes).toMatchObject({
    'breaker.fallback.type': 'value',
    'breaker.outcome': 'success',
    'breaker.retry.attempts': 2,
    'db.system.name': 'postgresql',
  });
  expect(span?.events.map(({ name }) => name)).toEqual(['breaker.attempt', 'exception']);
  const server = await receiver.waitFor(({ spans }) => spans.find(({ kind }) => kind === 'SERVER'));
  expect(span?.parentSpanId).toBe(server.spanId);
  expect(server.attributes).toMatchObject({ 'breaker.outcome': 'fallback' });
});
