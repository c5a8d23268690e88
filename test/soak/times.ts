import type { Run } from './types.ts';

export type Interval = readonly [from: number, to: number];

/** How long the after-effects of a fault may last, in ms: ioredis waits up to two seconds before it connects again. */
export const graceMs = 4_000;

/** When a fault was at work on a lane, after-effects included. */
export function faultTimes(run: Run, lane: string, after = graceMs): Interval[] {
  return run.faults.filter(({ lanes }) => lanes.includes(lane)).map(({ from, to }) => [from, to + after]);
}

/** When a circuit of a lane was not closed. */
export function openTimes(run: Run, port: number): Interval[] {
  const times: Interval[] = [];
  const since = new Map<string, number>();
  for (const { name, port: of, at, from, to } of run.guarded.transitions) {
    if (of !== port) continue;
    if (from === 'closed') since.set(name, at);
    else if (to === 'closed') {
      times.push([since.get(name) ?? at, at]);
      since.delete(name);
    }
  }
  for (const at of since.values()) times.push([at, Number.POSITIVE_INFINITY]);
  return times;
}

export function meets(times: readonly Interval[], from: number, to: number): boolean {
  return times.some(([begin, end]) => from <= end && to >= begin);
}
