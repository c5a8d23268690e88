import type { CountedOutcome } from '../core/outcome.ts';

/** Upper bounds of the buckets in ms; the OpenTelemetry advice for client durations with finer steps below 5 ms. */
export const durationBoundsMs: readonly number[] = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/** With an end: the search for a bucket always finds one. */
const bounds: readonly number[] = [...durationBoundsMs, Number.POSITIVE_INFINITY];

/** Durations of calls, already in buckets: reading it at collection costs the call nothing more. */
export class DurationHistogram {
  /** As long as it has to be: most calls take milliseconds. A plain array is smaller than a short typed one, and as quick. */
  #counts: number[] = [0];
  sumMs = 0;
  minMs = Number.POSITIVE_INFINITY;
  maxMs = 0;

  constructor(
    readonly outcome: CountedOutcome,
    readonly errorType?: string,
  ) {}

  get count(): number {
    return this.#counts.reduce((sum, each) => sum + each, 0);
  }

  /** Per bucket; the last one is for all over the highest bound. */
  get counts(): number[] {
    return bounds.map((_, bucket) => this.#counts[bucket] ?? 0);
  }

  record(ms: number): void {
    let bucket = 0;
    while (ms > (bounds[bucket] as number)) bucket += 1;
    if (bucket >= this.#counts.length) this.#grow(bucket + 1);
    (this.#counts[bucket] as number) += 1;
    this.sumMs += ms;
    if (ms < this.minMs) this.minMs = ms;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  /** Apart from `record`, for a function made there would cost every call an object. */
  #grow(length: number): void {
    this.#counts = bounds.slice(0, length).map((_, each) => this.#counts[each] ?? 0);
  }
}
