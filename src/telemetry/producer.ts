import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { type DurationHistogram, durationBoundsMs } from '../breaker/duration-histogram.ts';
import type { Registry } from '../registry/registry.ts';
import { metrics as definitions, type MetricDefinition, scopeName } from './names.ts';
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
} from './produced.ts';
import { type ReadMetric, readBreaker, type Tell } from './readings.ts';
import type { Series } from './series.ts';
import { SeriesBook } from './series-book.ts';
import { version } from './version.ts';

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

type DurationState = Pick<DurationHistogram, 'counts' | 'count' | 'sumMs'>;
const noDurations: DurationState = { counts: new Array(boundaries.length + 1).fill(0), count: 0, sumMs: 0 };

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
  readonly #toldDurations = new WeakMap<DurationHistogram, Told<DurationState>>();

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
      if (this.#options.counts ?? true) metrics.push(...this.#counts(now));
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
        const point = this.#histogram(histogram, series, now);
        // As the SDK does: nothing new is nothing to a delta reader.
        if (point.value.count > 0) dataPoints.push(point);
      }
    }
    if (dataPoints.length === 0) return [];
    const described = { descriptor: describe(definitions.callDuration), aggregationTemporality: this.#temporality('histogram') };
    return [{ ...described, dataPointType: pointType.histogram, dataPoints }];
  }

  #histogram(histogram: DurationHistogram, series: Series, now: HrTime): DataPoint<HistogramValue> {
    const { count, sumMs, counts, minMs, maxMs } = histogram;
    const attributes = series.duration(histogram.outcome, histogram.errorType);
    const cumulative = this.#temporality('histogram') === temporality.cumulative;
    const told = cumulative ? undefined : this.#toldDurations.get(histogram);
    const before = told?.value ?? noDurations;
    if (!cumulative) this.#toldDurations.set(histogram, { value: { counts: counts.slice(), count, sumMs }, at: now });
    const value = {
      buckets: { boundaries, counts: Array.from(counts, (each, bucket) => each - (before.counts[bucket] ?? 0)) },
      count: count - before.count,
      sum: (sumMs - before.sumMs) / 1_000,
      // Least and greatest are known since the start only.
      ...(cumulative && { min: minMs / 1_000, max: maxMs / 1_000 }),
    };
    return { startTime: told?.at ?? series.since, endTime: now, attributes, value };
  }

  #temporality(kind: MetricDefinition['kind']): 0 | 1 {
    return temporality[(kind === 'gauge' ? undefined : this.#options.temporality?.[kind]) ?? 'cumulative'];
  }
}

function describe({ name, description, unit, kind }: MetricDefinition): ProducedMetric['descriptor'] {
  return { name, description, unit, type: instrumentTypes[kind], valueType: ValueType.DOUBLE, advice: {} };
}
