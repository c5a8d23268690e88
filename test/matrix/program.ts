import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHttpUpstream } from '../support/servers/http-upstream.ts';
import { startOtlpReceiver } from '../support/servers/otlp-receiver.ts';
import { startPostgres } from '../support/servers/postgres.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { Kind } from './combinations.ts';

/** How the program of `app.cjs` and `app.mjs` is run. */
export interface Run {
  /** Path of the node binary. */
  readonly node: string;
  /** Where the two files and the packages are. */
  readonly folder: string;
  readonly kind: Kind;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Outcome {
  /** Successes by breaker. */
  readonly calls: Readonly<Record<string, number>>;
  /** Of `observe.cjs`; nothing unless OBSERVE is `true`. */
  readonly observed: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The source of the clients' functions, after every hook was taken back. */
  readonly functions: readonly string[];
  readonly stderr: string;
  /** Spans as `SERVER /redis`, `CLIENT get`. */
  readonly spans: readonly string[];
}

/** The servers that the program talks to. */
export class Stage implements AsyncDisposable {
  readonly #servers: Awaited<ReturnType<typeof startAll>>;

  private constructor(servers: Awaited<ReturnType<typeof startAll>>) {
    this.#servers = servers;
  }

  static async open(): Promise<Stage> {
    return new Stage(await startAll());
  }

  async run({ node, folder, kind, args, env }: Run): Promise<Outcome> {
    const { redis, postgres, upstream, receiver } = this.#servers;
    receiver.clear();
    const child = spawn(node, [...args, kind === 'ESM' ? 'app.mjs' : 'app.cjs'], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        REDIS_PORT: String(redis.port),
        PG_PORT: String(postgres.port),
        UPSTREAM_URL: upstream.url,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BREAKER_PROMETHEUS_PORT: '0',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_NODE_RESOURCE_DETECTORS: 'env',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await new Promise((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    await sleep(100);
    const line = output.stdout.split('\n').find((text) => text.startsWith('{'));
    if (line === undefined) throw new Error(`the app said nothing: ${output.stderr.slice(0, 600)}`);
    const asked = new Set(receiver.spans.filter(({ kind }) => kind === 'SERVER').map(({ traceId }) => traceId));
    const spans = receiver.spans
      .filter(({ kind, traceId }) => kind === 'SERVER' || (kind === 'CLIENT' && asked.has(traceId)))
      .map(({ kind, name, attributes }) => `${kind} ${kind === 'SERVER' ? (attributes['url.path'] ?? attributes['http.target']) : name}`);
    return { ...(JSON.parse(line) as Pick<Outcome, 'calls' | 'functions' | 'observed'>), stderr: output.stderr, spans: spans.sort() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Object.values(this.#servers).map((server) => server.stop()));
  }
}

async function startAll() {
  const [redis, postgres, upstream, receiver] = await Promise.all([startRedis(), startPostgres(), startHttpUpstream(), startOtlpReceiver()]);
  return { redis, postgres, upstream, receiver };
}
