import type { Breaker } from '../breaker/breaker.ts';
import { durationBoundsMs } from '../breaker/duration-histogram.ts';

const buckets = durationBoundsMs.length + 1;
/** Readings a minute apart of which the oldest is five minutes old. */
const readingsKept = 6;
/** A day, and the two last hours, which are not compared with themselves. */
const hoursKept = 26;
/** Without half an hour of the past nobody can say what is usual. */
const fewestReadings = 30;
/** Below this nothing is slow, in ms. */
const quickMs = 50;

/** Calls by duration since the breaker was made: those that succeeded, and those that succeeded or failed. */
interface Reading {
  readonly succeeded: Uint32Array;
  readonly ended: Uint32Array;
}

interface Quantile {
  /** How many calls it is of. */
  readonly calls: number;
  readonly ms: number | undefined;
}
const unknown: Quantile = { calls: 0, ms: undefined };

interface Hour {
  readonly hour: number;
  sum: number;
  count: number;
}

/** How long calls of a breaker have taken in the last five minutes, and in the day before. Read once a minute. */
export class Latency {
  #breaker: Breaker | undefined;
  readonly #readings: Reading[] = [];
  /** Of the last reading: they are asked for twelve times as often. */
  #p95: Quantile = unknown;
  #p99: Quantile = unknown;
  readonly #hours: Hour[] = [];

  /** @param hour counts the hours */
  read(breaker: Breaker, hour: number): void {
    // One made anew has begun to count anew.
    if (breaker !== this.#breaker) {
      this.#readings.length = 0;
      [this.#p95, this.#p99] = [unknown, unknown];
    }
    this.#breaker = breaker;
    // A breaker without calls has no histogram to copy.
    if (breaker.meters.durations.size === 0) return;
    this.#readings.push(readingOf(breaker));
    if (this.#readings.length > readingsKept) this.#readings.shift();
    this.#p95 = this.#quantile(0.95, ({ succeeded }) => succeeded);
    this.#p99 = this.#quantile(0.99, ({ ended }) => ended);
    const p95 = this.p95(1);
    if (p95 !== undefined) this.#remember(p95, hour);
    while ((this.#hours[0]?.hour ?? hour) < hour - hoursKept) this.#hours.shift();
  }

  /** Of calls that succeeded, in ms; `undefined` where fewer than `minimumCalls` did. */
  p95(minimumCalls: number): number | undefined {
    return this.#p95.calls < minimumCalls ? undefined : this.#p95.ms;
  }

  /** Of calls that succeeded or failed. */
  p99(minimumCalls: number): number | undefined {
    return this.#p99.calls < minimumCalls ? undefined : this.#p99.ms;
  }

  /** How many times as long as usual; 0 for what is quick, however usual. */
  slowdown(minimumCalls: number): number | undefined {
    const now = this.p95(minimumCalls);
    if (now === undefined || now < quickMs) return now === undefined ? undefined : 0;
    const usual = this.#usual();
    return usual === undefined ? undefined : now / usual;
  }

  #remember(p95: number, hour: number): void {
    const last = this.#hours.at(-1);
    if (last?.hour === hour) {
      last.sum += p95;
      last.count += 1;
    } else {
      this.#hours.push({ hour, sum: p95, count: 1 });
    }
  }

  #usual(): number | undefined {
    const present = this.#hours.at(-1)?.hour ?? 0;
    const past = this.#hours.filter(({ hour }) => hour < present - 1);
    const count = past.reduce((total, each) => total + each.count, 0);
    return count < fewestReadings ? undefined : past.reduce((total, each) => total + each.sum, 0) / count;
  }

  #quantile(q: number, of: (reading: Reading) => Uint32Array): Quantile {
    const [first] = this.#readings;
    const last = this.#readings.at(-1);
    if (first === undefined || last === undefined) return unknown;
    const before = of(first);
    const counts = Array.from(of(last), (count, bucket) => (count - (before[bucket] as number)) >>> 0);
    const calls = counts.reduce((sum, count) => sum + count, 0);
    return calls === 0 ? unknown : { calls, ms: quantile(q, counts, calls) };
  }
}

function readingOf({ meters }: Breaker): Reading {
  const succeeded = new Uint32Array(buckets);
  const ended = new Uint32Array(buckets);
  for (const histogram of meters.durations.values()) {
    if (histogram.outcome !== 'success' && histogram.outcome !== 'failure') continue;
    histogram.counts.forEach((count, bucket) => {
      if (histogram.outcome === 'success') succeeded[bucket] = count;
      ended[bucket] = (ended[bucket] as number) + count;
    });
  }
  return { succeeded, ended };
}

/** As Prometheus does: evenly spread within a bucket, and of the last bucket no more than where it begins. */
function quantile(q: number, counts: readonly number[], all: number): number {
  const rank = q * all;
  let below = 0;
  for (const [bucket, bound] of durationBoundsMs.entries()) {
    const count = counts[bucket] as number;
    const from = durationBoundsMs[bucket - 1] ?? 0;
    if (below + count >= rank) return from + (bound - from) * ((rank - below) / count);
    below += count;
  }
  return durationBoundsMs.at(-1) as number;
}
