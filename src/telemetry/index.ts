export { attachTelemetry, type DurationHistogramOption, type MetricsOption, type TelemetryHandle, type TelemetryOptions } from './attach.ts';
export type { MetricDefinition } from './names.ts';
export * as names from './names.ts';
export type { BreakerMetricProducer, ProducedMetric, ProducedMetrics } from './produced.ts';
export type { ProducerOptions, Temporalities } from './producer.ts';
export { breakerMetricProducer } from './readers.ts';
