import type { IncomingMessage } from 'node:http';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import type { Settings } from '../config/settings.ts';
import { CutOff, patienceMs } from './cut-off.ts';
import { traceIORedisInEsModules } from './ioredis-spans.ts';
import { MetricsEndpoint } from './metrics-endpoint.ts';
import { isReceiverThere } from './receiver.ts';

/** An SDK that we set up, and therefore have to flush. */
export interface OwnSdk {
  /** Where metrics can be read; `undefined` when they go elsewhere. */
  readonly metricsUrl: string | undefined;
  /** When `metricsUrl` is certain. */
  readonly ready: Promise<void>;
  /** Exports what is left, if there is a receiver. */
  shutdown(): Promise<void>;
}

/** CommonJS on purpose: a preload must be done before the program begins, and `import()` is not. */
const load = createRequire(import.meta.url);

/**
 * Sets up OpenTelemetry's NodeSDK by the standard OTEL_* variables: traces and logs by OTLP, metrics on a Prometheus
 * endpoint unless OTEL_METRICS_EXPORTER says otherwise, and OpenTelemetry's own instrumentations of http, undici,
 * ioredis and pg, so that our spans stand between server and client spans.
 */
export function startSdk(settings: Settings, env: Readonly<Record<string, string | undefined>>): OwnSdk {
  const { NodeSDK } = load('@opentelemetry/sdk-node') as typeof import('@opentelemetry/sdk-node');
  const scraped = usesPrometheus(env.OTEL_METRICS_EXPORTER);
  const exporter = scraped ? prometheusExporter() : undefined;
  // With an explicit list of readers NodeSDK ignores the variable; without one it is the variable's.
  let endpoint: MetricsEndpoint | undefined;
  // A scrape of our own endpoint is no request of the service's.
  const isScrape = (request: IncomingMessage): boolean => endpoint !== undefined && request.socket.localPort === endpoint.port;
  const sdk = new NodeSDK({ instrumentations: instrumentations(isScrape), ...(exporter && { metricReaders: [exporter] }) });
  sdk.start();
  const exports = new CutOff(sdk);
  patchBuiltIns();
  endpoint = exporter && new MetricsEndpoint(exporter, settings.prometheus);
  return {
    get metricsUrl() {
      return endpoint?.url;
    },
    ready: endpoint?.ready ?? Promise.resolve(),
    async shutdown() {
      endpoint?.close();
      if (usesOtlp(env) && !(await isReceiverThere(env))) return;
      const timer = setTimeout(() => exports.cut(), patienceMs(env));
      await sdk.shutdown().finally(() => clearTimeout(timer));
    },
  };
}

/**
 * OpenTelemetry patches `http` when it is required, which a program of ES modules never does; and what such a program
 * imports by name is a copy made before.
 */
function patchBuiltIns(): void {
  load('node:http');
  load('node:https');
  syncBuiltinESMExports();
}

/** Whether anything goes by OTLP, which is what the variables mean when they are not set. */
function usesOtlp(env: Readonly<Record<string, string | undefined>>): boolean {
  return ['TRACES', 'LOGS'].some((signal) => /^$|otlp/.test(env[`OTEL_${signal}_EXPORTER`] ?? ''));
}

function usesPrometheus(exporters: string | undefined): boolean {
  const named = (exporters ?? '').split(',').map((name) => name.trim());
  return named.every((name) => name === '' || name === 'prometheus');
}

function prometheusExporter() {
  const { PrometheusExporter } = load('@opentelemetry/exporter-prometheus') as typeof import('@opentelemetry/exporter-prometheus');
  return new PrometheusExporter({ preventServerStart: true });
}

function instrumentations(isScrape: (request: IncomingMessage) => boolean): NonNullable<NodeSDKConfiguration['instrumentations']> {
  const { HttpInstrumentation } = load('@opentelemetry/instrumentation-http') as typeof import('@opentelemetry/instrumentation-http');
  const { UndiciInstrumentation } = load('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici');
  const { IORedisInstrumentation } = load('@opentelemetry/instrumentation-ioredis') as typeof import('@opentelemetry/instrumentation-ioredis');
  const { PgInstrumentation } = load('@opentelemetry/instrumentation-pg') as typeof import('@opentelemetry/instrumentation-pg');
  // Its default puts keys into the span, and keys hold users' names and tokens.
  const ioredis = new IORedisInstrumentation({ requireParentSpan: true, dbStatementSerializer: (command) => command });
  traceIORedisInEsModules(ioredis);
  return [
    new HttpInstrumentation({ ignoreIncomingRequestHook: isScrape }),
    new UndiciInstrumentation(),
    ioredis,
    new PgInstrumentation({ requireParentSpan: true }),
  ];
}
