import type { Store } from '../facts/store.ts';
import { history } from './api.ts';

/** Asked for at once: a page must not keep a service busy. */
const maxAtOnce = 2;

/** Fetches what was before the page was opened: the moves of all circuits at once, the samples of those that are looked at. */
export class Past {
  readonly #store: Store;
  readonly #came: () => void;
  readonly #asked = new Set<string>();
  #waiting: string[] = [];
  #running = 0;
  /** Counts the processes that were asked: what comes from one before is too late. */
  #era = 0;

  /** @param came to be called when there is more to show */
  constructor(store: Store, came: () => void) {
    this.#store = store;
    this.#came = came;
  }

  /** It is another process now, or moves may have been missed. */
  async begin(): Promise<void> {
    this.#era += 1;
    this.#asked.clear();
    this.#waiting = [];
    const era = this.#era;
    try {
      const { transitions } = await history();
      if (era === this.#era) this.#store.remember(transitions);
      this.#came();
    } catch {
      // Without it the page begins now.
    }
  }

  want(names: readonly string[]): void {
    for (const name of names) {
      if (this.#asked.has(name)) continue;
      this.#asked.add(name);
      this.#waiting.push(name);
    }
    while (this.#running < maxAtOnce && this.#waiting.length > 0) void this.#next();
  }

  async #next(): Promise<void> {
    const name = this.#waiting.shift();
    if (name === undefined) return;
    const era = this.#era;
    this.#running += 1;
    try {
      const { samples, transitions } = await history(name);
      if (era === this.#era) {
        this.#store.seriesOf(name).prepend(samples);
        this.#store.remember(transitions);
      }
    } catch {
      // As above.
    } finally {
      this.#running -= 1;
      if (this.#waiting.length === 0) this.#came();
      this.want([]);
    }
  }
}
