/** Shorter calls are all alike: nobody is as impatient as that. */
const SHORT_MS = 1;
/** Two buckets per doubling, from there to some 24 days. */
const BUCKETS = 62;
/** What is recent: the present generation and the one before. */
const GENERATION_MS = 60_000;
const GENERATION_CALLS = 1_000;

function bucketOf(ms: number): number {
  const whole = Math.min(0x7fffffff, Math.ceil(ms));
  const log = 31 - Math.clz32(whole);
  return log * 2 + ((whole >> (log - 1)) & 1);
}

function upperBoundMs(bucket: number): number {
  const base = 2 ** (bucket >> 1);
  return (bucket & 1) === 0 ? base * 1.5 : base * 2;
}

/**
 * How long a healthy call may take: the recent 99th percentile of the successful ones, in fixed memory. Recent are the last
 * one to two minutes, and of much traffic the last one to two thousand calls: enough to know, and a slow start is soon
 * forgotten. It is what keeps a batch of slow but healthy calls from looking like a stall.
 */
export class Patience {
  /** Of calls that were not short; made for the first one. */
  #recent: number[] | undefined;
  #before: number[] | undefined;
  #recentCount = 0;
  #beforeCount = 0;
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  learn(ms: number): void {
    this.#recentCount += 1;
    if (ms > SHORT_MS) this.#count(bucketOf(ms));
  }

  /** How many calls it has learned from. */
  get learned(): number {
    return this.#recentCount + this.#beforeCount;
  }

  /** The 99th percentile in ms, rounded up to its bucket; `undefined` before the first success. */
  percentile99(): number | undefined {
    if (this.learned === 0) return undefined;
    let above = this.learned - Math.ceil(this.learned * 0.99);
    for (let bucket = BUCKETS - 1; bucket >= 0; bucket -= 1) {
      above -= (this.#recent?.[bucket] ?? 0) + (this.#before?.[bucket] ?? 0);
      if (above < 0) return upperBoundMs(bucket);
    }
    return SHORT_MS;
  }

  /** Lets go of what is no longer recent. To be called now and then while there are calls. */
  forget(now: number): void {
    if (this.#recentCount >= GENERATION_CALLS || now - this.#since >= GENERATION_MS) this.#turn(now);
  }

  #count(bucket: number): void {
    this.#recent ??= [];
    // As long as it has to be: most calls take milliseconds.
    while (this.#recent.length <= bucket) this.#recent.push(0);
    (this.#recent[bucket] as number) += 1;
  }

  #turn(now: number): void {
    [this.#recent, this.#before] = [this.#before, this.#recent];
    this.#recent?.fill(0);
    this.#beforeCount = this.#recentCount;
    this.#recentCount = 0;
    this.#since = now;
  }
}
