import type { MeterProvider } from '@opentelemetry/api';
import type { Registry } from '../registry/registry.ts';
import { type BreakerMetricProducer, temporality } from './produced.ts';
import { type ProducerOptions, SeriesProducer } from './producer.ts';

/** Of a `MetricReader`, on both lines of the SDK: what is private there, and therefore checked before it is touched. */
interface Reader {
  _metricProducers: unknown[];
  selectAggregationTemporality(instrument: 'HISTOGRAM' | 'OBSERVABLE_COUNTER' | 'OBSERVABLE_UP_DOWN_COUNTER'): number;
}

function isReader(value: unknown): value is Reader {
  const reader = value as Partial<Reader> | null | undefined;
  return typeof reader === 'object' && Array.isArray(reader?._metricProducers) && typeof reader.selectAggregationTemporality === 'function';
}

/** The readers of an SDK's meter provider; `undefined` when it is not built as the ones we know. */
function readersOf(provider: MeterProvider): Reader[] | undefined {
  const collectors = (provider as { _sharedState?: { metricCollectors?: unknown } })._sharedState?.metricCollectors;
  if (!Array.isArray(collectors)) return undefined;
  const readers = collectors.map((collector: { _metricReader?: unknown } | null) => collector?._metricReader);
  return readers.every(isReader) ? readers : undefined;
}

/** Registries whose producer the user has handed to a reader that we may not be able to see. */
const given = new WeakSet<Registry>();

/**
 * A metric producer for readers that the user makes: `new PrometheusExporter({ metricProducers: [breakerMetricProducer(registry)] })`.
 * It tells all metrics, and `attachTelemetry` leaves them to it. One per reader.
 */
export function breakerMetricProducer(registry: Registry, options?: Pick<ProducerOptions, 'temporality' | 'durations'>): BreakerMetricProducer {
  given.add(registry);
  return new SeriesProducer(registry, options);
}

/** Whether {@link breakerMetricProducer} was asked for this registry. */
export function isProducerGiven(registry: Registry): boolean {
  return given.has(registry);
}

/**
 * Hands a producer to every reader of a provider that somebody else has made.
 * @returns `undefined`, with nothing changed, when the readers cannot be reached.
 */
export function attachProducer(
  provider: MeterProvider,
  registry: Registry,
  options: Pick<ProducerOptions, 'counts' | 'durations'>,
): Disposable | undefined {
  const readers = readersOf(provider);
  if (readers === undefined) return undefined;
  const attached: { reader: Reader; producer: SeriesProducer }[] = [];
  for (const reader of readers) {
    if (reader._metricProducers.some((each) => each instanceof SeriesProducer && each.registry === registry)) continue;
    const wanted = (type: Parameters<Reader['selectAggregationTemporality']>[0]) =>
      reader.selectAggregationTemporality(type) === temporality.delta ? 'delta' : 'cumulative';
    const temporalities = {
      counter: wanted('OBSERVABLE_COUNTER'),
      updowncounter: wanted('OBSERVABLE_UP_DOWN_COUNTER'),
      histogram: wanted('HISTOGRAM'),
    } as const;
    const producer = new SeriesProducer(registry, { ...options, temporality: temporalities });
    // A new array: the present one may be the user's, and shared by several readers.
    reader._metricProducers = [...reader._metricProducers, producer];
    attached.push({ reader, producer });
  }
  return {
    [Symbol.dispose]: () => {
      for (const { reader, producer } of attached) reader._metricProducers = reader._metricProducers.filter((each) => each !== producer);
    },
  };
}
