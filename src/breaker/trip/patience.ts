/** Two buckets per doubling, from 1/16 ms to about 36 hours. */
const BUCKETS = 62;
const SCALE = 16;
const GENERATION_MS = 60_000;

function bucketOf(ms: number): number {
  const units = Math.min(0x7fffffff, Math.max(1, Math.ceil(ms * SCALE)));
  const log = 31 - Math.clz32(units);
  const half = log === 0 ? 0 : (units >> (log - 1)) & 1;
  return log * 2 + half;
}

function upperBoundMs(bucket: number): number {
  const base = 2 ** (bucket >> 1);
  return ((bucket & 1) === 0 ? base * 1.5 : base * 2) / SCALE;
}

/**
 * How long a healthy call may take: the recent 99th percentile of the successful ones, learned from the last one to two
 * minutes of traffic, in fixed memory. It is what keeps a batch of slow but healthy calls from looking like a stall.
 */
export class Patience {
  #recent = new Uint32Array(BUCKETS);
  #before = new Uint32Array(BUCKETS);
  #recentCount = 0;
  #beforeCount = 0;
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  learn(now: number, ms: number): void {
    if (now - this.#since >= GENERATION_MS) this.#turn(now);
    (this.#recent[bucketOf(ms)] as number) += 1;
    this.#recentCount += 1;
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
      above -= (this.#recent[bucket] as number) + (this.#before[bucket] as number);
      if (above < 0) return upperBoundMs(bucket);
    }
    return undefined;
  }

  #turn(now: number): void {
    [this.#recent, this.#before] = [this.#before, this.#recent];
    this.#recent.fill(0);
    this.#beforeCount = this.#recentCount;
    this.#recentCount = 0;
    this.#since = now;
  }
}
