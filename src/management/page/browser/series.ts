import type { BreakerView, SampleView, StateView } from '../../wire.ts';
import { sum } from './format.ts';

/** One moment of a breaker. Seconds since 1970, as the chart wants them. */
export interface Point {
  readonly at: number;
  readonly state: StateView;
  readonly ratio: number | null;
  readonly slow: number | null;
  readonly inFlight: number;
  /** A second; `null` where it is not known. */
  readonly served: number | null;
  readonly failed: number | null;
  readonly rejected: number | null;
}

interface Totals {
  readonly at: number;
  readonly served: number;
  readonly failed: number;
  readonly rejected: number;
}

/** How far back the page looks, in seconds. */
export const span = 600;

/** What is known of the past of one breaker, `span` seconds of it. */
export class Series {
  readonly points: Point[] = [];
  #totals: Totals | undefined;

  /** From the server's history, before anything was seen here. */
  prepend(samples: readonly SampleView[]): void {
    const first = this.points[0]?.at ?? Number.POSITIVE_INFINITY;
    let before: number | undefined;
    const old = samples.flatMap((sample): Point[] => {
      const at = Date.parse(sample.at) / 1_000;
      if (at >= first) return [];
      const rejected = before === undefined || at <= before ? null : sample.rejected / (at - before);
      before = at;
      const { state, inFlight, failureRatio: ratio = null, slowRatio: slow = null } = sample;
      return [{ at, state, inFlight, ratio, slow, served: null, failed: null, rejected }];
    });
    this.points.unshift(...old);
  }

  add(view: BreakerView, at: number): void {
    const last = this.points.at(-1);
    if (last !== undefined && at <= last.at) return;
    const { state, inFlight, calls } = view;
    const totals = { at, served: calls['success'] ?? 0, failed: calls['failure'] ?? 0, rejected: sum(view.rejections) };
    const rate = (key: 'served' | 'failed' | 'rejected'): number | null => {
      const before = this.#totals;
      // Smaller than before: another breaker of that name, or another process.
      if (before === undefined || totals[key] < before[key]) return null;
      return (totals[key] - before[key]) / (at - before.at);
    };
    const { failureRatio: ratio = null, slowRatio: slow = null } = view;
    this.points.push({ at, state, inFlight, ratio, slow, served: rate('served'), failed: rate('failed'), rejected: rate('rejected') });
    this.#totals = totals;
    while ((this.points[0]?.at ?? at) < at - span) this.points.shift();
  }
}
