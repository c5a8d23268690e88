import type { CountedOutcome } from '../core/outcome.ts';

/** Upper bounds of the buckets in ms; the OpenTelemetry advice for client durations with finer steps below 5 ms. */
export const durationBoundsMs: readonly number[] = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/** Durations of calls, already in buckets: reading it at collection costs the call nothing more. */
export class DurationHistogram {
  /** Per bucket; the last one is for all over the highest bound. */
  readonly counts: number[] = new Array(durationBoundsMs.length + 1).fill(0);
  count = 0;
  sumMs = 0;
  minMs = Number.POSITIVE_INFINITY;
  maxMs = 0;

  constructor(
    readonly outcome: CountedOutcome,
    readonly errorType?: string,
  ) {}

  record(ms: number): void {
    let bucket = 0;
    while (bucket < durationBoundsMs.length && ms > (durationBoundsMs[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.count += 1;
    this.sumMs += ms;
    if (ms < this.minMs) this.minMs = ms;
    if (ms > this.maxMs) this.maxMs = ms;
  }
}
