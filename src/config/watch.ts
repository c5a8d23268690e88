import { type Stats, stat, statSync } from 'node:fs';
import type { Clock, Timer } from '../core/clock.ts';

/** How often the files are looked at, in ms. */
export const watchEveryMs = 1_000;
/** A file that has changed is read once it has been left alone for so long: an editor may still be writing it. */
export const settledAfterMs = 200;

/**
 * Tells when one of some files has changed, come or gone. It looks at them again and again; it does not ask the system to be
 * told (`fs.watch`), which knows of no change on network and many container mounts, loses a file that an editor or
 * Kubernetes replaces through a link, and can run out of watches. A look is one `stat` that follows links, so all of these
 * are seen, for some microseconds a second. Nothing of it keeps the process alive.
 */
export class FileWatch {
  readonly #files: readonly string[];
  readonly #clock: Clock;
  readonly #changed: () => void;
  #known: string;
  /** What was seen last, while it differs from what is known. */
  #unsettled: string | undefined;
  #timer: Timer | undefined;
  #over = false;

  /** @param changed called once per change, after it has settled; must not throw */
  constructor(files: readonly string[], clock: Clock, changed: () => void) {
    this.#files = files;
    this.#clock = clock;
    this.#changed = changed;
    this.#known = files.map((file) => signature(statSync(file, { throwIfNoEntry: false }))).join();
    this.#wait(watchEveryMs);
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  #wait(ms: number): void {
    if (!this.#over) this.#timer = this.#clock.setTimer(() => this.#look(), ms);
  }

  #look(): void {
    const seen: string[] = [];
    let missing = this.#files.length;
    for (const [index, file] of this.#files.entries()) {
      stat(file, (_error, stats) => {
        seen[index] = signature(stats);
        missing -= 1;
        if (missing === 0) this.#compare(seen.join());
      });
    }
  }

  #compare(seen: string): void {
    if (this.#over) return;
    const settled = seen === this.#unsettled;
    if (seen === this.#known || settled) {
      this.#unsettled = undefined;
      const changed = seen !== this.#known;
      this.#known = seen;
      this.#wait(watchEveryMs);
      if (changed) this.#changed();
    } else {
      this.#unsettled = seen;
      this.#wait(settledAfterMs);
    }
  }
}

/** What changes when a file is written, replaced or linked elsewhere; empty when there is none. */
function signature(stats: Stats | undefined): string {
  return stats === undefined ? '' : `${stats.dev}.${stats.ino}.${stats.size}.${stats.mtimeMs}`;
}
