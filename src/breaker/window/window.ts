/** What the window holds: successes are `recorded - failures`. */
export interface WindowCounts {
  /** Successes and failures; ignored results are not recorded. */
  readonly recorded: number;
  readonly failures: number;
  /** Results that took longer than `slowCallMs`, whatever their outcome. */
  readonly slow: number;
}

/** The results that the trip rules look at. Constant time and fixed memory, whatever its size. */
export interface Window extends WindowCounts {
  /** Records a result at `now` (ms, monotonic, never decreasing). */
  record(now: number, failed: boolean, slow: boolean): void;
  /** Lets go of what is too old at `now`. */
  advance(now: number): void;
  /** Forgets everything. */
  clear(now: number): void;
}
