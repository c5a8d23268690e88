import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { CutOff, patienceMs } from './cut-off.ts';
import { traceIORedisInEsModules } from './ioredis-spans.ts';
import { metricsText } from './metrics-text.ts';
import { isReceiverThere } from './receiver.ts';

/** An SDK that we set up, and therefore have to flush. */
export interface OwnSdk {
  /** Metrics in Prometheus' text format, for whoever serves them; `undefined` when they go elsewhere. */
  readonly metrics: (() => Promise<string>) | undefined;
  /** Exports what is left, if there is a receiver. */
  shutdown(): Promise<void>;
}

/** CommonJS on purpose: a preload must be done before the program begins, and `import()` is not. */
const load = createRequire(import.meta.url);

/**
 * Sets up OpenTelemetry's NodeSDK by the standard OTEL_* variables: traces and logs by OTLP, metrics for
 * Prometheus unless OTEL_METRICS_EXPORTER says otherwise, and OpenTelemetry's own instrumentations of http, undici,
 * ioredis and pg, so that our spans stand between server and client spans.
 */
export function startSdk(env: Readonly<Record<string, string | undefined>>): OwnSdk {
  const { NodeSDK } = load('@opentelemetry/sdk-node') as typeof import('@opentelemetry/sdk-node');
  const exporter = usesPrometheus(env.OTEL_METRICS_EXPORTER) ? prometheusExporter() : undefined;
  // With an explicit list of readers NodeSDK ignores the variable; without one it is the variable's.
  const sdk = new NodeSDK({ instrumentations: instrumentations(), ...(exporter && { metricReaders: [exporter] }) });
  sdk.start();
  const exports = new CutOff(sdk);
  patchBuiltIns();
  return {
    metrics: exporter && metricsText(exporter),
    async shutdown() {
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

function instrumentations(): NonNullable<NodeSDKConfiguration['instrumentations']> {
  const { HttpInstrumentation } = load('@opentelemetry/instrumentation-http') as typeof import('@opentelemetry/instrumentation-http');
  const { UndiciInstrumentation } = load('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici');
  const { IORedisInstrumentation } = load('@opentelemetry/instrumentation-ioredis') as typeof import('@opentelemetry/instrumentation-ioredis');
  const { PgInstrumentation } = load('@opentelemetry/instrumentation-pg') as typeof import('@opentelemetry/instrumentation-pg');
  // Its default puts keys into the span, and keys hold users' names and tokens.
  const ioredis = new IORedisInstrumentation({ requireParentSpan: true, dbStatementSerializer: (command) => command });
  traceIORedisInEsModules(ioredis);
  return [new HttpInstrumentation(), new UndiciInstrumentation(), ioredis, new PgInstrumentation({ requireParentSpan: true })];
}
