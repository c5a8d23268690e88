import type { Window } from './window.ts';

/** Numbers per slice: recorded, failures, slow. */
const WIDTH = 3;

/**
 * The results of the last `durationMs`, in equal slices aligned to the window's own creation: a result is gone no later
 * than `durationMs` after it was recorded and no earlier than `durationMs` minus one slice.
 */
export class TimeWindow implements Window {
  recorded = 0;
  failures = 0;
  slow = 0;
  readonly #slices: Uint32Array;
  readonly #sliceMs: number;
  readonly #origin: number;
  /** The number of the present slice, counted from the origin. */
  #present = 0;
  /** When the present slice ends: one comparison per call is all that a result in the same slice costs. */
  #endsAt: number;

  constructor(
    readonly durationMs: number,
    readonly buckets: number,
    now: number,
  ) {
    this.#slices = new Uint32Array(buckets * WIDTH);
    this.#sliceMs = durationMs / buckets;
    this.#origin = now;
    this.#endsAt = now + this.#sliceMs;
  }

  record(now: number, failed: boolean, slow: boolean): void {
    if (now >= this.#endsAt) this.advance(now);
    const at = (this.#present % this.buckets) * WIDTH;
    this.recorded += 1;
    (this.#slices[at] as number) += 1;
    if (failed) {
      this.failures += 1;
      (this.#slices[at + 1] as number) += 1;
    }
    if (slow) {
      this.slow += 1;
      (this.#slices[at + 2] as number) += 1;
    }
  }

  advance(now: number): void {
    if (now < this.#endsAt) return;
    const present = Math.floor((now - this.#origin) / this.#sliceMs);
    // However long nobody called: at most one round of the ring is to be emptied.
    const gone = Math.min(present - this.#present, this.buckets);
    for (let i = 1; i <= gone; i += 1) this.#empty((this.#present + i) % this.buckets);
    this.#present = present;
    this.#endsAt = this.#origin + (present + 1) * this.#sliceMs;
  }

  clear(now: number): void {
    this.#slices.fill(0);
    this.recorded = 0;
    this.failures = 0;
    this.slow = 0;
    this.advance(now);
  }

  #empty(slice: number): void {
    const at = slice * WIDTH;
    this.recorded -= this.#slices[at] as number;
    this.failures -= this.#slices[at + 1] as number;
    this.slow -= this.#slices[at + 2] as number;
    this.#slices.fill(0, at, at + WIDTH);
  }
}
