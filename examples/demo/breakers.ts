import { parsePrometheus, samplesOf } from '../../test/support/prometheus.ts';

/** What the protected shop's metrics endpoint says of one breaker. */
export interface BreakerView {
  name: string;
  state: string;
  /** Calls that were let through and have ended. */
  calls: number;
  rejections: number;
  inFlight: number;
  /** Times it moved from `from` to `to`, by trigger. */
  transitions: { from: string; to: string; trigger: string; count: number }[];
}

/** Reads the endpoint as Prometheus does. @throws when it does not answer, or with something that Prometheus would refuse */
export async function readBreakers(metricsUrl: string): Promise<BreakerView[]> {
  const response = await fetch(metricsUrl, { signal: AbortSignal.timeout(2_000) });
  const families = parsePrometheus(await response.text());
  const sum = (metric: string, labels: Record<string, string>) => samplesOf(families, metric, labels).reduce((total, { value }) => total + value, 0);
  const active = samplesOf(families, 'breaker_status').filter(({ value }) => value === 1);
  return active
    .map(({ labels }) => {
      const name = labels['breaker_name'] ?? '?';
      const own = { breaker_name: name };
      return {
        name,
        state: labels['breaker_state'] ?? '?',
        calls: sum('breaker_calls_total', own),
        rejections: sum('breaker_rejections_total', own),
        inFlight: sum('breaker_in_flight', own),
        transitions: samplesOf(families, 'breaker_transitions_total', own)
          .filter(({ value }) => value > 0)
          .map(({ labels: each, value }) => ({
            from: each['breaker_state_from'] ?? '?',
            to: each['breaker_state_to'] ?? '?',
            trigger: each['breaker_trigger'] ?? '?',
            count: value,
          })),
      };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}
