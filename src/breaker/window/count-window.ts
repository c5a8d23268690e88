import type { Window } from './window.ts';

const FAILED = 1;
const SLOW = 2;

/** The last `size` results, in a ring of bytes. */
export class CountWindow implements Window {
  recorded = 0;
  failures = 0;
  slow = 0;
  readonly #ring: Uint8Array;
  #next = 0;

  constructor(readonly size: number) {
    this.#ring = new Uint8Array(size);
  }

  record(_now: number, failed: boolean, slow: boolean): void {
    this.#put((failed ? FAILED : 0) | (slow ? SLOW : 0));
  }

  advance(): void {
    // Only a newer result pushes an old one out.
  }

  clear(): void {
    this.recorded = 0;
    this.failures = 0;
    this.slow = 0;
    this.#next = 0;
  }

  /** A window of another size that goes on with the newest results of this one. */
  resized(size: number): CountWindow {
    const other = new CountWindow(size);
    const kept = Math.min(size, this.recorded);
    for (let age = kept; age > 0; age -= 1) other.#put(this.#ring[(this.#next - age + this.size) % this.size] as number);
    return other;
  }

  #put(result: number): void {
    if (this.recorded === this.size) {
      const oldest = this.#ring[this.#next] as number;
      this.failures -= oldest & FAILED;
      this.slow -= (oldest & SLOW) >> 1;
    } else {
      this.recorded += 1;
    }
    this.#ring[this.#next] = result;
    this.#next = this.#next + 1 === this.size ? 0 : this.#next + 1;
    this.failures += result & FAILED;
    this.slow += (result & SLOW) >> 1;
  }
}
