import { stateMappings } from './states.ts';

/** Grafana's dashboard model, as far as it is used here (schema 39, Grafana 10.3 and newer). */
export interface Panel {
  id?: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  readonly datasource?: DataSource;
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly defaults: object; readonly overrides: readonly object[] };
  readonly options?: object;
  readonly transformations?: readonly object[];
  readonly collapsed?: boolean;
  readonly panels?: readonly Panel[];
}

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly format?: 'time_series' | 'table';
  readonly datasource: DataSource;
}

export interface DataSource {
  readonly type: 'prometheus';
  readonly uid: string;
}

/** Chosen on the dashboard. */
export const dataSource: DataSource = { type: 'prometheus', uid: '$datasource' };

/** A query and how its series are called. */
export type Query = readonly [expr: string, legend?: string];

export interface PanelSettings {
  readonly title: string;
  /** What it shows and how to read it: behind the panel's (i). */
  readonly description: string;
  readonly queries: readonly Query[];
  /** Columns of 24, and rows of the grid. */
  readonly size: readonly [w: number, h: number];
  /** Grafana's id of it: `s`, `percentunit`, `short`, ... */
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly overrides?: readonly object[];
  /** What stands there when there are no series. Default: Grafana's "No data". */
  readonly noValue?: string;
}

const refIds = 'ABCDEFGHIJ';

function targets(queries: readonly Query[], instant: boolean, table = false): Target[] {
  return queries.map(([expr, legendFormat], index) => ({
    refId: refIds[index] ?? 'Z',
    expr,
    ...(legendFormat === undefined ? {} : { legendFormat }),
    ...(instant ? { instant: true, range: false } : { instant: false, range: true }),
    ...(table ? { format: 'table' as const } : {}),
    datasource: dataSource,
  }));
}

function panel(type: string, settings: PanelSettings, more: { instant?: boolean; table?: boolean; defaults?: object; options: object }): Panel {
  const { title, description, queries, size, unit, min, max, noValue, overrides = [] } = settings;
  const [w, h] = size;
  const known = Object.entries({ unit, min, max, noValue }).filter(([, value]) => value !== undefined);
  return {
    type,
    title,
    description,
    gridPos: { x: 0, y: 0, w, h },
    datasource: dataSource,
    targets: targets(queries, more.instant ?? false, more.table),
    fieldConfig: { defaults: { ...Object.fromEntries(known), ...more.defaults }, overrides },
    options: more.options,
  };
}

export interface Threshold {
  readonly color: string;
  /** null: from the bottom. */
  readonly value: number | null;
}

/** One number per series, coloured by what it is. */
export function stat(settings: PanelSettings, thresholds: readonly Threshold[] = [{ color: 'text', value: null }]): Panel {
  return panel('stat', settings, {
    instant: true,
    defaults: { thresholds: { mode: 'absolute', steps: thresholds }, color: { mode: 'thresholds' } },
    options: { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, colorMode: 'value', graphMode: 'none', textMode: 'auto' },
  });
}

/** Lines over time; `stacked` areas where parts make a whole, `bars` for what happens now and then. */
export function lines(settings: PanelSettings, look: 'lines' | 'stacked' | 'bars' = 'lines'): Panel {
  const custom = {
    drawStyle: look === 'bars' ? 'bars' : 'line',
    lineWidth: look === 'bars' ? 0 : 1,
    fillOpacity: look === 'lines' ? 0 : look === 'stacked' ? 25 : 80,
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: look === 'lines' ? 'none' : 'normal', group: 'A' },
  };
  return panel('timeseries', settings, {
    defaults: { custom, color: { mode: 'palette-classic' } },
    options: { legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] }, tooltip: { mode: 'multi', sort: 'desc' } },
  });
}

/** A bar per series, coloured by its state. */
export function stateTimeline(settings: PanelSettings, mappings: readonly object[] = stateMappings): Panel {
  return panel('state-timeline', settings, {
    defaults: { mappings, color: { mode: 'thresholds' }, custom: { fillOpacity: 80, lineWidth: 0 } },
    options: {
      showValue: 'auto',
      rowHeight: 0.85,
      mergeValues: true,
      alignValue: 'left',
      legend: { displayMode: 'list', placement: 'bottom', showLegend: false, calcs: [] },
      tooltip: { mode: 'single', sort: 'none' },
    },
  });
}

/** Rows of labels beside values; several queries are joined by their labels. */
export function table(settings: PanelSettings, columns: Readonly<Record<string, string>>, hidden: readonly string[]): Panel {
  const made = panel('table', settings, { instant: true, table: true, options: { showHeader: true, cellHeight: 'sm' } });
  const excludeByName = Object.fromEntries(['Time', '__name__', ...hidden].map((name) => [name, true]));
  const indexByName = Object.fromEntries(Object.keys(columns).map((name, index) => [name, index]));
  const organize = { id: 'organize', options: { excludeByName, indexByName, renameByName: columns } };
  const merge = settings.queries.length > 1 ? [{ id: 'merge', options: {} }] : [];
  return { ...made, transformations: [...merge, organize] };
}

/** A heading; what follows it belongs to it. */
export function row(title: string): Panel {
  return { type: 'row', title, gridPos: { x: 0, y: 0, w: 24, h: 1 }, collapsed: false, panels: [] };
}

/** Puts panels one after the other into lines of 24 columns, and numbers them. */
export function arranged(panels: readonly Panel[]): Panel[] {
  let x = 0;
  let y = 0;
  let height = 0;
  return panels.map((each, index) => {
    const { w, h } = each.gridPos;
    if (x + w > 24) {
      y += height;
      x = height = 0;
    }
    const placed = { ...each, id: index + 1, gridPos: { x, y, w, h } };
    x += w;
    height = Math.max(height, h);
    return placed;
  });
}
