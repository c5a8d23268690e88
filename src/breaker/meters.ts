import { errorType, type RejectionReason, type StateName } from '../core/errors.ts';
import { type CountedOutcome, countedOutcomes } from '../core/outcome.ts';
import { DurationHistogram } from './duration-histogram.ts';

/** Every reason for a rejection, in the order of the counters. */
export const rejectionReasons: readonly RejectionReason[] = [
  'open',
  'half_open_limit',
  'forced_open',
  'ramp_up',
  'bulkhead_full',
  'rate_limited',
  'throttled',
  'read_only',
];

/** Every public state, in the order of the counters. */
export const stateNames: readonly StateName[] = ['closed', 'open', 'half_open', 'forced_open', 'disabled', 'shadow'];

/** More kinds of error than this share one series: a metric's variety must stay bounded. */
const MAX_ERROR_TYPES = 16;

/**
 * What a breaker has counted since it was made: plain numbers, written by the engine, read when somebody collects.
 * Counters only grow.
 */
export class Meters {
  /** Keyed by outcome, and for failures by `failure:<error type>`. */
  readonly durations = new Map<string, DurationHistogram>();
  readonly #calls = new Float64Array(countedOutcomes.length * 2);
  readonly #rejections = new Float64Array(rejectionReasons.length);
  readonly #shadowRejections = new Float64Array(rejectionReasons.length);
  readonly #stateMs = new Float64Array(stateNames.length);
  #successes: DurationHistogram | undefined;
  #state: StateName;
  #stateSince: number;

  constructor(state: StateName, now: number) {
    this.#state = state;
    this.#stateSince = now;
  }

  calls(outcome: CountedOutcome, slow: boolean): number {
    return this.#calls[countedOutcomes.indexOf(outcome) * 2 + (slow ? 1 : 0)] as number;
  }

  rejections(reason: RejectionReason): number {
    return this.#rejections[rejectionReasons.indexOf(reason)] as number;
  }

  shadowRejections(reason: RejectionReason): number {
    return this.#shadowRejections[rejectionReasons.indexOf(reason)] as number;
  }

  /** Milliseconds spent in a state, the present one up to `now`. */
  stateTime(state: StateName, now: number): number {
    const past = this.#stateMs[stateNames.indexOf(state)] as number;
    return state === this.#state ? past + Math.max(0, now - this.#stateSince) : past;
  }

  /** @internal For the engine. `durationMs` is `undefined` for calls that wait by their nature. */
  countCall(outcome: CountedOutcome, slow: boolean, durationMs: number | undefined, error: unknown): void {
    (this.#calls[countedOutcomes.indexOf(outcome) * 2 + (slow ? 1 : 0)] as number) += 1;
    if (durationMs === undefined) return;
    if (outcome === 'success') {
      this.#successes ??= this.#histogram('success', 'success');
      this.#successes.record(durationMs);
    } else {
      this.#unusual(outcome, error).record(durationMs);
    }
  }

  /** @internal */
  countRejection(reason: RejectionReason, shadow: boolean): void {
    const counters = shadow ? this.#shadowRejections : this.#rejections;
    (counters[rejectionReasons.indexOf(reason)] as number) += 1;
  }

  /** @internal */
  enterState(state: StateName, now: number): void {
    (this.#stateMs[stateNames.indexOf(this.#state)] as number) += Math.max(0, now - this.#stateSince);
    this.#state = state;
    this.#stateSince = now;
  }

  #unusual(outcome: CountedOutcome, error: unknown): DurationHistogram {
    if (outcome !== 'failure') return this.#histogram(outcome, outcome);
    const type = errorType(error);
    const known = this.durations.has(`failure:${type}`) || this.durations.size < MAX_ERROR_TYPES;
    return known ? this.#histogram(`failure:${type}`, 'failure', type) : this.#histogram('failure:_OTHER', 'failure', '_OTHER');
  }

  #histogram(key: string, outcome: CountedOutcome, type?: string): DurationHistogram {
    const known = this.durations.get(key);
    if (known !== undefined) return known;
    const histogram = new DurationHistogram(outcome, type);
    this.durations.set(key, histogram);
    return histogram;
  }
}
