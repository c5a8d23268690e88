import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { diag } from '@opentelemetry/api';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { Settings } from '../config/settings.ts';

const load = createRequire(import.meta.url);

/**
 * Serves an exporter's metrics at `/metrics`, on a server that does not keep the process alive. The exporter's own
 * server is not used: it repeats HELP and TYPE where two scopes share a metric, which strict readers refuse.
 */
export class MetricsEndpoint {
  readonly url: string;
  readonly #server: Server;
  readonly #exporter: PrometheusExporter;

  constructor(exporter: PrometheusExporter, { host, port }: Settings['prometheus']) {
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`;
    this.#exporter = exporter;
    // Only now: loading it at start-up loads Node's own undici, and the npm package then finds Node's agent in place of its own.
    const { createServer } = load('node:http') as typeof import('node:http');
    this.#server = createServer((request, response) => this.#answer(request, response)).unref();
    // A taken port costs the metrics, not the service.
    this.#server.on('error', (error) => this.#complain(error.message));
    this.#server.listen({ host, port }, () => diag.info(`otel-breaker: metrics at ${this.url}`));
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

  #complain(why: string): void {
    const message = `no metrics at ${this.url}: ${why}; another port by OTEL_BREAKER_PROMETHEUS_PORT`;
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
