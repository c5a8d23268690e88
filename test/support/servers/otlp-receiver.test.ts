import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as JsonMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type OtlpReceiver, startOtlpReceiver } from './otlp-receiver.ts';

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
});
afterEach(async () => {
  await receiver.stop();
});

async function sendSpans(exporter: SpanExporter): Promise<string> {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('the tracer', '1.2.3');
  const first = tracer.startSpan('first', { kind: SpanKind.CLIENT, attributes: { text: 'a', count: 3, ratio: 0.5, yes: true, list: ['x', 'y'] } });
  first.addEvent('happened', { n: 1 });
  first.setStatus({ code: SpanStatusCode.ERROR, message: 'broke' });
  const link = { context: first.spanContext(), attributes: { why: 'that one' } };
  tracer.startSpan('second', { links: [link] }, trace.setSpan(ROOT_CONTEXT, first)).end();
  first.end();
  await provider.forceFlush();
  await provider.shutdown();
  return first.spanContext().spanId;
}

it.each([
  ['protobuf', () => new OTLPTraceExporter({ url: `${receiver.url}/v1/traces` })],
  ['gzipped protobuf', () => new OTLPTraceExporter({ url: `${receiver.url}/v1/traces`, compression: CompressionAlgorithm.GZIP })],
  ['JSON', () => new JsonTraceExporter({ url: `${receiver.url}/v1/traces` })],
])('spans sent as %s arrive with all they hold', async (_encoding, exporter) => {
  const firstId = await sendSpans(exporter());
  const first = await receiver.waitFor(({ spans }) => spans.find((span) => span.name === 'first'));
  expect(first).toMatchObject({
    spanId: firstId,
    parentSpanId: '',
    kind: 'CLIENT',
    attributes: { text: 'a', count: 3, ratio: 0.5, yes: true, list: ['x', 'y'] },
    events: [{ name: 'happened', attributes: { n: 1 } }],
    status: { code: 'ERROR', message: 'broke' },
    resource: { 'service.name': 'shop' },
    scope: { name: 'the tracer', version: '1.2.3' },
  });
  const second = await receiver.waitFor(({ spans }) => spans.find((span) => span.name === 'second'));
  expect(second).toMatchObject({
    parentSpanId: firstId,
    kind: 'INTERNAL',
    links: [{ traceId: first.traceId, spanId: firstId, attributes: { why: 'that one' } }],
  });
  expect(second.endTime - second.startTime).toBeGreaterThanOrEqual(0n);
  expect(receiver.problems).toEqual([]);
});

it('log records arrive with event name, severity and trace', async () => {
  const exporter = new OTLPLogExporter({ url: `${receiver.url}/v1/logs` });
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  provider.getLogger('logs').emit({
    eventName: 'breaker.state_change',
    severityNumber: 13,
    severityText: 'WARN',
    body: 'opened',
    attributes: { 'breaker.name': 'x' },
    context: trace.setSpanContext(ROOT_CONTEXT, span),
  });
  await provider.forceFlush();
  const log = await receiver.waitFor(({ logs }) => logs[0]);
  expect(log).toMatchObject({
    eventName: 'breaker.state_change',
    severityNumber: 13,
    severityText: 'WARN',
    body: 'opened',
    attributes: { 'breaker.name': 'x' },
    traceId: span.traceId,
    spanId: span.spanId,
    scope: { name: 'logs' },
  });
  await provider.shutdown();
});

it.each([
  ['protobuf', () => new OTLPMetricExporter({ url: `${receiver.url}/v1/metrics` })],
  ['JSON', () => new JsonMetricExporter({ url: `${receiver.url}/v1/metrics` })],
])('metrics sent as %s arrive as sums and histograms', async (_encoding, exporter) => {
  const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: exporter(), exportIntervalMillis: 3_600_000 })] });
  const meter = provider.getMeter('meter');
  meter.createCounter('calls', { unit: '{call}' }).add(3, { outcome: 'success' });
  const histogram = meter.createHistogram('duration', { unit: 's', advice: { explicitBucketBoundaries: [1, 2] } });
  for (const value of [0.5, 1.5, 9]) histogram.record(value);
  await provider.forceFlush();
  const calls = await receiver.waitFor(({ metrics }) => metrics.find((metric) => metric.name === 'calls'));
  expect(calls).toMatchObject({ kind: 'sum', unit: '{call}', monotonic: true, temporality: 'CUMULATIVE' });
  expect(calls.points).toMatchObject([{ value: 3, attributes: { outcome: 'success' } }]);
  const duration = await receiver.waitFor(({ metrics }) => metrics.find((metric) => metric.name === 'duration'));
  expect(duration).toMatchObject({
    kind: 'histogram',
    points: [{ count: 3, sum: 11, min: 0.5, max: 9, bucketCounts: [1, 1, 1], explicitBounds: [1, 2] }],
  });
  await provider.shutdown();
});

it('what is not OTLP is refused and told', async () => {
  const response = await fetch(`${receiver.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: 'nonsense',
  });
  expect(response.status).toBe(400);
  expect(receiver.problems).toHaveLength(1);
  const badId = { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'AAAA', name: 'x' }] }] }] };
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(`${receiver.url}/v1/traces`, { method: 'POST', headers, body: JSON.stringify(badId) })).status).toBe(400);
});

it('a wait that ends in vain names what did arrive', async () => {
  await sendSpans(new OTLPTraceExporter({ url: `${receiver.url}/v1/traces` }));
  await expect(receiver.waitFor(({ spans }) => spans.find((span) => span.name === 'third'), 50)).rejects.toThrow('first');
});
