import { atMost, type Row } from '../support/rows.ts';
import { type Figure, ratio } from '../support/statistics.ts';
import { runWorker } from '../support/workers.ts';
import { memoryArguments } from './memory.ts';
import type { Part } from './part.ts';

type Results = Record<string, Record<string, number[]>>;

interface Bytes {
  readonly calls: Readonly<Record<string, number>>;
  readonly breakers: Readonly<Record<string, number>>;
  readonly timers: number;
}

/**
 * What a change must not spoil, on whatever machine: bytes, which are the same everywhere, and ratios within one run, with
 * limits so wide that only a fault in the design passes them. Half a minute; part of `npm test`.
 */
export const guard: Part = async () => {
  const { calls, breakers, timers } = await runWorker<Bytes>('memory', [], memoryArguments);
  const bytes = (name: string): number => calls[name] ?? Number.NaN;
  const rows: Row[] = [
    atMost('guard', 'bytes per closed call, all telemetry', bytes('ours, telemetry, 1 in flight'), bytes('wrapper, 1 in flight')),
    atMost('guard', 'bytes per failing call, all telemetry', bytes('ours, telemetry, failing'), 1.5 * bytes('wrapper, failing')),
    atMost('guard', 'timers of idle breakers', timers, 0),
  ];
  for (const [what, size] of Object.entries(breakers)) {
    rows.push(atMost('guard', `bytes per breaker, ${what}`, size, what.includes('telemetry') ? 16_384 : 3_072));
  }
  const results = await runWorker<Results>('engine', ['--quick', '--ours']);
  const row = (scenario: string, what: string, base: string, limit: number): Row =>
    atMost('guard', `${scenario}: ${what} / ${base}`, against(results, scenario, what, base), limit, ' x');
  rows.push(row('closed, 1 in flight', 'ours, telemetry', 'wrapper', 2));
  rows.push(row('closed, 1000 in flight', 'ours, telemetry', 'wrapper', 2));
  rows.push(row('closed, with a time-out', 'ours, telemetry', 'wrapper', 2.5));
  rows.push(row('failing', 'ours, telemetry', 'bare', 2.5));
  rows.push(row('failing, window of 10 or 100,000', 'window of 100,000', 'window of 10', 2));
  rows.push(row('rejection', 'ours, telemetry', 'fresh error, rejected a turn later', 3));
  return { rows, comparisons: [] };
};

function against(results: Results, scenario: string, contender: string, base: string): Figure {
  const found = results[scenario] ?? {};
  return ratio(found[contender] ?? [Number.NaN], found[base] ?? [Number.NaN]);
}
