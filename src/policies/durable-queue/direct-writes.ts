import type { Clock, Timer } from '../../core/clock.ts';

/** Nobody waits longer, in ms, for a write that never ends. */
const LONGEST_MS = 10_000;

/** A write that is tried without the queue, and its place in the order of all writes. It ends once, by whatever comes of it first. */
export class DirectWrite {
  /** The key of which a later write has been carried out: this one must not be made any more. */
  overtakenAt: string | undefined;
  #state: 'made' | 'waiting' | 'over' = 'made';

  constructor(
    readonly order: number,
    readonly keys: readonly string[],
    readonly since: number,
    private readonly changed: (write: DirectWrite) => void,
  ) {}

  get state(): 'made' | 'waiting' | 'over' {
    return this.#state;
  }

  /** It was carried out. */
  passed(overtake: (write: DirectWrite) => void): void {
    if (this.#state === 'over') return;
    overtake(this);
    this.over();
  }

  /** @internal It has failed, and is to be queued: its keys are taken from now on. */
  failed(): void {
    if (this.#state !== 'made') return;
    this.#state = 'waiting';
    this.changed(this);
  }

  /** Whatever has come of it, it is not to be queued. */
  over(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.changed(this);
  }
}

/**
 * Writes that are tried without the queue. Of two of one key that are under way together, the earlier one may fail first: it must not be queued,
 * and made, behind the later one that goes through after all. Nor may what waits be made while an earlier one is still on its way.
 */
export class DirectWrites {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Set<DirectWrite>>();
  readonly #listeners = new Set<() => void>();
  readonly #freed: (keys: readonly string[]) => void;

  /** @param freed told of the keys of each that has ended */
  constructor(clock: Clock, freed: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#freed = freed;
  }

  begin(order: number, keys: readonly string[]): DirectWrite {
    const write = new DirectWrite(order, keys, this.#clock.now(), (each) => this.#changed(each));
    for (const key of keys) {
      const writes = this.#byKey.get(key) ?? new Set();
      this.#byKey.set(key, writes.add(write));
    }
    return write;
  }

  /** Whether one of a key has failed and is about to be queued. */
  waits(key: string): boolean {
    for (const write of this.#of([key])) if (write.state === 'waiting') return true;
    return false;
  }

  /** A write was carried out, by the queue or without it. */
  overtake({ keys, order }: { readonly keys: readonly string[]; readonly order: number }): void {
    for (const key of keys) for (const write of this.#byKey.get(key) ?? []) if (write.order < order) write.overtakenAt ??= key;
  }

  /** For how long, in ms, one that began earlier may still keep a write of these keys waiting; 0: for no time at all. */
  holdUpMs(keys: readonly string[], order: number): number {
    return this.#longest(keys, (each) => each.order < order);
  }

  /** Resolves once none of these keys that began later is under way any more. */
  async laterEnded(keys: readonly string[], order: number): Promise<void> {
    for (let ms = this.#laterMs(keys, order); ms > 0; ms = this.#laterMs(keys, order)) await this.#change(ms);
  }

  #laterMs(keys: readonly string[], order: number): number {
    return this.#longest(keys, (each) => each.order > order && each.state === 'made');
  }

  #longest(keys: readonly string[], is: (write: DirectWrite) => boolean): number {
    let longest = 0;
    for (const write of this.#of(keys)) if (is(write)) longest = Math.max(longest, write.since + LONGEST_MS - this.#clock.now());
    return longest;
  }

  *#of(keys: readonly string[]): Generator<DirectWrite> {
    for (const key of keys) yield* this.#byKey.get(key) ?? [];
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const ended = (): void => {
        timer?.cancel();
        this.#listeners.delete(ended);
        resolve();
      };
      this.#listeners.add(ended);
      timer = this.#clock.setTimer(ended, ms, true);
    });
  }

  #changed(write: DirectWrite): void {
    if (write.state === 'over') {
      for (const key of write.keys) {
        const writes = this.#byKey.get(key);
        writes?.delete(write);
        if (writes?.size === 0) this.#byKey.delete(key);
      }
    }
    for (const listener of [...this.#listeners]) listener();
    this.#freed(write.keys);
  }
}
