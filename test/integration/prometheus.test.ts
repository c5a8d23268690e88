import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { metricName } from '../../src/observability/prometheus-names.ts';
import { metrics } from '../../src/telemetry/names.ts';
import { freePort } from '../support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../support/servers/http-upstream.ts';
import { type PostgresHandle, startPostgres } from '../support/servers/postgres.ts';
import { type PrometheusHandle, startPrometheus } from '../support/servers/prometheus.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { ServerHandle } from '../support/servers/server-process.ts';
import { repository, type SpawnedApp, spawnApp } from '../support/spawn-app.ts';

/** Every policy somewhere, so that no panel has a reason to be empty. */
const configuration = (folder: string): string => `
version: 1
health:
  intervalMs: 1s
  checks: [{ name: cache, redis: "\${REDIS_URL}" }]
breakers:
  - match: { system: redis, operation: read }
    fallback: { stale: {} }
  - match: { system: redis, operation: write }
    fallback: { queue: { path: ${join(folder, 'queue')} } }
  - match: { system: http }
    slowCallMs: 5s
    slowRatio: 0.9
    retry: { attempts: 2, backoffMs: 10ms }
    bulkhead: { limit: 20 }
  - match: { system: postgresql }
    mode: shadow
faults:
  inject:
    - { match: { system: http }, kind: error, share: 0.1, durationMs: 10m, atStart: true }
`;

/** What the translation of OTLP would make of the names that are scraped. */
const asByOtlp = (Object.keys(metrics) as (keyof typeof metrics)[])
  .map((key) => [metricName(key, 'scrape'), metricName(key, 'otlp')] as const)
  .filter(([scraped, sent]) => scraped !== sent)
  .map(([scraped, sent]) => ({
    source_labels: ['__name__'],
    regex: `${scraped}(_bucket|_sum|_count)?`,
    target_label: '__name__',
    replacement: `${sent}\${1}`,
  }));

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly instant: boolean }[];
}

let folder: string;
let redis: ServerHandle;
let postgres: PostgresHandle;
let upstream: HttpUpstreamHandle;
let app: SpawnedApp;
let prometheus: PrometheusHandle;
let load: { stop(): Promise<void> };
let duringOutage: Awaited<ReturnType<PrometheusHandle['alerts']>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otel-breaker-dashboards-'));
  await writeFile(join(folder, 'breaker.yaml'), configuration(folder));
  redis = await startRedis();
  postgres = await startPostgres({ sql: await readFile(join(repository, 'examples/shop/schema.sql'), 'utf8') });
  upstream = await startHttpUpstream();
  const [port, metricsPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  app = await spawnApp(join(repository, 'examples/shop/server.js'), {
    imports: ['otel-breaker/register'],
    env: {
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      DATABASE_URL: postgres.url,
      SHIPPING_URL: upstream.url,
      PORT: `${port}`,
      OTEL_BREAKER_CONFIG_FILE: join(folder, 'breaker.yaml'),
      OTEL_BREAKER_PROMETHEUS_PORT: `${metricsPort}`,
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    },
    ready: false,
  });
  await vi.waitFor(() => fetch(`${url}/health`), { timeout: 20_000, interval: 50 });
  const scraped = { static_configs: [{ targets: [`127.0.0.1:${metricsPort}`] }] };
  const rules = ['scrape', 'otlp'].map((source) => join(repository, `examples/prometheus/rules-${source}.yaml`));
  prometheus = await startPrometheus(
    [
      { job_name: 'scrape', ...scraped },
      { job_name: 'otlp', ...scraped, metric_relabel_configs: asByOtlp },
    ],
    rules,
  );
  load = startLoad(url);
  await sleep(5_000);
  await Promise.all([redis.kill(), postgres.kill(), upstream.behave({ mode: 'status', status: 503 })]);
  await sleep(8_000);
  duringOutage = await prometheus.alerts();
  await Promise.all([redis.restart(), postgres.restart(), upstream.behave({ mode: 'ok' })]);
  await sleep(8_000);
});
afterAll(async () => {
  await load?.stop();
  for (const each of [prometheus, app, redis, postgres, upstream]) await each?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** Some forty requests a second to all routes, whatever comes of them. */
function startLoad(url: string): { stop(): Promise<void> } {
  const end = new AbortController();
  const requests: readonly (readonly [string, RequestInit?])[] = [
    ['/cart/a'],
    // Never written: what is read of a queued write comes from the queue, not from the answers that were kept.
    ['/cart/b'],
    ['/cart/a', { method: 'PUT', body: '{"tea":2}' }],
    ['/products'],
    ['/shipping'],
    ['/orders', { method: 'POST', body: '{"productId":3,"count":1}' }],
  ];
  const running = requests.map(async ([path, init]) => {
    while (!end.signal.aborted) {
      await fetch(url + path, { ...init, signal: AbortSignal.timeout(1_000) })
        .then((response) => response.arrayBuffer())
        .catch(() => {});
      await sleep(100);
    }
  });
  return {
    stop: async () => {
      end.abort();
      await Promise.all(running);
    },
  };
}

/** The query as Grafana would send it. */
function filledIn(expr: string, source: string, breaker: string): string {
  const variables = { __rate_interval: '10s', __range: '60s', job: source, instance: '.*', breaker };
  return Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(`$${name}`, () => value), expr);
}

describe.each(['scrape', 'otlp'])('what Prometheus knows after an outage, by the names of %s', (source) => {
  it.each(['overview', 'circuit'])('fills every panel of the %s', async (name) => {
    const { panels } = JSON.parse(await readFile(join(repository, `examples/grafana/${source}/${name}.json`), 'utf8')) as { panels: Panel[] };
    const circuits = (await prometheus.query(`breaker_status{job="${source}",breaker_state="closed"}`)).map(
      ({ metric }) => metric['breaker_name'] ?? '',
    );
    expect(circuits.length).toBeGreaterThanOrEqual(5);
    const empty = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const { title, targets = [] } of panels) {
        for (const { expr, instant } of targets) {
          const ask = (circuit: string) =>
            instant ? prometheus.query(filledIn(expr, source, circuit)) : prometheus.queryRange(filledIn(expr, source, circuit), 120);
          const answers = await Promise.all((name === 'circuit' ? circuits : ['']).map(ask));
          if (answers.every((each) => each.length === 0)) found.push(`${title}: ${expr}`);
        }
      }
      return found;
    };
    // Under load still: what a busy machine has not come to yet, comes.
    await expect.poll(empty, { timeout: 60_000, interval: 2_000 }).toEqual([]);
  });

  it('makes alerts of the outage, and ends them with it', async () => {
    const of = (alerts: typeof duringOutage): string[] =>
      alerts.filter(({ labels }) => labels['job'] === source).map(({ labels, state }) => `${labels['alertname']} ${labels['breaker_name']} ${state}`);
    const open = `BreakerOpen http://127.0.0.1:${upstream.port} pending`;
    expect(of(duringOutage)).toContain(open);
    expect(of(duringOutage)).toContain(`BreakerOpen redis://127.0.0.1:${redis.port} read pending`);
    const shadow = new RegExp(`^BreakerShadowWouldReject postgresql://127.0.0.1:${postgres.port}/shop \\w+ firing$`);
    expect(of(duringOutage)).toContainEqual(expect.stringMatching(shadow));
    await vi.waitFor(async () => expect(of(await prometheus.alerts()).filter((each) => each.startsWith('BreakerOpen '))).toEqual([]), {
      timeout: 15_000,
      interval: 500,
    });
  });
});

it('evaluates every rule without an error', async () => {
  const rules = async () => (await prometheus.ruleGroups()).flatMap((group) => group.rules);
  // Each group is evaluated for the first time at a moment of its own.
  await expect.poll(async () => (await rules()).filter(({ health }) => health === 'unknown'), { timeout: 30_000, interval: 500 }).toEqual([]);
  const evaluated = await rules();
  expect(evaluated.length).toBeGreaterThan(30);
  expect(evaluated.filter(({ health }) => health !== 'ok')).toEqual([]);
});
