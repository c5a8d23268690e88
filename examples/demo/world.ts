import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/servers/free-port.ts';
import { type HttpUpstreamHandle, startHttpUpstream } from '../../test/support/servers/http-upstream.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../test/support/servers/otlp-receiver.ts';
import { type PostgresHandle, startPostgres } from '../../test/support/servers/postgres.ts';
import { type PrometheusHandle, startPrometheus } from '../../test/support/servers/prometheus.ts';
import { startRedis } from '../../test/support/servers/redis.ts';
import type { ServerHandle } from '../../test/support/servers/server-process.ts';
import { repository, type SpawnedApp, spawnApp } from '../../test/support/spawn-app.ts';

export interface Shop {
  readonly app: SpawnedApp;
  readonly port: number;
  readonly url: string;
  /** Where its requests to the upstream arrive, so that the upstream can tell the shops apart. */
  readonly upstreamPath: string;
  /** Where it keeps its carts: the same Redis, a database of its own. */
  readonly redisUrl: string;
}

/** The protected shop's `otel-breaker.yaml`: without it, calls that fail fast are all there is. */
const configuration = (folder: string) => `version: 1
breakers:
  - match: { system: redis, operation: read }
    fallback: { stale: { maxAgeMs: 10m } }
  - match: { system: redis, operation: write }
    fallback: { queue: { path: ${JSON.stringify(join(folder, 'redis-writes'))} } }
`;

/** Everything that runs during the demo. Both shops are the same program, use the same servers and get the same load. */
export interface World {
  readonly redis: ServerHandle;
  readonly postgres: PostgresHandle;
  readonly upstream: HttpUpstreamHandle;
  readonly receiver: OtlpReceiver;
  readonly without: Shop;
  readonly with: Shop;
  /** Of the protected shop: its live page is there, and its metrics. */
  readonly managementUrl: string;
  /** The protected shop's own Prometheus endpoint. */
  readonly metricsUrl: string;
  /** Whoever has it may control the protected shop's breakers. */
  readonly adminToken: string;
  /** Where it was asked for: a Prometheus that scrapes the protected shop and has the rules that ship. */
  readonly prometheus: PrometheusHandle | undefined;
  stop(): Promise<void>;
}

/** @param withPrometheus whether a Prometheus is to watch */
export async function startWorld({ withPrometheus = false } = {}): Promise<World> {
  const started: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const each of started.splice(0).reverse()) await each.stop();
  };
  const kept = <T extends { stop(): Promise<void> }>(server: T): T => {
    started.push(server);
    return server;
  };
  try {
    const sql = await readFile(join(repository, 'examples/shop/schema.sql'), 'utf8');
    const redis = kept(await startRedis());
    const postgres = kept(await startPostgres({ database: 'shop', sql }));
    const upstream = kept(await startHttpUpstream());
    const receiver = kept(await startOtlpReceiver());
    const folder = await mkdtemp(join(tmpdir(), 'otel-breaker-demo-'));
    kept({ stop: () => rm(folder, { recursive: true, force: true }) });
    const configFile = join(folder, 'otel-breaker.yaml');
    await writeFile(configFile, configuration(folder));
    const port = await freePort();
    const managementUrl = `http://127.0.0.1:${port}`;
    const adminToken = randomBytes(16).toString('hex');

    const shop = async (name: string, database: number, imports: string[], env: Record<string, string>): Promise<Shop> => {
      const shopPort = await freePort();
      const redisUrl = `redis://127.0.0.1:${redis.port}/${database}`;
      const upstreamPath = `/${name}`;
      const app = kept(
        await spawnApp(join(repository, 'examples/shop/server.js'), {
          imports,
          env: { REDIS_URL: redisUrl, DATABASE_URL: postgres.url, SHIPPING_URL: upstream.url + upstreamPath, PORT: `${shopPort}`, ...env },
          ready: false,
        }),
      );
      const url = `http://127.0.0.1:${shopPort}`;
      await healthy(app, url);
      return { app, port: shopPort, url, upstreamPath, redisUrl };
    };
    const without = await shop('without', 1, [], {});
    const protectedShop = await shop('with', 0, ['otel-breaker/register'], {
      OTEL_BREAKER_CONFIG_FILE: configFile,
      OTEL_SERVICE_NAME: 'shop',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BREAKER_MANAGEMENT_PORT: `${port}`,
      OTEL_BREAKER_ADMIN_TOKEN: `demo:${adminToken}`,
      OTEL_BSP_SCHEDULE_DELAY: '500',
    });
    const scraped = { job_name: 'shop', static_configs: [{ targets: [`127.0.0.1:${port}`] }] };
    const rules = join(repository, 'examples/prometheus/rules-scrape.yaml');
    const prometheus = withPrometheus ? kept(await startPrometheus([scraped], [rules], 5)) : undefined;
    return {
      redis,
      postgres,
      upstream,
      receiver,
      without,
      with: protectedShop,
      managementUrl,
      metricsUrl: `${managementUrl}/metrics`,
      adminToken,
      prometheus,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function healthy(app: SpawnedApp, url: string): Promise<void> {
  let over = false;
  app.exited.finally(() => (over = true)).catch(() => {});
  for (const deadline = Date.now() + 20_000; ; ) {
    if (over || Date.now() > deadline) throw new Error(`the shop did not start:\n${app.stdout}${app.stderr}`);
    const ok = await fetch(`${url}/health`).then(
      (response) => response.text().then(() => response.ok),
      () => false,
    );
    if (ok) return;
    await sleep(50);
  }
}
