import { attributes, metrics, type values } from '../telemetry/names.ts';

/** How the metrics come to Prometheus: scraped from the service, or sent by OTLP (to Prometheus itself or by a Collector). */
export type MetricSource = 'scrape' | 'otlp';
export const metricSources = ['scrape', 'otlp'] as const satisfies readonly MetricSource[];

export type MetricKey = keyof typeof metrics;
export type AttributeKey = keyof typeof attributes;

/** UCUM to what the translation writes out; what is not listed here would be a name that nobody has checked. */
const writtenOut: Readonly<Record<string, string>> = { s: 'seconds', '1': '' };

/**
 * The name of a metric in Prometheus. The exporter of OpenTelemetry for Node.js replaces dots and adds `_total` to counters. The translation of OTLP
 * (Prometheus' `UnderscoreEscapingWithSuffixes`, its default, and the Collector's) adds the unit as well, drops units in braces, and moves the word
 * `ratio` of a gauge of unit `1` to the end: `breaker.failure_ratio.limit` is `breaker_failure_limit_ratio` there.
 */
export function metricName(key: MetricKey, source: MetricSource): string {
  const { name, kind, unit } = metrics[key];
  let words = name.split(/[^a-zA-Z0-9]+/);
  if (source === 'otlp') {
    const suffix = unit.startsWith('{') ? '' : writtenOut[unit];
    if (suffix === undefined) throw new RangeError(`the unit ${unit} of ${name} has no known name in Prometheus`);
    if (suffix !== '' && !words.includes(suffix)) words.push(suffix);
    if (unit === '1' && kind === 'gauge') words = [...words.filter((word) => word !== 'ratio'), 'ratio'];
  }
  if (kind === 'counter') words = [...words.filter((word) => word !== 'total'), 'total'];
  return words.join('_');
}

/** The label of an attribute: the same whichever way it came. */
export function labelName(key: AttributeKey): string {
  return attributes[key].replace(/[^a-zA-Z0-9]/g, '_');
}

/** The values an attribute can have, where `names.ts` lists them. */
interface Listed {
  state: (typeof values.state)[number];
  stateFrom: (typeof values.state)[number];
  stateTo: (typeof values.state)[number];
  outcome: (typeof values.outcome)[number];
  rejectionReason: (typeof values.rejectionReason)[number];
  trigger: (typeof values.trigger)[number];
  poolConnectionState: (typeof values.poolConnectionState)[number];
  cacheResult: (typeof values.cacheResult)[number];
  fallbackType: (typeof values.fallbackType)[number];
  healthState: (typeof values.healthState)[number];
  checkStatus: (typeof values.checkStatus)[number];
}

/** A matcher for one of these values, as `breaker_state=~"open|half_open"`. */
export function is<K extends keyof Listed>(key: K, ...wanted: readonly Listed[K][]): string {
  return wanted.length === 1 ? `${labelName(key)}="${wanted[0]}"` : `${labelName(key)}=~"${wanted.join('|')}"`;
}
