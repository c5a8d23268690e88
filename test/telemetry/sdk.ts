import { context, metrics, trace } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { AggregationTemporality, type DataPoint, MeterProvider, MetricReader, type MetricReaderOptions } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, NodeTracerProvider, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { attachTelemetry, type TelemetryOptions } from '../../src/telemetry/index.ts';
import { ManualClock } from '../../src/testing.ts';

export class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

export interface Collected {
  /** By metric name. */
  readonly points: Map<string, DataPoint<unknown>[]>;
  value(name: string, attributes?: Record<string, unknown>): unknown;
}

/** An SDK of the 2.x line that keeps everything in memory. */
export class TestSdk {
  readonly reader: PullReader;
  readonly meters: MeterProvider;
  readonly #spans = new InMemorySpanExporter();
  readonly #logs = new InMemoryLogRecordExporter();

  constructor(options: MetricReaderOptions & { delta?: boolean } = {}) {
    const temporality = options.delta ? { aggregationTemporalitySelector: () => AggregationTemporality.DELTA } : {};
    this.reader = new PullReader({ ...temporality, ...options });
    this.meters = new MeterProvider({ readers: [this.reader] });
  }

  register(): this {
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#spans)] }).register();
    metrics.setGlobalMeterProvider(this.meters);
    logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: this.#logs })] }));
    return this;
  }

  spans(name?: string): ReadableSpan[] {
    const all = this.#spans.getFinishedSpans();
    return name === undefined ? all : all.filter((each) => each.name === name);
  }

  logs() {
    return this.#logs.getFinishedLogRecords();
  }

  async collect(): Promise<Collected> {
    const { resourceMetrics, errors } = await this.reader.collect();
    if (errors.length > 0) throw errors[0];
    const points = new Map<string, DataPoint<unknown>[]>();
    for (const { scope, metrics: found } of resourceMetrics.scopeMetrics) {
      if (scope.name !== 'otel-breaker') continue;
      for (const { descriptor, dataPoints } of found) {
        if (points.has(descriptor.name)) throw new Error(`${descriptor.name} was told twice`);
        points.set(descriptor.name, dataPoints);
      }
    }
    const value = (name: string, attributes: Record<string, unknown> = {}) =>
      points.get(name)?.find((point) => Object.entries(attributes).every(([key, wanted]) => point.attributes[key] === wanted))?.value;
    return { points, value };
  }
}

/** Leaves no SDK registered. */
export function unregister(): void {
  trace.disable();
  metrics.disable();
  logs.disable();
  context.disable();
}

export const target = { system: 'redis', address: '10.0.0.5', port: 6379, operation: 'read', server: 'redis://10.0.0.5:6379' };

/** A registry on a manual clock with telemetry attached, its breakers opening after two failures in a row. */
export function setUp(options: TelemetryOptions = {}) {
  const clock = new ManualClock();
  const registry = createRegistry({
    clock,
    defaults: {
      failureRatio: 0.5,
      minimumCalls: 4,
      consecutiveFailures: 2,
      open: { durationMs: 1_000, factor: 1, jitter: 0, resetAfterMs: 0 },
      halfOpen: { permits: 2 },
    },
  });
  const telemetry = attachTelemetry(registry, options);
  const breaker = registry.get('redis read', target);
  return { clock, registry, telemetry, breaker };
}

export type Rig = ReturnType<typeof setUp>;

export const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

export async function succeed(breaker: Rig['breaker']): Promise<void> {
  await breaker.run(async () => 'ok');
}

export async function fail(breaker: Rig['breaker'], error: unknown = refused): Promise<void> {
  await breaker.run(() => Promise.reject(error)).catch(() => {});
}

export async function trip(breaker: Rig['breaker']): Promise<void> {
  await fail(breaker);
  await fail(breaker);
}

/** Runs something with a recording span around it. */
export function inSpan<R>(name: string, fn: () => Promise<R>): Promise<R> {
  return trace.getTracer('app').startActiveSpan(name, async (span) => {
    try {
      return await fn();
    } finally {
      span.end();
    }
  });
}
