import { type AttributeKey, labelName, type MetricKey, type MetricSource, metricName } from './prometheus-names.ts';

/** PromQL for the metrics of one source. */
export interface Queries {
  readonly source: MetricSource;
  /** A metric's series: `breaker_calls_total{job=~"$job",breaker_outcome="failure"}`. */
  series(metric: MetricKey, ...matchers: readonly string[]): string;
  /** A histogram's `_bucket`, `_sum` or `_count`. */
  part(metric: MetricKey, part: 'bucket' | 'sum' | 'count', ...matchers: readonly string[]): string;
}

/** @param common matchers that every selector gets */
export function queriesOf(source: MetricSource, ...common: readonly string[]): Queries {
  const select = (name: string, matchers: readonly string[]): string => {
    const all = [...common, ...matchers];
    return all.length === 0 ? name : `${name}{${all.join(',')}}`;
  };
  return {
    source,
    series: (metric, ...matchers) => select(metricName(metric, source), matchers),
    part: (metric, part, ...matchers) => select(`${metricName(metric, source)}_${part}`, matchers),
  };
}

/** Labels to group by: attributes by their key, labels of Prometheus' own (`job`, `instance`, `le`) as they are. */
export type By = AttributeKey | 'job' | 'instance' | 'le';
const own: ReadonlySet<string> = new Set(['job', 'instance', 'le']);

function label(by: By): string {
  return own.has(by) ? by : labelName(by as AttributeKey);
}

function aggregate(how: string): (by: readonly By[], of: string) => string {
  return (by, of) => (by.length === 0 ? `${how}(${of})` : `${how} by (${by.map(label).join(', ')}) (${of})`);
}

export const sum = aggregate('sum');
export const max = aggregate('max');

export function rate(series: string, range: string): string {
  return `rate(${series}[${range}])`;
}

/**
 * How much a rare counter has grown. Its series begins with the first event, which `increase` cannot see: the whole value of
 * a series that was not there at the beginning of the range has been added within it.
 */
export function grown(series: string, range: string): string {
  return `((${series} unless ${series} offset ${range}) or increase(${series}[${range}]))`;
}

export function quantile(q: number, by: readonly By[], bucketRate: string): string {
  return `histogram_quantile(${q}, ${sum(['le', ...by], bucketRate)})`;
}

/** What a grouped series is called in a legend: `{{breaker_name}}`. */
export function legend(...by: readonly By[]): string {
  return by.map((each) => `{{${label(each)}}}`).join(' ');
}
