import type { Clock } from '../core/clock.ts';
import type { ResolvedBulkhead } from '../core/resolve-policies.ts';
import { abortable } from './abortable.ts';

/** A place inside: to be given back once; later times are ignored. */
export interface Slot extends Disposable {
  release(): void;
}

/** Why nobody was let in: no place and no place to wait, or none became free in time. */
export type Full = 'full' | 'waited';

class Waiter {
  constructor(readonly enter: () => void) {}
}

/**
 * So many calls at a time; others wait their turn, first come first served, and the rest is told at once. The place of a
 * call is its own: given back by it alone, whatever happens to those that wait.
 */
export class Bulkhead {
  /** In the order of their coming. */
  readonly #queue = new Set<Waiter>();
  readonly #clock: Clock;
  #options: ResolvedBulkhead;
  #active = 0;

  constructor(options: ResolvedBulkhead, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Calls inside; may be over a limit that was lowered meanwhile. */
  get active(): number {
    return this.#active;
  }
  get queued(): number {
    return this.#queue.size;
  }
  get limit(): number {
    return this.#options.limit;
  }
  /** Longest wait, in ms; 0 where nobody is told to stop waiting. */
  get queueTimeoutMs(): number {
    return this.#options.queueTimeoutMs ?? 0;
  }

  /** Those inside stay, those that wait keep their turn. */
  setOptions(options: ResolvedBulkhead): void {
    this.#options = options;
    this.#admit();
  }

  /** A place now, or `undefined`. */
  tryEnter(): Slot | undefined {
    return this.take() ? new HeldSlot(this) : undefined;
  }

  /** A place, at once or when it is this caller's turn; or why there is none. Rejects only with the reason of an aborted signal. */
  async enter(signal?: AbortSignal): Promise<Slot | Full> {
    const entered = this.take() || (await this.wait(signal));
    return entered === true ? new HeldSlot(this) : entered;
  }

  /** @internal As {@link tryEnter}; the caller sees to {@link leave}. */
  take(): boolean {
    if (this.#active >= this.#options.limit) return false;
    this.#active += 1;
    return true;
  }

  /** @internal Counts a call in that is made whatever the limit. */
  force(): void {
    this.#active += 1;
  }

  /** @internal Waits for a place when there is none. Resolves to `true` with the place taken. */
  wait(signal: AbortSignal | undefined): Promise<true | Full> {
    const { queue, queueTimeoutMs } = this.#options;
    if (this.#queue.size >= queue) return Promise.resolve('full');
    return abortable<true | Full>(signal, (resolve) => {
      const waiter = new Waiter(() => resolve(true));
      const timer = queueTimeoutMs === undefined ? undefined : this.#clock.setTimer(() => resolve('waited'), queueTimeoutMs, true);
      this.#queue.add(waiter);
      return () => {
        timer?.cancel();
        this.#queue.delete(waiter);
      };
    });
  }

  /** @internal */
  leave(): void {
    this.#active -= 1;
    this.#admit();
  }

  #admit(): void {
    for (const waiter of this.#queue) {
      if (!this.take()) return;
      this.#queue.delete(waiter);
      waiter.enter();
    }
  }
}

class HeldSlot implements Slot {
  #held = true;

  constructor(private readonly bulkhead: Bulkhead) {}

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.bulkhead.leave();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
