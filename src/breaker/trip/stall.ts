import type { ResolvedOptions } from '../../core/options.ts';
import type { TripVerdict } from '../../core/trip-rule.ts';
import type { Waiting } from '../in-flight.ts';
import type { Patience } from './patience.ts';

/** So many successes make the learned percentile worth something. */
const ENOUGH_TO_LEARN = 10;
/** Patience with a dependency that has never answered, where it cannot be asked whether it is there. */
const UNKNOWN_MS = 30_000;
/** The same where it can be asked; and with fewer calls than the rule speaks of; and where healthy calls take very long. */
const ASK_UNKNOWN_MS = 1_000;
const ASK_FOR_FEW_MS = 500;
const ASK_LATEST_MS = 2_000;
/** How long at least, and at most, between two questions to a server that answers them. */
const SHORTEST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

export type StallVerdict = 'stalled' | 'ask' | 'wait';

/**
 * Calls wait and nothing succeeds. Time alone cannot tell a frozen server from a batch of slow queries, so patience is
 * learned from the successful calls; and where the server can be asked whether it is there (`verify`), suspicion comes
 * soon, of a single waiting call too, but only silence convicts.
 */
export class StallRule {
  /** Answers to `verify` since the last success: patience doubles with each. */
  #aliveAnswers = 0;
  #aliveAt = Number.NEGATIVE_INFINITY;

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

  learn(durationMs: number): void {
    this.patience.learn(durationMs);
    this.#aliveAnswers = 0;
  }

  /** When to look again; infinity when nobody waits. */
  due({ since, calls }: Waiting): number {
    const first = this.#suspicionMs(calls);
    if (this.#aliveAnswers === 0) return Math.max(since + first, this.#aliveAt + SHORTEST_PAUSE_MS);
    const pause = Math.max(first, ASK_FOR_FEW_MS) * 2 ** this.#aliveAnswers;
    return Math.max(since, this.#aliveAt) + Math.min(pause, LONGEST_PAUSE_MS);
  }

  judge(waiting: Waiting, now: number): StallVerdict {
    if (now < this.due(waiting)) return 'wait';
    if (this.verifiable) return 'ask';
    return waiting.calls >= this.options.calls ? 'stalled' : 'wait';
  }

  /** The server has answered that it is there. */
  alive(now: number): void {
    this.#aliveAnswers += 1;
    this.#aliveAt = now;
  }

  verdict({ since, calls }: Waiting, now: number): TripVerdict {
    return { value: (now - since) / 1_000, limit: this.#suspicionMs(calls) / 1_000 };
  }

  #suspicionMs(calls: number): number {
    const { afterMs } = this.options;
    const learned = this.learnedMs;
    if (!this.verifiable) return Math.max(afterMs, learned ?? UNKNOWN_MS);
    const enough = calls >= this.options.calls;
    return Math.max(afterMs, enough ? 0 : ASK_FOR_FEW_MS, Math.min(learned ?? ASK_UNKNOWN_MS, ASK_LATEST_MS));
  }

  /** Patience with healthy calls, in ms: multiples of their 99th percentile; `undefined` while too little is known. */
  get learnedMs(): number | undefined {
    const p99 = this.patience.learned < ENOUGH_TO_LEARN ? undefined : this.patience.percentile99();
    return p99 === undefined ? undefined : p99 * this.options.factor;
  }

  /** Lets go of what was learned too long ago. */
  forget(now: number): void {
    this.patience.forget(now);
  }
}
