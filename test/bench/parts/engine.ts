import type { Comparison } from '../support/report.ts';
import { amount, atMost, type Row, told } from '../support/rows.ts';
import { type Figure, figure, ratio } from '../support/statistics.ts';
import { runWorker } from '../support/workers.ts';
import type { Part } from './part.ts';

/** Nanoseconds per call, by scenario, contender and round. */
type Results = Record<string, Record<string, number[]>>;

const columns = ['bare', 'wrapper', 'ours', 'ours, telemetry', 'opossum', 'opossum, metrics', 'cockatiel', 'cockatiel, metrics'];

export const engine: Part = async ({ quick }) => {
  const args = quick ? ['--quick'] : [];
  const results = await runWorker<Results>('engine', args);
  const spanned = await runWorker<Results>('engine', [...args, '--span', '--only=closed, 1']);
  return { rows: rowsOf(results, spanned), comparisons: [comparison(results, spanned)] };
};

function rowsOf(results: Results, spanned: Results): Row[] {
  const row = (scenario: string, base: string, limit: number, what: string): Row =>
    atMost('engine', `${scenario}: ${what}`, against(results, scenario, 'ours, telemetry', base), limit, ' x');
  const rows: Row[] = [];
  for (const loops of [1, 10, 1_000]) {
    const closed = `closed, ${loops} in flight`;
    rows.push(row(closed, 'wrapper', 1.25, 'ours with all telemetry / minimal wrapper'));
    rows.push(row(closed, 'opossum, metrics', 0.1, 'ours with all telemetry / opossum with metrics by hand'));
    rows.push(row(closed, 'cockatiel, metrics', 0.125, 'ours with all telemetry / cockatiel with metrics by hand'));
  }
  const inSpan = against(spanned, 'closed, 1 in flight', 'ours, telemetry', 'wrapper');
  rows.push(told('engine', 'closed, 1 in flight, in a recording span: ours with all telemetry / minimal wrapper', inSpan, ' x'));
  rows.push(row('closed, with a time-out', 'wrapper', 1.6, 'ours with all telemetry / minimal wrapper'));
  for (const scenario of ['closed, with a signal', 'closed, tryAcquire and settle']) {
    rows.push(
      told('engine', `${scenario}: ours with all telemetry / minimal wrapper`, against(results, scenario, 'ours, telemetry', 'wrapper'), ' x'),
    );
  }
  rows.push(row('failing', 'bare', 1.4, 'ours with all telemetry / bare'));
  const window = against(results, 'failing, window of 10 or 100,000', 'window of 100,000', 'window of 10');
  rows.push(atMost('engine', 'failing: window of 100,000 results / window of 10', window, 1.15, ' x'));
  rows.push(atMost('engine', 'rejection: ours with all telemetry / cheapest rejection with a fresh error', cheapest(results), 1.5, ' x'));
  return rows;
}

function against(results: Results, scenario: string, contender: string, base: string): Figure {
  const found = results[scenario] ?? {};
  return ratio(found[contender] ?? [Number.NaN], found[base] ?? [Number.NaN]);
}

function cheapest(results: Results): Figure {
  const found = results['rejection'] ?? {};
  const ways = Object.entries(found)
    .filter(([name]) => name.startsWith('fresh error'))
    .map(([, samples]) => samples)
    .sort((a, b) => figure(a).median - figure(b).median);
  return ratio(found['ours, telemetry'] ?? [Number.NaN], ways[0] ?? [Number.NaN]);
}

function comparison(results: Results, spanned: Results): Comparison {
  const all = [...Object.entries(results), ...Object.entries(spanned).map(([name, found]) => [`${name}, in a recording span`, found] as const)];
  const cell = (samples: number[] | undefined): string => (samples === undefined ? '' : amount(figure(samples).median));
  const lines = all.filter(([name]) => !name.includes('window')).map(([name, found]) => [name, ...columns.map((column) => cell(found[column]))]);
  return { title: 'ns per call', columns, lines };
}
