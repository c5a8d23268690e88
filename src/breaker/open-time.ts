import type { Clock } from '../core/clock.ts';
import type { ResolvedOptions } from '../core/options.ts';

/** So many trials that were lost with nothing but scouts weigh as much as an opening. */
const SCOUTS_PER_OPENING = 20;

/** How long each opening lasts: growing while openings follow each other, forgotten after a stable spell in closed. */
export class OpenTime {
  /** Openings in a row as of the last one, which is included. */
  openings = 0;
  /** Trials lost with nothing but scouts, since the last opening that counts. */
  #scouted = 0;

  /**
   * The time of the opening that begins now, in ms: `durationMs x factor ^ (openings in a row before)`, at most `maxMs`,
   * plus or minus `jitter`; at least the server's Retry-After, as far as `maxMs` allows.
   * @param closedForMs how long the circuit had been closed; 0 when it re-opens from half-open
   * @param scouted it re-opens because its scouts found nobody: the opening before goes on
   */
  next(options: ResolvedOptions['open'], clock: Clock, closedForMs: number, retryAfterMs: number, scouted = false): number {
    this.openings = this.inRow(options, closedForMs);
    this.#scouted = scouted ? this.#scouted + 1 : 0;
    if (!scouted || this.#scouted % SCOUTS_PER_OPENING === 0) this.openings += 1;
    const grown = Math.min(options.durationMs * options.factor ** Math.max(0, this.openings - 1), options.maxMs);
    const jittered = options.jitter === 0 ? grown : grown * (1 + options.jitter * (2 * clock.random() - 1));
    return Math.max(jittered, Math.min(retryAfterMs, options.maxMs));
  }

  /** Openings in a row, once a circuit has been closed for so long (0: it is not closed). */
  inRow(options: ResolvedOptions['open'], closedForMs: number): number {
    return closedForMs > 0 && closedForMs >= options.resetAfterMs ? 0 : this.openings;
  }
}
