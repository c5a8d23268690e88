import { faultTimes, type Interval, meets, openTimes } from './times.ts';
import type { Result, Run } from './types.ts';

export interface Comparison {
  /** Pairs of operations that ran while nothing was wrong with their server and no circuit was open. */
  readonly compared: number;
  readonly total: number;
  /** The protected one's was not as it should be, and the twin's was. */
  readonly differences: string[];
  /** Neither was; or only the twin's. */
  readonly odd: string[];
  /** Refused or given up by us while every circuit of the server was closed. */
  readonly unfounded: string[];
  readonly refused: number;
  /** Wrong values, not errors, that the protected one alone was given during a fault: to be looked at. */
  readonly wrong: string[];
  readonly outcomes: Readonly<Record<'guarded' | 'twin', Record<string, number>>>;
}

/** A clock of whole milliseconds, and messages that cross. */
const slackMs = 100;

export function compare(run: Run): Comparison {
  const faults = run.lanes.map(({ name }) => faultTimes(run, name));
  const open = run.lanes.map(({ port }) => openTimes(run, port));
  const twins = new Map(run.twin.results.map((result) => [result[0], result]));
  const differences: string[] = [];
  const odd: string[] = [];
  const unfounded: string[] = [];
  const wrong: string[] = [];
  let compared = 0;
  let refused = 0;
  for (const mine of run.guarded.results) {
    const [n, lane, kind, from, to, outcome] = mine;
    const told = `#${n} ${kind} on ${run.lanes[lane]?.name} at ${((from - run.began) / 1_000).toFixed(1)} s`;
    const isOpen = meets(open[lane] ?? [], from - slackMs, to + slackMs);
    if (outcome === 'EBREAKEROPEN') refused += 1;
    if (/^E(BREAKEROPEN|CALLTIMEOUT)$/.test(outcome) && !isOpen && !isForgotten(mine, faults[lane] ?? [])) unfounded.push(`${told}: ${outcome}`);
    const twin = twins.get(n);
    if (outcome.startsWith('wrong') && twin?.[5].startsWith('wrong') !== true) wrong.push(`${told}: ${outcome}`);
    if (twin === undefined || isOpen || meets(faults[lane] ?? [], from, to) || meets(faults[lane] ?? [], twin[3], twin[4])) continue;
    compared += 1;
    if (outcome === 'ok' && twin[5] === 'ok') continue;
    const text = `${told}: ${outcome} after ${to - from} ms, twin ${twin[5]} after ${twin[4] - twin[3]} ms`;
    (outcome === 'ok' || outcome === twin[5] ? odd : differences).push(text);
  }
  const outcomes = { guarded: count(run.guarded.results), twin: count(run.twin.results) };
  return { compared, total: run.guarded.results.length, differences, odd, unfounded, refused, wrong, outcomes };
}

/** ioredis forgets a PUBLISH whose connection closes before it is ready: its caller is answered, whatever the circuits are. */
function isForgotten([, , kind, from, to, outcome]: Result, faults: readonly Interval[]): boolean {
  return kind === 'redis publish' && outcome === 'ECALLTIMEOUT' && meets(faults, from, to);
}

function count(results: readonly Result[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, , , , , outcome] of results) {
    const key = outcome.startsWith('wrong') ? 'wrong' : outcome;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
