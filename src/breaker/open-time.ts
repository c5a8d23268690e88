import type { Clock } from '../core/clock.ts';
import type { ResolvedOptions } from '../core/options.ts';

/** How long each opening lasts: growing while openings follow each other, forgotten after a stable spell in closed. */
export class OpenTime {
  /** Openings in a row as of the last one, which is included. */
  openings = 0;

  /**
   * The time of the opening that begins now, in ms: `durationMs x factor ^ (openings in a row before)`, at most `maxMs`,
   * plus or minus `jitter`; at least the server's Retry-After, as far as `maxMs` allows.
   * @param closedForMs how long the circuit had been closed; 0 when it re-opens from half-open
   */
  next(options: ResolvedOptions['open'], clock: Clock, closedForMs: number, retryAfterMs: number): number {
    this.openings = this.inRow(options, closedForMs);
    const grown = Math.min(options.durationMs * options.factor ** this.openings, options.maxMs);
    const jittered = options.jitter === 0 ? grown : grown * (1 + options.jitter * (2 * clock.random() - 1));
    this.openings += 1;
    return Math.max(jittered, Math.min(retryAfterMs, options.maxMs));
  }

  /** Openings in a row, once a circuit has been closed for so long (0: it is not closed). */
  inRow(options: ResolvedOptions['open'], closedForMs: number): number {
    return closedForMs > 0 && closedForMs >= options.resetAfterMs ? 0 : this.openings;
  }

  forget(): void {
    this.openings = 0;
  }
}
