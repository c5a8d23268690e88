import type { Attributes, HrTime, ValueType } from '@opentelemetry/api';

/**
 * What the SDK's metric readers collect, described here and not imported: importing an SDK would tie us to one line.
 * The enums are by value, equal on 2.x and 3.x.
 */
export const pointType = { histogram: 0, gauge: 2, sum: 3 } as const;
export const temporality = { delta: 0, cumulative: 1 } as const;
export const valueType = { double: 1 as ValueType.DOUBLE } as const;

export interface HistogramValue {
  readonly buckets: { boundaries: number[]; counts: number[] };
  readonly count: number;
  readonly sum: number;
  readonly min?: number;
  readonly max?: number;
}

export interface DataPoint<V> {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly attributes: Attributes;
  readonly value: V;
}

interface Produced<P, V> {
  readonly descriptor: { name: string; description: string; unit: string; type: string; valueType: ValueType; advice: object };
  readonly aggregationTemporality: 0 | 1;
  readonly dataPointType: P;
  readonly dataPoints: DataPoint<V>[];
}

export type ProducedMetric = Produced<0, HistogramValue> | Produced<2, number> | (Produced<3, number> & { readonly isMonotonic: boolean });

/** The shape of the SDK's `Resource`, with nothing in it: readers use their own. */
export interface EmptyResource {
  readonly attributes: Attributes;
  merge<R>(other: R | null): R;
  getRawAttributes(): [string, never][];
}

export interface ProducedMetrics {
  resourceMetrics: { resource: EmptyResource; scopeMetrics: { scope: { name: string; version: string }; metrics: ProducedMetric[] }[] };
  errors: unknown[];
}

/** For `metricProducers` of any `MetricReader` of the OpenTelemetry SDK. */
export interface BreakerMetricProducer {
  collect(): Promise<ProducedMetrics>;
}

export const emptyResource: EmptyResource = {
  attributes: {},
  merge: <R>(other: R | null) => (other ?? emptyResource) as R,
  getRawAttributes: () => [],
};

export function toHrTime(epochMs: number): HrTime {
  return [Math.trunc(epochMs / 1_000), Math.round((epochMs % 1_000) * 1e6)];
}
