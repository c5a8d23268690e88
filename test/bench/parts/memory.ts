import { amount, atMost, type Row, told } from '../support/rows.ts';
import { runWorker } from '../support/workers.ts';
import type { Part } from './part.ts';

interface Results {
  readonly calls: Readonly<Record<string, number>>;
  readonly breakers: Readonly<Record<string, number>>;
  readonly timers: number;
}

const contenders = ['bare', 'wrapper', 'ours', 'ours, telemetry', 'opossum', 'cockatiel'];

/** A young generation that a sample does not fill: no collection takes away what is to be counted. */
export const memoryArguments = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];

export const memory: Part = async () => {
  const { calls, breakers, timers } = await runWorker<Results>('memory', [], memoryArguments);
  const bytes = (name: string): number => calls[name] ?? Number.NaN;
  const rows: Row[] = [1, 1_000].map((loops) =>
    atMost(
      'memory',
      `bytes per closed call, ${loops} in flight, all telemetry`,
      bytes(`ours, telemetry, ${loops} in flight`),
      bytes(`wrapper, ${loops} in flight`),
    ),
  );
  rows.push(told('memory', 'bytes per failing call, all telemetry', bytes('ours, telemetry, failing')));
  for (const [what, size] of Object.entries(breakers)) {
    rows.push(
      what.includes('telemetry') ? told('memory', `bytes per breaker, ${what}`, size) : atMost('memory', `bytes per breaker, ${what}`, size, 2_048),
    );
  }
  rows.push(atMost('memory', 'timers of idle breakers', timers, 0));
  const lines = [1, 1_000].map((loops) => [`closed, ${loops} in flight`, ...contenders.map((name) => amount(bytes(`${name}, ${loops} in flight`)))]);
  return { rows, comparisons: [{ title: 'bytes per call', columns: contenders, lines }] };
};
