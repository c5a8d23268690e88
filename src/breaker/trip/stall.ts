import type { ResolvedOptions } from '../../core/options.ts';
import type { TripVerdict } from '../../core/trip-rule.ts';
import type { InFlight } from '../in-flight.ts';
import type { Patience } from './patience.ts';

/** So many successes make the learned percentile worth something. */
const ENOUGH_TO_LEARN = 10;
/** How long at most between two questions to a server that answers them, while calls go on waiting. */
const LONGEST_PAUSE_MS = 30_000;
/** Patience with a dependency that has never answered, where it cannot be asked whether it is there. */
const UNKNOWN_MS = 30_000;

export type StallVerdict = 'stalled' | 'ask' | 'wait';

/**
 * Calls wait and nothing succeeds. Time alone cannot tell a frozen server from a batch of slow queries, so patience is
 * learned from the successful calls; and where the server can be asked whether it is there (`verify`), suspicion comes
 * soon, of a single waiting call too, but only silence convicts.
 */
export class StallRule {
  /** Answers to `verify` since the last success: patience doubles with each. */
  #aliveAnswers = 0;
  #aliveAt = 0;

  constructor(
    private readonly options: NonNullable<ResolvedOptions['stall']>,
    private readonly verifiable: boolean,
    /** Learned so far; outlives other options. */
    private readonly patience: Patience,
  ) {}

  /** How often to look at least: patience learned since the last look may have become shorter, but never than this. */
  get lookMs(): number {
    return this.options.afterMs;
  }

  learn(now: number, durationMs: number): void {
    this.patience.learn(now, durationMs);
    this.#aliveAnswers = 0;
  }

  /** When to look again; `undefined` when nobody waits. */
  due(calls: InFlight): number | undefined {
    const since = calls.waitingSince;
    return since === undefined ? undefined : this.#suspicious(since);
  }

  judge(calls: InFlight, now: number): StallVerdict {
    const since = calls.waitingSince;
    if (since === undefined || now < this.#suspicious(since)) return 'wait';
    if (this.verifiable) return 'ask';
    return calls.waiting >= this.options.calls ? 'stalled' : 'wait';
  }

  /** The server has answered that it is there. */
  alive(now: number): void {
    this.#aliveAnswers += 1;
    this.#aliveAt = now;
  }

  verdict(calls: InFlight, now: number): TripVerdict {
    return { value: (now - (calls.waitingSince ?? now)) / 1_000, limit: this.#firstSuspicionMs() / 1_000 };
  }

  #suspicious(since: number): number {
    const first = this.#firstSuspicionMs();
    if (this.#aliveAnswers === 0) return since + first;
    return Math.max(since, this.#aliveAt) + Math.min(first * 2 ** this.#aliveAnswers, LONGEST_PAUSE_MS);
  }

  #firstSuspicionMs(): number {
    const learned = this.learnedMs;
    const { afterMs } = this.options;
    if (this.verifiable) return Math.min(Math.max(afterMs, learned ?? afterMs * 2), afterMs * 4);
    return learned === undefined ? Math.max(UNKNOWN_MS, afterMs) : Math.max(afterMs, learned);
  }

  /** Patience with healthy calls, in ms: multiples of their 99th percentile; `undefined` while too little is known. */
  get learnedMs(): number | undefined {
    const p99 = this.patience.learned < ENOUGH_TO_LEARN ? undefined : this.patience.percentile99();
    return p99 === undefined ? undefined : p99 * this.options.factor;
  }
}
