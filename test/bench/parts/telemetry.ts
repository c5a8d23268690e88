import { atMost, told } from '../support/rows.ts';
import { figure } from '../support/statistics.ts';
import { runWorker } from '../support/workers.ts';
import type { Part } from './part.ts';

export const telemetry: Part = async ({ quick }) => {
  const results = await runWorker<Record<string, number[]>>('telemetry', quick ? ['--quick'] : []);
  const of = (name: string) => figure(results[name] ?? [Number.NaN]);
  const rows = [
    told('telemetry', 'a transition, nobody listening', of('transition, no telemetry'), ' µs'),
    atMost('telemetry', 'a transition, with its part of the outage span, its event and its log', of('transition, telemetry'), 20, ' µs'),
    atMost('telemetry', 'a collection of 1,000 breakers', of('collection of 1,000 breakers'), 10, ' ms'),
  ];
  return { rows, comparisons: [] };
};
