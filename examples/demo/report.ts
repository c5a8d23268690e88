import type { BreakerView } from './breakers.ts';
import { fastMs, fullServiceWindowMs, type OutageResult } from './measure.ts';
import type { BreakerSpans } from './traces.ts';

/** What one outage came to in one shop. */
export interface Row extends OutageResult {
  outage: string;
  shop: 'without' | 'with';
  /** Calls that went to the dead server: the upstream's own count, or the requests that were not refused. */
  reached: number;
  /** undefined: not within the time it was watched. 'next': the next outage followed at once. */
  recoveryMs: number | undefined | 'next';
  /** The machine was: its times mean nothing. */
  tooBusy: boolean;
}

export function table(rows: readonly Row[]): string {
  const head = ['outage', '', 'fails fast after', 'p50 / p99 of failing', 'calls to the dead server', 'full service after'];
  const lines = rows.map((row) => [
    row.shop === 'without' ? row.outage : '',
    row.shop,
    row.failFastMs === undefined ? 'never' : seconds(row.failFastMs),
    row.p50Ms === undefined || row.p99Ms === undefined ? 'none failed' : `${duration(row.p50Ms)} / ${duration(row.p99Ms)}`,
    `${row.reached} of ${row.total}`,
    row.recoveryMs === 'next' ? '(next outage)' : row.recoveryMs === undefined ? 'not seen' : seconds(row.recoveryMs),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0)));
  const render = (line: string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [render(head), rule, ...lines.map(render)].join('\n');
}

/** How the columns were counted. */
export const legend = [
  `fails fast after: from the start of the outage to the first failure within ${fastMs} ms after which at least 4 of 5 requests of any two seconds were`,
  '  answered as fast (the others are probes); in the first outage, to the first such answer. p50 / p99: of the requests that failed; clients give up after 5 s. Calls to the dead server:',
  '  counted by the upstream itself; for Redis by the breakers, else the requests that were not refused at once. Full service after: from',
  `  the server's return to the first request from which on, for ${fullServiceWindowMs} ms, all were served within ${fastMs} ms.`,
].join('\n');

export function telemetrySummary(breakers: readonly BreakerView[], spans: BreakerSpans): string {
  const lines = ['As the metrics endpoint has it:'];
  for (const { name, calls, rejections, transitions } of breakers) {
    lines.push(`  ${name}: ${calls} calls, ${rejections} rejections`);
    for (const { from, to, trigger, count } of transitions) lines.push(`    ${from} -> ${to} (${trigger}) x${count}`);
  }
  lines.push('As the OTLP receiver has it:');
  const kinds = {
    openings: spans.openings,
    'outages closed': spans.outages,
    rejections: spans.rejections,
    probes: spans.probes,
    'calls served otherwise': spans.served,
  };
  for (const [kind, list] of Object.entries(kinds)) {
    const names = [...new Set(list.map(({ name }) => name))].sort();
    lines.push(`  ${list.length} spans of ${kind}: ${names.slice(0, 6).join(', ')}${names.length > 6 ? ', ...' : ''}`);
  }
  return lines.join('\n');
}

/** What could not be judged; empty on a machine that has nothing else to do. */
export function notJudged(rows: readonly Row[]): string[] {
  const busy = rows.filter(({ shop, tooBusy }) => shop === 'with' && tooBusy);
  return busy.map(
    ({ outage }) => `${outage}: this machine was too busy for times to mean anything (requests that need nothing broken were slow as well)`,
  );
}

/** Why the demo is not a success; empty when it is. */
export function problemsOf(rows: readonly Row[], breakers: readonly BreakerView[], spans: BreakerSpans): string[] {
  const problems: string[] = [];
  for (const { outage, shop, failFastMs, recoveryMs, tooBusy } of rows) {
    if (shop !== 'with' || tooBusy) continue;
    if (failFastMs === undefined) problems.push(`${outage}: with protection, requests did not fail fast`);
    if (recoveryMs === undefined) problems.push(`${outage}: with protection, the shop did not recover`);
  }
  if (breakers.length === 0) problems.push('the metrics endpoint shows no breaker');
  for (const [kind, list] of Object.entries(spans)) if (list.length === 0) problems.push(`no span of ${kind} was received`);
  return problems;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function duration(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : seconds(ms);
}
