import type { Attributes, HrTime } from '@opentelemetry/api';
import { durationBoundsMs } from '../breaker/duration-histogram.ts';
import { version } from '../core/version.ts';
import { policyMetersOf } from '../policies/compose.ts';
import { attemptBounds } from '../policies/meters.ts';
import type { Registry } from '../registry/registry.ts';
import { HealthSeries } from './health.ts';
import { metrics as definitions, type MetricDefinition, scopeName } from './names.ts';
import { attemptAttributes } from './policy-readings.ts';
import { PoolSeries, readPool } from './pools.ts';
import {
  type BreakerMetricProducer,
  type DataPoint,
  emptyResource,
  type HistogramValue,
  type ProducedMetric,
  type ProducedMetrics,
  pointType,
  temporality,
  toHrTime,
  valueType,
} from './produced.ts';
import { type ReadMetric, readBreaker, type Tell } from './readings.ts';
import type { Series } from './series.ts';
import { SeriesBook } from './series-book.ts';

type Temporality = keyof typeof temporality;

/** What a reader's exporter wants, by kind of metric. Default `cumulative`: a producer cannot ask its reader. */
export type Temporalities = Readonly<Partial<Record<'counter' | 'updowncounter' | 'histogram', Temporality>>>;

export interface ProducerOptions {
  readonly temporality?: Temporalities;
  /** Whether `breaker.call.duration` is told. Default true. */
  readonly durations?: boolean;
  /** Whether all the others are told. Default true. */
  readonly counts?: boolean;
}

const instrumentTypes = {
  counter: 'OBSERVABLE_COUNTER',
  updowncounter: 'OBSERVABLE_UP_DOWN_COUNTER',
  gauge: 'OBSERVABLE_GAUGE',
  histogram: 'HISTOGRAM',
} as const satisfies Record<MetricDefinition['kind'], string>;

const boundaries = durationBoundsMs.map((ms) => ms / 1_000);

interface Told<V> {
  readonly value: V;
  readonly at: HrTime;
}

/** A histogram as it stands, in the unit of its metric. */
interface HistogramState {
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}
const nothing: Pick<HistogramState, 'counts' | 'count' | 'sum'> = { counts: [], count: 0, sum: 0 };

/**
 * All metrics of a registry, made for a reader of the SDK from the engine's own numbers. Against instruments of the SDK
 * it costs a small part at collection and nothing at the call, its series end with their breaker, ratios can be left
 * out again, and there is no limit of 2,000 series beyond which an SDK lumps them together.
 */
export class SeriesProducer implements BreakerMetricProducer {
  readonly registry: Registry;
  readonly #book: SeriesBook;
  readonly #options: ProducerOptions;
  /** What delta readers were told last, by metric and series. */
  readonly #toldSums: Partial<Record<ReadMetric, WeakMap<Attributes, Told<number>>>> = {};
  readonly #toldHistograms = new WeakMap<object, Told<typeof nothing>>();

  constructor(registry: Registry, options: ProducerOptions = {}) {
    this.registry = registry;
    this.#book = SeriesBook.of(registry);
    this.#options = options;
  }

  async collect(): Promise<ProducedMetrics> {
    const now = toHrTime(Date.now());
    const metrics: ProducedMetric[] = [];
    const errors: unknown[] = [];
    try {
      if (this.#options.counts ?? true) metrics.push(...this.#counts(now), ...this.#attempts(now));
      if (this.#options.durations ?? true) metrics.push(...this.#durations(now));
    } catch (error) {
      errors.push(error);
    }
    const scopeMetrics = metrics.length === 0 ? [] : [{ scope: { name: scopeName, version }, metrics }];
    return { resourceMetrics: { resource: emptyResource, scopeMetrics }, errors };
  }

  #counts(now: HrTime): ProducedMetric[] {
    const points = new Map<ReadMetric, DataPoint<number>[]>();
    const time = this.registry.clock.now();
    let since = now;
    const tell: Tell = (metric, value, attributes) => {
      const point = this.#point(metric, value, attributes, since, now);
      const told = points.get(metric);
      if (told === undefined) points.set(metric, [point]);
      else told.push(point);
    };
    for (const [breaker, series] of this.#book.series) {
      since = series.since;
      readBreaker(breaker, series, time, tell);
    }
    for (const [seat, reading] of this.registry.pools.read()) {
      since = PoolSeries.of(seat).since;
      readPool(seat, reading, tell);
    }
    const health = this.registry.health.read();
    if (health !== undefined) {
      const series = HealthSeries.of(this.registry);
      since = series.since;
      series.read(health, tell);
    }
    return [...points].map(([metric, dataPoints]) => {
      const { kind } = definitions[metric];
      const described = { descriptor: describe(definitions[metric]), aggregationTemporality: this.#temporality(kind), dataPoints };
      if (kind === 'gauge') return { ...described, dataPointType: pointType.gauge };
      return { ...described, dataPointType: pointType.sum, isMonotonic: kind === 'counter' };
    });
  }

  #point(metric: ReadMetric, value: number, attributes: Attributes, since: HrTime, now: HrTime): DataPoint<number> {
    const { kind } = definitions[metric];
    if (kind === 'gauge' || this.#temporality(kind) === temporality.cumulative) return { startTime: since, endTime: now, attributes, value };
    this.#toldSums[metric] ??= new WeakMap();
    const told = this.#toldSums[metric];
    const before = told.get(attributes);
    told.set(attributes, { value, at: now });
    return { startTime: before?.at ?? since, endTime: now, attributes, value: value - (before?.value ?? 0) };
  }

  #durations(now: HrTime): ProducedMetric[] {
    const dataPoints: DataPoint<HistogramValue>[] = [];
    for (const [breaker, series] of this.#book.series) {
      for (const histogram of breaker.meters.durations.values()) {
        const { counts, count, sumMs, minMs, maxMs } = histogram;
        const state = { counts, count, sum: sumMs / 1_000, min: minMs / 1_000, max: maxMs / 1_000 };
        dataPoints.push(...this.#histogram(histogram, state, boundaries, series, series.duration(histogram.outcome, histogram.errorType), now));
      }
    }
    return this.#histograms('callDuration', dataPoints);
  }

  #attempts(now: HrTime): ProducedMetric[] {
    const dataPoints: DataPoint<HistogramValue>[] = [];
    for (const [breaker, series] of this.#book.series) {
      for (const histogram of policyMetersOf(breaker)?.attempts.values() ?? []) {
        dataPoints.push(...this.#histogram(histogram, histogram, attemptBounds, series, attemptAttributes(series, histogram.outcome), now));
      }
    }
    return this.#histograms('retryAttempts', dataPoints);
  }

  #histograms(metric: 'callDuration' | 'retryAttempts', dataPoints: DataPoint<HistogramValue>[]): ProducedMetric[] {
    if (dataPoints.length === 0) return [];
    const described = { descriptor: describe(definitions[metric]), aggregationTemporality: this.#temporality('histogram') };
    return [{ ...described, dataPointType: pointType.histogram, dataPoints }];
  }

  /** As the SDK does: nothing new is nothing to a delta reader. */
  #histogram(
    key: object,
    { counts, count, sum, min, max }: HistogramState,
    bounds: readonly number[],
    { since }: Series,
    attributes: Attributes,
    now: HrTime,
  ): DataPoint<HistogramValue>[] {
    const cumulative = this.#temporality('histogram') === temporality.cumulative;
    const told = cumulative ? undefined : this.#toldHistograms.get(key);
    const before = told?.value ?? nothing;
    if (!cumulative) this.#toldHistograms.set(key, { value: { counts: counts.slice(), count, sum }, at: now });
    if (count === before.count) return [];
    const value = {
      buckets: { boundaries: [...bounds], counts: counts.map((each, bucket) => each - (before.counts[bucket] ?? 0)) },
      count: count - before.count,
      sum: sum - before.sum,
      // Least and greatest are known since the start only.
      ...(cumulative && { min, max }),
    };
    return [{ startTime: told?.at ?? since, endTime: now, attributes, value }];
  }

  #temporality(kind: MetricDefinition['kind']): 0 | 1 {
    return temporality[(kind === 'gauge' ? undefined : this.#options.temporality?.[kind]) ?? 'cumulative'];
  }
}

function describe({ name, description, unit, kind }: MetricDefinition): ProducedMetric['descriptor'] {
  return { name, description, unit, type: instrumentTypes[kind], valueType: valueType.double, advice: {} };
}
