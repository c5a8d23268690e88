import { is } from './prometheus-names.ts';
import { type By, type Queries, quantile, rate, sum } from './queries.ts';

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

/** A circuit of a service, all instances together. */
export const circuit: readonly By[] = ['job', 'name'];

const range = '5m';
const of = 'job_breaker_name:breaker';

/** The names of what is recorded: the same whichever way the metrics come. */
export const records = {
  calls: `${of}_calls:rate5m`,
  rejections: `${of}_rejections:rate5m`,
  failureRatio: `${of}_failures:ratio_rate5m`,
  rejectionRatio: `${of}_rejections:ratio_rate5m`,
  fallbackRatio: `${of}_fallbacks:ratio_rate5m`,
  p95: `${of}_success_duration_seconds:p95_rate5m`,
  p99: `${of}_call_duration_seconds:p99_rate5m`,
} as const;

/** What alerts look at and what is dear to ask for again and again. In the order in which they need each other. */
export function recordings(q: Queries): RecordingRule[] {
  const asked = `(${records.calls} + ${records.rejections}) > 0`;
  const decided = sum(circuit, rate(q.series('calls', is('outcome', 'success', 'failure')), range));
  const durations = (...outcomes: ('success' | 'failure')[]): string => rate(q.part('callDuration', 'bucket', is('outcome', ...outcomes)), range);
  return [
    { record: records.calls, expr: sum(circuit, rate(q.series('calls'), range)) },
    { record: records.rejections, expr: sum(circuit, rate(q.series('rejections'), range)) },
    { record: records.failureRatio, expr: `${sum(circuit, rate(q.series('calls', is('outcome', 'failure')), range))}\n/\n(${decided} > 0)` },
    { record: records.rejectionRatio, expr: `${records.rejections}\n/\n(${asked})` },
    { record: records.fallbackRatio, expr: `${sum(circuit, rate(q.series('fallbackCalls', is('outcome', 'success')), range))}\n/\n(${asked})` },
    // Without calls a quantile is NaN, which would spoil every average over time: it is left out.
    { record: records.p95, expr: `${quantile(0.95, circuit, durations('success'))} > 0` },
    { record: records.p99, expr: `${quantile(0.99, circuit, durations('success', 'failure'))} > 0` },
  ];
}
