import type { BreakerView, SampleView, StateView } from '../../../wire.ts';
import { sum } from '../words/format.ts';

/** How far back the page looks, in seconds. */
export const span = 900;
/** Moments closer to each other than this are one point, in seconds: 300 circuits shall fit in a tab for days. */
const grain = 3;

const kinds = ['served', 'failed', 'rejected', 'fallback'] as const;
export type Kind = (typeof kinds)[number];

/** A breaker at one moment, and since the moment before. */
export interface Point extends Readonly<Record<Kind, number | null>> {
  /** Seconds since 1970, as the chart wants them. */
  readonly at: number;
  /** How long it covers: what a rate has to be multiplied by for a count. */
  readonly seconds: number;
  readonly state: StateView;
  readonly ratio: number | null;
  readonly slow: number | null;
  readonly inFlight: number;
}

interface Totals extends Readonly<Record<Kind, number>> {
  readonly at: number;
}

/** What is known of the past of one breaker, `span` seconds of it. Counts are told a second; `null` where they are not known. */
export class Series {
  readonly points: Point[] = [];
  /** At the end of the point before the last one. */
  #before: Totals | undefined;
  #last: Totals | undefined;

  /** From the server's history, before anything was seen here. */
  prepend(samples: readonly SampleView[]): void {
    const first = this.points[0]?.at ?? Number.POSITIVE_INFINITY;
    let before: number | undefined;
    const old = samples.flatMap((sample): Point[] => {
      const at = Date.parse(sample.at) / 1_000;
      if (at >= first) return [];
      const seconds = before === undefined || at <= before ? 0 : at - before;
      before = at;
      const rate = (count: number): number | null => (seconds === 0 ? null : count / seconds);
      const { state, inFlight, failureRatio: ratio = null, slowRatio: slow = null } = sample;
      const rates = {
        served: rate(sample.succeeded),
        failed: rate(sample.failed),
        rejected: rate(sample.rejected),
        fallback: rate(sample.fallbacks),
      };
      return [{ at, seconds, state, inFlight, ratio, slow, ...rates }];
    });
    this.points.unshift(...old);
    this.#forget();
  }

  add(view: BreakerView, at: number): void {
    const last = this.points.at(-1);
    if (last !== undefined && at <= last.at) return;
    const totals = totalsOf(view, at);
    const again = this.#last !== undefined && last !== undefined && Math.floor(at / grain) === Math.floor(last.at / grain);
    if (!again || this.#before === undefined) this.#before = this.#last;
    const { state, inFlight, failureRatio: ratio = null, slowRatio: slow = null } = view;
    const point = { at, state, inFlight, ratio, slow, ...ratesOf(this.#before, totals) };
    if (again) this.points[this.points.length - 1] = point;
    else this.points.push(point);
    this.#last = totals;
    this.#forget();
  }

  /** How many there were after a moment, as far as is known. @param at in seconds since 1970 */
  countSince(at: number, kind: Kind): number {
    let count = 0;
    for (const point of this.points) if (point.at > at) count += (point[kind] ?? 0) * point.seconds;
    return Math.round(count);
  }

  /** What it was of late, a second. */
  rate(kind: Kind): number | undefined {
    return this.points.at(-1)?.[kind] ?? this.points.at(-2)?.[kind] ?? undefined;
  }

  #forget(): void {
    const { points } = this;
    const from = (points.at(-1)?.at ?? 0) - span;
    let old = 0;
    while (old < points.length && (points[old] as Point).at < from) old += 1;
    if (old > 0) points.splice(0, old);
  }
}

function totalsOf({ calls, rejections, fallbacks }: BreakerView, at: number): Totals {
  return { at, served: calls['success'] ?? 0, failed: calls['failure'] ?? 0, rejected: sum(rejections), fallback: sum(fallbacks) };
}

function ratesOf(before: Totals | undefined, now: Totals): Record<Kind, number | null> & { seconds: number } {
  const seconds = before === undefined ? 0 : now.at - before.at;
  const rates = kinds.map((kind): [Kind, number | null] => {
    // Smaller than before: another breaker of that name, or another process.
    if (before === undefined || seconds <= 0 || now[kind] < before[kind]) return [kind, null];
    return [kind, (now[kind] - before[kind]) / seconds];
  });
  return { ...(Object.fromEntries(rates) as Record<Kind, number | null>), seconds };
}
