import { arranged, dataSource, type Panel } from './panels.ts';
import { labelName, type MetricSource, metricName } from './prometheus-names.ts';

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly editable: boolean;
  readonly refresh: string;
  readonly time: { readonly from: string; readonly to: string };
  readonly graphTooltip: number;
  readonly links: readonly object[];
  readonly annotations: { readonly list: readonly object[] };
  readonly templating: { readonly list: readonly object[] };
  readonly panels: readonly Panel[];
}

export interface DashboardSettings {
  readonly source: MetricSource;
  /** Its part of the uid: the same on every Grafana, so that links between the dashboards hold. */
  readonly name: 'overview' | 'circuit';
  readonly title: string;
  readonly description: string;
  /** Whether one circuit is chosen. */
  readonly oneCircuit: boolean;
  /** When circuits were open: `[expr, title]`. */
  readonly annotation: readonly [expr: string, title: string];
  readonly panels: readonly Panel[];
}

/** The matcher of a chosen circuit. */
export const chosenCircuit = `${labelName('name')}="$breaker"`;
/** The matchers of the chosen services and their instances. */
export const chosenServices: readonly string[] = ['job=~"$job"', 'instance=~"$instance"'];

export function uidOf(name: DashboardSettings['name'], source: MetricSource): string {
  return source === 'scrape' ? `otel-breaker-${name}` : `otel-breaker-${name}-${source}`;
}

export function dashboard(settings: DashboardSettings): Dashboard {
  const { source, name, title, description, oneCircuit, panels } = settings;
  const status = metricName('status', source);
  const [expr, annotation] = settings.annotation;
  const variables = [
    { name: 'datasource', type: 'datasource', label: 'Data source', query: 'prometheus', hide: 0 },
    variable('job', 'Service', `label_values(${status}, job)`, true),
    variable('instance', 'Instance', `label_values(${status}{job=~"$job"}, instance)`, true),
    ...(oneCircuit ? [variable('breaker', 'Circuit', `label_values(${status}{job=~"$job"}, ${labelName('name')})`, false)] : []),
  ];
  const openings = {
    name: 'Open',
    enable: true,
    iconColor: 'red',
    datasource: dataSource,
    expr,
    step: '15s',
    titleFormat: annotation,
    textFormat: '',
  };
  return {
    uid: uidOf(name, source),
    title: source === 'scrape' ? title : `${title} (OTLP)`,
    description,
    tags: ['otel-breaker'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    graphTooltip: 1,
    links: [],
    annotations: { list: [openings] },
    templating: { list: variables },
    panels: arranged(panels),
  };
}

function variable(name: string, label: string, query: string, all: boolean): object {
  return {
    name,
    type: 'query',
    label,
    datasource: dataSource,
    definition: query,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    multi: all,
    includeAll: all,
    ...(all ? { allValue: '.*', current: { text: ['All'], value: ['$__all'] } } : {}),
  };
}
