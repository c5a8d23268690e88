import { metrics as api, type MeterProvider } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { type DataPoint, type Histogram, type MetricProducer, MeterProvider as SdkMeterProvider } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { attachTelemetry, breakerMetricProducer, type TelemetryOptions } from '../../src/telemetry/index.ts';
import { fail, PullReader, refused, setUp, TestSdk, target, unregister } from './sdk.ts';

const name = 'breaker.call.duration';

function histogram(point: unknown): Histogram {
  return point as Histogram;
}

/** What a provider of unknown make shows of itself. */
function opaque(provider: MeterProvider): MeterProvider {
  return { getMeter: (...args) => provider.getMeter(...args) };
}

function setUpOn(provider: MeterProvider, options: TelemetryOptions = {}) {
  api.setGlobalMeterProvider(provider);
  return setUp(options);
}

describe('breaker.call.duration', () => {
  afterEach(unregister);

  it('comes from ready-made buckets through the reader of whoever set up the SDK', async () => {
    const sdk = new TestSdk();
    const { breaker, telemetry } = setUpOn(sdk.meters);
    breaker.tryAcquire()?.succeed(20);
    breaker.tryAcquire()?.succeed(3);
    await fail(breaker, refused);
    const { value } = await sdk.collect();
    telemetry.dispose();
    const succeeded = histogram(value(name, { 'breaker.name': 'redis read', 'breaker.operation': 'read', 'breaker.outcome': 'success' }));
    expect(succeeded).toMatchObject({ count: 2, min: 0.003, max: 0.02 });
    expect(succeeded.sum).toBeCloseTo(0.023);
    const { boundaries, counts } = succeeded.buckets;
    expect(counts).toHaveLength(boundaries.length + 1);
    expect(counts[boundaries.indexOf(0.025)]).toBe(1);
    expect(counts[boundaries.indexOf(0.005)]).toBe(1);
    expect(histogram(value(name, { 'breaker.outcome': 'failure', 'error.type': 'ECONNREFUSED' })).count).toBe(1);
  });

  it('grows since the start for a cumulative reader', async () => {
    const sdk = new TestSdk();
    const { breaker, telemetry } = setUpOn(sdk.meters);
    const point = async () => (await sdk.collect()).points.get(name)?.[0] as DataPoint<Histogram>;
    breaker.tryAcquire()?.succeed(20);
    const first = await point();
    breaker.tryAcquire()?.succeed(20);
    const second = await point();
    telemetry.dispose();
    expect(second.value.count).toBe(2);
    expect(second.startTime).toEqual(first.startTime);
  });

  it('tells only what is new to a delta reader', async () => {
    const sdk = new TestSdk({ delta: true });
    const { breaker, telemetry } = setUpOn(sdk.meters);
    const point = async () => (await sdk.collect()).points.get(name)?.[0] as DataPoint<Histogram>;
    breaker.tryAcquire()?.succeed(20);
    const first = await point();
    breaker.tryAcquire()?.succeed(40);
    const second = await point();
    expect(first.value.count).toBe(1);
    expect(second.value.count).toBe(1);
    expect(second.value.sum).toBeCloseTo(0.04);
    expect(second.value.buckets.counts.reduce((sum, each) => sum + each)).toBe(1);
    expect(second.startTime).toEqual(first.endTime);
    expect((await sdk.collect()).points.has(name)).toBe(false);
    telemetry.dispose();
  });

  it('reaches each reader once, also when readers share a list of producers', async () => {
    const mine: MetricProducer[] = [];
    const readers = [new PullReader({ metricProducers: mine }), new PullReader({ metricProducers: mine })];
    const { breaker, telemetry } = setUpOn(new SdkMeterProvider({ readers }));
    breaker.tryAcquire()?.succeed(20);
    const told = async () =>
      Promise.all(
        readers.map(async (reader) => {
          const { scopeMetrics } = (await reader.collect()).resourceMetrics;
          return scopeMetrics.flatMap((scope) => scope.metrics).filter((metric) => metric.descriptor.name === name).length;
        }),
      );
    expect(await told()).toEqual([1, 1]);
    expect(mine).toHaveLength(0);
    telemetry.dispose();
    expect(await told()).toEqual([0, 0]);
  });

  it('is recorded call by call where the readers cannot be reached', async () => {
    const sdk = new TestSdk();
    const { breaker, telemetry } = setUpOn(opaque(sdk.meters));
    breaker.tryAcquire()?.succeed(20);
    await fail(breaker, refused);
    const { value } = await sdk.collect();
    telemetry.dispose();
    expect(histogram(value(name, { 'breaker.name': 'redis read', 'breaker.outcome': 'success' }))).toMatchObject({ count: 1, sum: 0.02 });
    expect(histogram(value(name, { 'breaker.outcome': 'failure', 'error.type': 'ECONNREFUSED' })).count).toBe(1);
    expect(histogram(value(name)).buckets.boundaries).toContain(0.025);
  });

  it('comes with all other metrics as instruments there', async () => {
    const sdk = new TestSdk();
    const { breaker, telemetry } = setUpOn(opaque(sdk.meters));
    breaker.forceOpen();
    expect((await sdk.collect()).value('breaker.status', { 'breaker.state': 'forced_open' })).toBe(1);
    telemetry.dispose();
  });

  it('can be asked for call by call, or not at all', async () => {
    for (const [option, count] of [
      ['recorded', 1],
      ['off', undefined],
    ] as const) {
      const sdk = new TestSdk();
      const { breaker, telemetry } = setUpOn(sdk.meters, { durationHistogram: option });
      breaker.tryAcquire()?.succeed(20);
      const found = await sdk.collect();
      telemetry.dispose();
      expect(histogram(found.value(name))?.count).toBe(count);
      expect(found.points.has('breaker.failure_ratio.limit')).toBe(true);
      unregister();
    }
  });

  it('is not told twice where the user gave the producer to the reader', async () => {
    for (const seen of [true, false]) {
      const registry = createRegistry();
      const producer: MetricProducer = breakerMetricProducer(registry);
      const sdk = new TestSdk({ metricProducers: [producer] });
      api.setGlobalMeterProvider(seen ? sdk.meters : opaque(sdk.meters));
      const telemetry = attachTelemetry(registry);
      registry.get('a', target).tryAcquire()?.succeed(20);
      // collect() refuses a metric that is told twice.
      const { value } = await sdk.collect();
      expect(histogram(value(name)).count).toBe(1);
      expect(value('breaker.status', { 'breaker.state': 'closed' })).toBe(1);
      telemetry.dispose();
      unregister();
    }
  });

  it('stands in the Prometheus exposition once, under our scope, beside the other metrics', async () => {
    const exporter = new PrometheusExporter({ preventServerStart: true });
    api.setGlobalMeterProvider(new SdkMeterProvider({ readers: [exporter] }));
    const { breaker, telemetry } = setUp();
    breaker.tryAcquire()?.succeed(20);
    const text = new PrometheusSerializer().serialize((await exporter.collect()).resourceMetrics);
    telemetry.dispose();
    const types = text.split('\n').filter((line) => line.startsWith('# TYPE'));
    expect(new Set(types).size).toBe(types.length);
    expect(types).toContain('# TYPE breaker_call_duration histogram');
    expect(types).toContain('# TYPE breaker_calls_total counter');
    expect(text).toMatch(
      /^breaker_call_duration_bucket\{breaker_name="redis read",.*breaker_outcome="success",otel_scope_name="otel-breaker",.*le="0.025"\} 1$/m,
    );
    expect(text).toMatch(/^breaker_call_duration_bucket\{.*le="\+Inf"\} 1$/m);
    expect(text).toMatch(/^breaker_call_duration_count\{.*\} 1$/m);
  });
});
