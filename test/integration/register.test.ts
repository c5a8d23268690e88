import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parsePrometheus, samplesOf, sampleValue } from '../support/prometheus.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { type SpawnAppOptions, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

const register = 'otel-breaker/register';
const auto = '@opentelemetry/auto-instrumentations-node/register';

let redis: ServerHandle;
let postgres: PostgresHandle;
let upstream: HttpUpstreamHandle;
let receiver: OtlpReceiver;
let metricsPort: number;
let app: SpawnedApp | undefined;

beforeAll(async () => {
  [redis, postgres, upstream] = await Promise.all([startRedis(), startPostgres(), startHttpUpstream()]);
});

afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop(), upstream?.stop()]);
});

beforeEach(async () => {
  receiver = await startOtlpReceiver();
  metricsPort = await freePort();
  await upstream.behave({ mode: 'ok' });
});

afterEach(async () => {
  await app?.stop();
  app = undefined;
  await receiver.stop();
  expect(receiver.problems).toEqual([]);
});

interface Call {
  status: number;
  body: unknown;
}

async function start(file: string, options: SpawnAppOptions = {}): Promise<SpawnedApp> {
  const env = {
    REDIS_PORT: String(redis.port),
    PG_PORT: String(postgres.port),
    UPSTREAM_URL: `http://127.0.0.1:${upstream.port}/`,
    OTEL_SERVICE_NAME: 'fixture',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_PROMETHEUS_PORT: String(metricsPort),
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_BLRP_SCHEDULE_DELAY: '100',
    OTEL_METRIC_EXPORT_INTERVAL: '300',
    OTEL_METRIC_EXPORT_TIMEOUT: '300',
    ...options.env,
  };
  app = await spawnApp(`register/${file}`, { ...options, env });
  return app;
}

/** The spans of one request, once all that is expected of it has come: [server, client]. */
async function trace(route: string, client: RegExp): Promise<ReceivedSpan[]> {
  const find = (): ReceivedSpan | undefined =>
    receiver.spans.find((span) => span.kind === 'SERVER' && (span.attributes['http.target'] ?? span.attributes['url.path']) === route);
  const server = await receiver.waitFor(() => find());
  await receiver.waitFor(({ spans }) => spans.some((span) => span.traceId === server.traceId && client.test(span.name)));
  // Whatever comes twice comes within the next batch.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return receiver.spans.filter((span) => span.traceId === server.traceId);
}

const clients = { '/redis': /^get$/i, '/pg': /SELECT/, '/http': /^GET$/ } as const;

/** Each request has one server span and one client span under it, and the server span says what the breaker made of it. */
async function expectOneSetOfSpans(running: SpawnedApp): Promise<void> {
  for (const [route, name] of Object.entries(clients)) {
    expect(await running.get<Call>('call', route), route).toMatchObject({ status: 200 });
    const spans = await trace(route, name);
    const servers = spans.filter((span) => span.kind === 'SERVER');
    const calls = spans.filter((span) => span.kind === 'CLIENT' && name.test(span.name) && span.parentSpanId === servers[0]?.spanId);
    expect(servers, route).toHaveLength(1);
    expect(
      calls.map((span) => span.name),
      route,
    ).toHaveLength(1);
    expect(servers[0]?.attributes, route).toMatchObject({ 'breaker.state': 'closed', 'breaker.outcome': 'success' });
  }
}

async function scrape(): Promise<ReturnType<typeof parsePrometheus>> {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  return parsePrometheus(await response.text());
}

describe('a service without an SDK', () => {
  const ways: [string, string, SpawnAppOptions][] = [
    ['an ESM app by --import', 'app.mjs', { imports: [register] }],
    ['a CommonJS app by --import', 'app.cjs', { imports: [register] }],
    ['an ESM app by --require', 'app.mjs', { requires: [register] }],
    ['a CommonJS app by --require', 'app.cjs', { requires: [register] }],
    ['an ESM app by NODE_OPTIONS', 'app.mjs', { nodeOptions: `--import ${register}` }],
    ['both NODE_OPTIONS and --import', 'app.cjs', { nodeOptions: `--import ${register}`, imports: [register] }],
  ];

  it.each(ways)('%s: is given one, with server and client spans, and metrics to scrape', async (_name, file, options) => {
    const running = await start(file, options);
    await expectOneSetOfSpans(running);
    const metrics = await scrape();
    const names = samplesOf(metrics, 'breaker_status', { breaker_state: 'closed' }).map(({ labels }) => labels.breaker_name);
    expect(names.sort()).toEqual([
      `http://127.0.0.1:${upstream.port}`,
      `postgresql://127.0.0.1:${postgres.port}/postgres read`,
      `redis://127.0.0.1:${redis.port} read`,
    ]);
    for (const name of names) {
      const labels = { breaker_name: name as string };
      expect(sampleValue(metrics, 'breaker_calls_total', { ...labels, breaker_outcome: 'success', breaker_slow: 'false' }), name).toBe(1);
      expect(sampleValue(metrics, 'breaker_call_duration_count', { ...labels, breaker_outcome: 'success' }), name).toBe(1);
    }
    expect(running.stderr).toBe('');
  });

  it('serves metrics on loopback only, and a taken port is a warning', async () => {
    const running = await start('app.mjs', { imports: [register], env: { OTEL_EXPORTER_PROMETHEUS_PORT: String(upstream.port) } });
    expect(await running.get<Call>('call', '/redis')).toMatchObject({ status: 200 });
    await vi.waitFor(() => expect(running.stderr).toMatch(/OTEL_BREAKER_METRICS.*EADDRINUSE/), 10_000);
  });

  it('leaves no SDK behind OTEL_SDK_DISABLED or OTEL_BREAKER_SDK=off, and protects all the same', async () => {
    for (const env of [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_BREAKER_SDK: 'off' }]) {
      const running = await start('app.mjs', { imports: [register], env });
      await upstream.behave({ mode: 'status', status: 503 });
      const answers = await running.get<Call[]>('flood', '/http', 30);
      expect(answers.at(-1)).toMatchObject({ status: 503, body: { code: 'EBREAKEROPEN', name: 'BreakerOpenError' } });
      await expect(scrape()).rejects.toThrow();
      expect(receiver.requests).toHaveLength(0);
      await upstream.behave({ mode: 'ok' });
      await running.stop();
    }
  });
});

describe("beside an SDK of the user's", () => {
  const ways: [string, string, SpawnAppOptions][] = [
    ['auto-instrumentations before us, ESM', 'app.mjs', { imports: [auto, register] }],
    ['auto-instrumentations after us, ESM', 'app.mjs', { imports: [register, auto] }],
    ['auto-instrumentations before us, CommonJS', 'app.cjs', { requires: [auto, register] }],
    ['auto-instrumentations after us, CommonJS', 'app.cjs', { requires: [register, auto] }],
    ['auto-instrumentations by NODE_OPTIONS', 'app.cjs', { nodeOptions: `--require ${auto}`, imports: [register] }],
    ['a preload of their own before us', 'app.cjs', { imports: ['./test/integration/apps/register/sdk-preload.mjs', register] }],
    ['a preload of their own after us', 'app.cjs', { imports: [register, './test/integration/apps/register/sdk-preload.mjs'] }],
    ['an SDK in the program itself', 'with-sdk/app.cjs', { imports: [register] }],
  ];

  it.each(ways)('%s: one SDK, one set of spans, our metrics in theirs', async (_name, file, options) => {
    const esm = file.endsWith('.mjs');
    const running = await start(file, { ...options, env: { OTEL_METRICS_EXPORTER: 'otlp', OTEL_NODE_RESOURCE_DETECTORS: 'env' } });
    // OpenTelemetry's own ioredis and pg instrumentations do not see clients that an ESM program imports (FIELD-NOTES).
    if (esm) for (const route of Object.keys(clients)) expect(await running.get<Call>('call', route), route).toMatchObject({ status: 200 });
    else await expectOneSetOfSpans(running);
    const calls = await receiver.waitFor(({ metrics }) => {
      const points = metrics
        .filter(({ name }) => name === 'breaker.calls')
        .at(-1)
        ?.points.filter((point) => point.value === 1);
      return points?.length === 3 && points;
    });
    expect(calls.map(({ attributes }) => attributes['breaker.outcome'])).toEqual(['success', 'success', 'success']);
    await receiver.waitFor(({ metrics }) => metrics.some(({ name, kind }) => name === 'breaker.call.duration' && kind === 'histogram'));
    expect(running.stderr).not.toMatch(/duplicate registration|breaker/i);
  });
});

describe('an outage, as an OTLP receiver and Prometheus see it', () => {
  it('shows the opening, the rejections, the probes and the closing, with the names of TELEMETRY', async () => {
    const running = await start('app.mjs', {
      imports: [register],
      env: { OTEL_BREAKER_HTTP_OPEN_DURATION_MS: '400', OTEL_BREAKER_HTTP_OPEN_JITTER: '0' },
    });
    const name = `http://127.0.0.1:${upstream.port}`;
    await running.get('flood', '/http', 3);
    await upstream.behave({ mode: 'status', status: 503 });
    const answers = await running.get<Call[]>('flood', '/http', 40);
    expect(answers.at(-1)?.body).toMatchObject({ code: 'EBREAKEROPEN' });
    await upstream.behave({ mode: 'ok' });
    await expect.poll(() => running.get<Call>('call', '/http'), { timeout: 30_000, interval: 100 }).toMatchObject({ status: 200 });
    await expect
      .poll(
        async () => {
          await running.get('call', '/http');
          return sampleValue(await scrape(), 'breaker_status', { breaker_name: name, breaker_state: 'closed' });
        },
        { timeout: 30_000, interval: 100 },
      )
      .toBe(1);

    const opening = await receiver.waitFor(({ spans }) => spans.find((span) => span.name === `breaker open ${name}`));
    expect(opening.parentSpanId).toBe('');
    expect(opening.attributes).toMatchObject({ 'breaker.name': name, 'breaker.trigger': 'failure_ratio', 'server.address': '127.0.0.1' });
    const tripping = opening.links.map((link) => receiver.spans.find((span) => span.spanId === link.spanId)?.kind);
    expect(tripping.length).toBeGreaterThan(0);
    const rejection = await receiver.waitFor(({ spans }) =>
      spans.find((span) => span.name === `breaker ${name}` && span.attributes['error.type'] === 'circuit_breaker_open'),
    );
    expect(rejection.status.code).toBe('ERROR');
    expect(rejection.links.map(({ spanId }) => spanId)).toContain(opening.spanId);
    const server = receiver.spans.find((span) => span.spanId === rejection.parentSpanId);
    expect(server?.kind).toBe('SERVER');
    // A refused call makes no client span.
    expect(
      receiver.spans.filter(
        (span) => span.kind === 'CLIENT' && span.traceId === rejection.traceId && span.attributes['server.port'] === upstream.port,
      ),
    ).toEqual([]);
    const probe = await receiver.waitFor(({ spans }) =>
      spans.find((span) => span.name === `breaker ${name}` && span.attributes['breaker.state'] === 'half_open'),
    );
    expect(receiver.spans.filter((span) => span.kind === 'CLIENT' && span.parentSpanId === probe.spanId)).toHaveLength(1);
    const outage = await receiver.waitFor(({ spans }) => spans.find((span) => span.name === `breaker outage ${name}`));
    expect(outage.links.map(({ spanId }) => spanId)).toContain(opening.spanId);
    expect(outage.endTime).toBeGreaterThan(outage.startTime);

    const log = await receiver.waitFor(({ logs }) =>
      logs.find(({ eventName, attributes }) => eventName === 'breaker.state_change' && attributes['breaker.state.to'] === 'open'),
    );
    expect(log.severityNumber).toBeGreaterThanOrEqual(13);
    expect(receiver.spans.map(({ traceId }) => traceId)).toContain(log.traceId);

    const metrics = await scrape();
    const at = { breaker_name: name };
    const moves = (from: string, to: string): number =>
      samplesOf(metrics, 'breaker_transitions_total', { ...at, breaker_state_from: from, breaker_state_to: to }).reduce(
        (sum, { value }) => sum + value,
        0,
      );
    expect(moves('closed', 'open')).toBe(1);
    expect(moves('half_open', 'closed')).toBe(1);
    expect(sampleValue(metrics, 'breaker_rejections_total', { ...at, breaker_rejection_reason: 'open' })).toBeGreaterThanOrEqual(1);
    expect(samplesOf(metrics, 'breaker_state_time_total', at).length).toBeGreaterThan(0);
  });
});

describe('when the process ends', () => {
  it('by itself: everything is exported first', async () => {
    const running = await start('app.mjs', { imports: [register], env: { OTEL_BSP_SCHEDULE_DELAY: '60000' } });
    await running.get('call', '/redis');
    // It ends before it can answer.
    await running.call('finish').catch(() => undefined);
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(receiver.spans.filter((span) => span.kind === 'SERVER')).toHaveLength(1);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('by %s: everything is exported, and the signal ends it', async (signal) => {
    const running = await start('app.cjs', { imports: [register], env: { OTEL_BSP_SCHEDULE_DELAY: '60000' } });
    await running.get('call', '/redis');
    running.signal(signal);
    expect(await running.exited).toEqual({ code: null, signal });
    expect(receiver.spans.filter((span) => span.kind === 'SERVER')).toHaveLength(1);
  });

  it('and the receiver of the telemetry hangs: it is not held for long', async () => {
    const running = await start('app.cjs', { imports: [register], env: { OTEL_BSP_SCHEDULE_DELAY: '60000' } });
    await running.get('call', '/redis');
    receiver.behave('hang');
    running.signal('SIGTERM');
    expect(await running.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });
});

describe('when the program ends by itself on a signal, and the receiver of the telemetry hangs', () => {
  it.each([
    ['an export of before', '100'],
    ['the last export', '60000'],
  ])('%s does not hold it for long', async (_name, delay) => {
    const running = await start('app.cjs', { imports: [register], env: { OTEL_BSP_SCHEDULE_DELAY: delay } });
    await running.get('finishOn', 'SIGTERM');
    receiver.behave('hang');
    await running.get('call', '/redis');
    await sleep(500);
    const begun = performance.now();
    running.signal('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(8_000);
  });
});

describe('a configuration that cannot be used', () => {
  it('is one clear error on stderr, and the service runs with the defaults', async () => {
    const running = await start('app.mjs', { imports: [register], env: { OTEL_BREAKER_FAILURE_RATIO: '50', OTEL_BREAKER_FAILURE_RATOI: '0.5' } });
    expect(await running.get<Call>('call', '/redis')).toMatchObject({ status: 200 });
    await vi.waitFor(() => {
      const lines = running.stderr.trim().split('\n');
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(
        /with the defaults.*OTEL_BREAKER_FAILURE_RATOI.*did you mean OTEL_BREAKER_FAILURE_RATIO.*OTEL_BREAKER_FAILURE_RATIO is "50".*at most 1/,
      );
    }, 10_000);
    expect(samplesOf(await scrape(), 'breaker_status', { breaker_state: 'closed' })).toHaveLength(1);
  });

  it('leaves the service unprotected if the option says so', async () => {
    const running = await start('app.mjs', {
      imports: [register],
      env: { OTEL_BREAKER_FAILURE_RATIO: '50', OTEL_BREAKER_ON_CONFIG_ERROR: 'unprotected' },
    });
    await upstream.behave({ mode: 'status', status: 503 });
    const answers = await running.get<Call[]>('flood', '/http', 40);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await vi.waitFor(() => expect(running.stderr).toMatch(/unprotected/), 10_000);
  });
});
