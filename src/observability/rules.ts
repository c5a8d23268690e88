import { type AlertingRule, callAlerts, circuitAlerts, healthAlerts, resourceAlerts } from './alerts.ts';
import type { MetricSource } from './prometheus-names.ts';
import { queriesOf } from './queries.ts';
import { type RecordingRule, recordings } from './recordings.ts';

/** A file of rules as Prometheus reads it. */
export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly (AlertingRule | RecordingRule)[] }[];
}

/** Recording and alerting rules for the metrics of one source. Each group is evaluated in its order. */
export function rules(source: MetricSource): RuleFile {
  const q = queriesOf(source);
  return {
    groups: [
      { name: 'otel-breaker calls', rules: [...recordings(q), ...callAlerts(q)] },
      { name: 'otel-breaker circuits', rules: circuitAlerts(q) },
      { name: 'otel-breaker resources', rules: resourceAlerts(q) },
      { name: 'otel-breaker health', rules: healthAlerts(q) },
    ],
  };
}
