import type { Window } from './window.ts';

/**
 * The results of the last `durationMs`, in equal slices aligned to the window's own creation: a result is gone no later
 * than `durationMs` after it was recorded and no earlier than `durationMs` minus one slice.
 */
export class TimeWindow implements Window {
  recorded = 0;
  failures = 0;
  slow = 0;
  /** By slice, each made for the first result of its kind: most breakers see no failure. Plain arrays are smaller than short typed ones. */
  #recorded: number[] | undefined;
  #failures: number[] | undefined;
  #slow: number[] | undefined;
  readonly #sliceMs: number;
  readonly #origin: number;
  /** The number of the present slice, counted from the origin, and its place in the ring. */
  #present = 0;
  #place = 0;
  /** When the present slice ends: one comparison per call is all that a result in the same slice costs. */
  #endsAt: number;

  constructor(
    readonly durationMs: number,
    readonly buckets: number,
    now: number,
  ) {
    this.#sliceMs = durationMs / buckets;
    this.#origin = now;
    this.#endsAt = now + this.#sliceMs;
  }

  record(now: number, failed: boolean, slow: boolean): void {
    if (now >= this.#endsAt) this.advance(now);
    this.recorded += 1;
    this.#recorded ??= new Array<number>(this.buckets).fill(0);
    (this.#recorded[this.#place] as number) += 1;
    if (failed || slow) this.#blemish(failed, slow);
  }

  advance(now: number): void {
    if (now < this.#endsAt) return;
    const present = Math.floor((now - this.#origin) / this.#sliceMs);
    // However long nobody called: at most one round of the ring is to be emptied.
    const gone = Math.min(present - this.#present, this.buckets);
    for (let i = 1; i <= gone; i += 1) this.#empty((this.#present + i) % this.buckets);
    this.#present = present;
    this.#place = present % this.buckets;
    this.#endsAt = this.#origin + (present + 1) * this.#sliceMs;
  }

  clear(now: number): void {
    for (const slices of [this.#recorded, this.#failures, this.#slow]) slices?.fill(0);
    this.recorded = 0;
    this.failures = 0;
    this.slow = 0;
    this.advance(now);
  }

  #blemish(failed: boolean, slow: boolean): void {
    if (failed) {
      this.failures += 1;
      this.#failures ??= new Array<number>(this.buckets).fill(0);
      (this.#failures[this.#place] as number) += 1;
    }
    if (slow) {
      this.slow += 1;
      this.#slow ??= new Array<number>(this.buckets).fill(0);
      (this.#slow[this.#place] as number) += 1;
    }
  }

  #empty(place: number): void {
    this.recorded -= emptied(this.#recorded, place);
    this.failures -= emptied(this.#failures, place);
    this.slow -= emptied(this.#slow, place);
  }
}

/** Empties a slice. @returns what was in it */
function emptied(slices: number[] | undefined, place: number): number {
  if (slices === undefined) return 0;
  const count = slices[place] as number;
  slices[place] = 0;
  return count;
}
