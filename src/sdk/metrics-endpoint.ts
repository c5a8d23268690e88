import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { Settings } from '../config/settings.ts';
import { diag } from '../telemetry/slots.ts';

const load = createRequire(import.meta.url);

/** Where metrics are served unless somebody says otherwise. */
export const usualPort = 9_464;
/** Of several processes on a host each takes the next port; beyond so many something else must be wrong. */
const portsTried = 100;

/**
 * Serves an exporter's metrics at `/metrics`, on a server that does not keep the process alive. The exporter's own
 * server is not used: it repeats HELP and TYPE where two scopes share a metric, which strict readers refuse.
 */
export class MetricsEndpoint {
  /** When it is known whether it serves. */
  readonly ready: Promise<void>;
  readonly #server: Server;
  readonly #exporter: PrometheusExporter;
  readonly #host: string;
  /** Asked for by its number; then it is this one or none. */
  readonly #given: boolean;
  #port: number;
  #failed = false;

  constructor(exporter: PrometheusExporter, { host, port }: Settings['prometheus']) {
    this.#host = host;
    this.#given = port !== undefined;
    this.#port = port ?? usualPort;
    this.#exporter = exporter;
    // Only now: loading it at start-up loads Node's own undici, and the npm package then finds Node's agent in place of its own.
    const { createServer } = load('node:http') as typeof import('node:http');
    this.#server = createServer((request, response) => this.#answer(request, response)).unref();
    this.ready = new Promise((resolve) => {
      this.#server.on('error', (error: NodeJS.ErrnoException) => {
        if (this.#tryNext(error)) return;
        // A taken port costs the metrics, not the service.
        this.#failed = true;
        this.#complain(error.message);
        resolve();
      });
      this.#server.on('listening', () => {
        this.#serves();
        resolve();
      });
    });
    this.#listen();
  }

  /** Until it is known: where it is tried. `undefined`: nowhere. */
  get url(): string | undefined {
    return this.#failed ? undefined : this.#urlOf(this.#port);
  }

  get port(): number {
    return this.#port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // Whoever scrapes keeps the connection; it must not keep the process.
    request.socket.unref();
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics\n');
      return;
    }
    this.#collect().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      (error: unknown) => {
        diag.error('otel-breaker: metrics could not be collected', error);
        response.writeHead(500, { 'content-type': 'text/plain' }).end('metrics could not be collected\n');
      },
    );
  }

  async #collect(): Promise<string> {
    const { PrometheusSerializer } = load('@opentelemetry/exporter-prometheus') as typeof import('@opentelemetry/exporter-prometheus');
    const { resourceMetrics, errors } = await this.#exporter.collect();
    if (errors.length > 0) diag.error('otel-breaker: some metrics could not be collected', ...errors);
    return mergeFamilies(new PrometheusSerializer().serialize(resourceMetrics));
  }

  #listen(): void {
    // Exclusive: the workers of a cluster would share one port, and each scrape would ask another of them.
    this.#server.listen({ host: this.#host, port: this.#port, exclusive: true });
  }

  #tryNext({ code }: NodeJS.ErrnoException): boolean {
    if (this.#given || code !== 'EADDRINUSE' || this.#port >= usualPort + portsTried) return false;
    this.#port += 1;
    this.#listen();
    return true;
  }

  #serves(): void {
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    diag.info(`otel-breaker: metrics at ${this.url}`);
    if (this.#given || this.#port === usualPort) return;
    const message = `metrics at ${this.url}: port ${usualPort} is taken, by another process with otel-breaker perhaps`;
    process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_METRICS_PORT' });
  }

  #urlOf(port: number): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${port}/metrics`;
  }

  #complain(why: string): void {
    const message = `no metrics at ${this.#urlOf(this.#port)}: ${why}; another port by OTEL_BREAKER_PROMETHEUS_PORT`;
    diag.warn(`otel-breaker: ${message}`);
    process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_METRICS' });
  }
}

/** Brings the samples of each metric together under one HELP and one TYPE, as the text format asks. */
export function mergeFamilies(text: string): string {
  const families = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  let current: { readonly head: string[]; readonly samples: string[] } = { head: [], samples: [] };
  for (const line of text.split('\n')) {
    const [, keyword, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (name !== undefined) {
      current = families.get(name) ?? { head: [], samples: [] };
      families.set(name, current);
      if (!current.head.some((known) => known.startsWith(`# ${keyword} `))) current.head.push(line);
    } else if (line !== '' && !line.startsWith('# UNIT')) {
      current.samples.push(line);
    }
  }
  return [...families.values()].flatMap(({ head, samples }) => [...head, ...samples, '']).join('\n');
}
