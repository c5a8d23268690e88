/** Rows that room is made for at first; then twice as many, and so on. */
const firstRows = 8;
const nothing = new Uint32Array(0);

/**
 * Rows of whole numbers, the first of which is the tick at which they were so. A row that says what the one before says is not
 * kept: what does not change costs nothing. Rows have to be given in the order of their ticks; of one tick the last is kept.
 */
export class RowRing {
  readonly #width: number;
  readonly #maxRows: number;
  #words = nothing;
  #first = 0;
  #length = 0;

  /** @param width numbers in a row, its tick among them */
  constructor(width: number, maxRows: number) {
    this.#width = width;
    this.#maxRows = maxRows;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  /** @param index 0 is the oldest row */
  word(index: number, column: number): number {
    return this.#words[this.#offset(index) + column] as number;
  }

  /** Keeps a copy. */
  push(row: Uint32Array): void {
    if (this.#repeats(row)) return;
    if (this.#length > 0 && this.word(this.#length - 1, 0) === row[0]) this.#length -= 1;
    if (this.#length === this.#capacity) this.#makeRoom();
    this.#words.set(row.subarray(0, this.#width), this.#offset(this.#length));
    this.#length += 1;
  }

  /** The row that holds at a tick: the last one that is not later; -1: all are. */
  indexAt(tick: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.word(middle, 0) <= tick) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Lets go of what no tick from this one on needs, and of memory that is not needed any more. */
  forgetBefore(tick: number): void {
    if (this.#length < 2 || this.word(1, 0) > tick) return;
    const holds = this.indexAt(tick);
    this.#first = (this.#first + holds) % this.#capacity;
    this.#length -= holds;
    if (this.#capacity > firstRows && this.#length * 4 <= this.#capacity) this.#resize(Math.max(firstRows, this.#capacity >> 1));
  }

  get #capacity(): number {
    return this.#words.length / this.#width;
  }

  #offset(index: number): number {
    return ((this.#first + index) % this.#capacity) * this.#width;
  }

  #repeats(row: Uint32Array): boolean {
    if (this.#length === 0) return false;
    const last = this.#offset(this.#length - 1);
    for (let column = 1; column < this.#width; column += 1) if (this.#words[last + column] !== row[column]) return false;
    return true;
  }

  #makeRoom(): void {
    if (this.#capacity < this.#maxRows) {
      this.#resize(Math.min(this.#maxRows, Math.max(firstRows, this.#capacity * 2)));
    } else {
      this.#first = (this.#first + 1) % this.#capacity;
      this.#length -= 1;
    }
  }

  #resize(rows: number): void {
    const words = new Uint32Array(rows * this.#width);
    for (let index = 0; index < this.#length; index += 1) {
      const from = this.#offset(index);
      words.set(this.#words.subarray(from, from + this.#width), index * this.#width);
    }
    this.#words = words;
    this.#first = 0;
  }
}
