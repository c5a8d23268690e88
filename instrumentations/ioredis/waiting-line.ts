import type { Clock, Timer } from '../../src/core/clock.ts';
import { reportFault } from '../../src/core/fault.ts';

/** What a call touches; some commands touch every key there is. */
export type Keys = readonly string[] | 'all';

/** How often to look, in ms, whether what was waited for has come. */
const lookMs = 20;
/** Longest wait, in ms. */
export const longestWaitMs = 10_000;

interface Waiter {
  readonly keys: Keys;
  readonly free: () => boolean;
  readonly lost: () => boolean;
  readonly giveUpAt: number;
  readonly resolve: (inTime: boolean) => void;
}

/** Calls that wait for queued writes to be made: those that share a key go on in the order in which they were given. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  readonly #taken = new KeyCounts();
  #timer: Timer | undefined;
  #looking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /** Whether somebody waits whom a call of these keys would overtake. */
  has(keys: Keys): boolean {
    return this.#taken.meets(keys);
  }

  /**
   * Resolves once `free` says so and nobody before it waits who shares a key with it, or once `lost` says so; to `false` if that
   * takes too long.
   */
  wait(keys: Keys, free: () => boolean, lost: () => boolean = () => false): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiters.add({ keys, free, lost, giveUpAt: this.#clock.now() + longestWaitMs, resolve });
      this.#taken.add(keys);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#looking || this.isEmpty) return;
    this.#timer = this.#clock.setTimer(() => void this.#look(), lookMs, true);
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#looking = true;
    const before = new KeyCounts();
    // Those who join meanwhile come last.
    for (const waiter of this.#waiters) {
      const goesOn = isTrue(waiter.lost) || (!before.meets(waiter.keys) && isTrue(waiter.free));
      if (!goesOn && this.#clock.now() < waiter.giveUpAt) {
        before.add(waiter.keys);
        continue;
      }
      waiter.resolve(goesOn);
      // What it does at once comes before what anybody behind it does, whoever of them has the longer way.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      this.#waiters.delete(waiter);
      this.#taken.remove(waiter.keys);
    }
    this.#looking = false;
    this.#schedule();
  }
}

/** What cannot be told keeps nobody waiting. */
function isTrue(says: () => boolean): boolean {
  try {
    return says();
  } catch (fault) {
    reportFault(fault, 'a Redis command that waits for queued writes');
    return true;
  }
}

class KeyCounts {
  readonly #counts = new Map<string, number>();
  #size = 0;
  #all = 0;

  meets(keys: Keys): boolean {
    return this.#all > 0 || (keys === 'all' ? this.#size > 0 : this.#counts.size > 0 && keys.some((key) => this.#counts.has(key)));
  }

  add(keys: Keys): void {
    this.#size += 1;
    if (keys === 'all') this.#all += 1;
    else for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  remove(keys: Keys): void {
    this.#size -= 1;
    if (keys === 'all') this.#all -= 1;
    else for (const key of keys) this.#lower(key);
  }

  #lower(key: string): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }
}
