import { circuit } from './circuit.ts';
import type { Dashboard } from './dashboard.ts';
import { overview } from './overview.ts';
import type { MetricSource } from './prometheus-names.ts';
import { rules } from './rules.ts';

export const dashboardNames = ['overview', 'circuit'] as const;
export type DashboardName = (typeof dashboardNames)[number];

const made: Readonly<Record<DashboardName, (source: MetricSource) => Dashboard>> = { overview, circuit };

/** A dashboard as Grafana imports it: JSON with a line feed at its end. */
export function dashboardJson(name: DashboardName, source: MetricSource): string {
  return `${JSON.stringify(made[name](source), undefined, 2)}\n`;
}

/** The rules as Prometheus reads them. */
export async function rulesYaml(source: MetricSource): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(rules(source), { lineWidth: 0, blockQuote: 'literal' });
}
