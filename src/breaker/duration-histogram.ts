import type { CountedOutcome } from '../core/outcome.ts';

/** Upper bounds of the buckets in ms; the OpenTelemetry advice for client durations with finer steps below 5 ms. */
export const durationBoundsMs: readonly number[] = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/** With an end: the search for a bucket always finds one. */
const bounds: readonly number[] = [...durationBoundsMs, Number.POSITIVE_INFINITY];

/** Durations of calls, already in buckets: reading it at collection costs the call nothing more. */
export class DurationHistogram {
  /** Per bucket; the last one is for all over the highest bound. */
  readonly counts: number[] = new Array(bounds.length).fill(0);
  sumMs = 0;
  minMs = Number.POSITIVE_INFINITY;
  maxMs = 0;

  constructor(
    readonly outcome: CountedOutcome,
    readonly errorType?: string,
  ) {}

  get count(): number {
    return this.counts.reduce((sum, each) => sum + each, 0);
  }

  record(ms: number): void {
    const { counts } = this;
    let bucket = 0;
    while (ms > (bounds[bucket] as number)) bucket += 1;
    (counts[bucket] as number) += 1;
    this.sumMs += ms;
    if (ms < this.minMs) this.minMs = ms;
    if (ms > this.maxMs) this.maxMs = ms;
  }
}
