import type { RejectionReason, StateName } from '../core/errors.ts';
import { type InjectionKind, injectionKinds } from '../core/injection.ts';
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
  'queue_full',
];

/** Every public state, in the order of the counters. */
export const stateNames: readonly StateName[] = ['closed', 'open', 'half_open', 'forced_open', 'disabled', 'shadow'];

/** More kinds of outcome and error than this share one series: a metric's variety must stay bounded. */
const MAX_ERROR_TYPES = 16;

/** Their place among the counters of calls: two for each outcome, and the slow ones come second. */
const QUICK_FAILURES = countedOutcomes.indexOf('failure') * 2;

const noDurations: ReadonlyMap<string, DurationHistogram> = new Map();

/** Plain arrays: small ones take a third of a typed array's memory, and are as quick. */
function zeros(length: number): number[] {
  return new Array(length).fill(0);
}

function increment(counters: number[], at: number): void {
  counters[at] = (counters[at] as number) + 1;
}

/**
 * What a breaker has counted since it was made: plain numbers, written by the engine, read when somebody collects.
 * Counters only grow.
 */
export class Meters {
  /**
   * Each is made when first needed: of a thousand breakers most are idle, and few have ever refused a call. The successes
   * that were timed and quick, nearly all calls, are counted in their histogram alone.
   */
  #calls: number[] | undefined;
  #stateMs: number[] | undefined;
  #rejections: number[] | undefined;
  #injections: number[] | undefined;
  #shadowRejections: number[] | undefined;
  #successes: DurationHistogram | undefined;
  /** Of all that is no success, by the key of {@link durations}. */
  #others: Map<string, DurationHistogram> | undefined;
  #lastFailures: DurationHistogram | undefined;
  #state: StateName;
  #stateSince: number;

  constructor(state: StateName, now: number) {
    this.#state = state;
    this.#stateSince = now;
  }

  /** Keyed by outcome, and for failures by `failure:<error type>`. */
  get durations(): ReadonlyMap<string, DurationHistogram> {
    if (this.#successes === undefined) return this.#others ?? noDurations;
    return new Map([['success', this.#successes], ...(this.#others ?? noDurations)]);
  }

  calls(outcome: CountedOutcome, slow: boolean): number {
    const row = countedOutcomes.indexOf(outcome) * 2;
    const counted = this.#calls?.[slow ? row + 1 : row] ?? 0;
    return outcome === 'success' && !slow ? counted + this.#quick : counted;
  }

  /** Slow successes are in the histogram as well. */
  get #quick(): number {
    return this.#successes === undefined ? 0 : this.#successes.count - (this.#calls?.[1] ?? 0);
  }

  rejections(reason: RejectionReason): number {
    return this.#rejections?.[rejectionReasons.indexOf(reason)] ?? 0;
  }

  shadowRejections(reason: RejectionReason): number {
    return this.#shadowRejections?.[rejectionReasons.indexOf(reason)] ?? 0;
  }

  /** Calls that have met a fault injected on purpose. */
  injections(kind: InjectionKind): number {
    return this.#injections?.[injectionKinds.indexOf(kind)] ?? 0;
  }

  /** Milliseconds spent in a state, the present one up to `now`. */
  stateTime(state: StateName, now: number): number {
    const past = this.#stateMs?.[stateNames.indexOf(state)] ?? 0;
    return state === this.#state ? past + Math.max(0, now - this.#stateSince) : past;
  }

  /** @internal For the engine. `durationMs` is `undefined` for calls that wait by their nature. */
  countCall(outcome: CountedOutcome, slow: boolean, durationMs: number | undefined, errorType: string | undefined): void {
    const quick = outcome === 'success' && durationMs !== undefined && !slow;
    if (!quick) {
      this.#calls ??= zeros(countedOutcomes.length * 2);
      increment(this.#calls, countedOutcomes.indexOf(outcome) * 2 + (slow ? 1 : 0));
    }
    if (durationMs === undefined) return;
    if (outcome === 'success') this.countSuccess(durationMs);
    else this.#unusual(outcome, errorType).record(durationMs);
  }

  /** @internal A success that was neither slow nor exempt from time. */
  countSuccess(durationMs: number): void {
    this.#successes ??= new DurationHistogram('success');
    this.#successes.record(durationMs);
  }

  /** @internal The same for a failure. */
  countFailure(errorType: string, durationMs: number): void {
    this.#calls ??= zeros(countedOutcomes.length * 2);
    increment(this.#calls, QUICK_FAILURES);
    this.#unusual('failure', errorType).record(durationMs);
  }

  /** @internal */
  countRejection(reason: RejectionReason, shadow: boolean): void {
    const at = rejectionReasons.indexOf(reason);
    if (shadow) {
      this.#shadowRejections ??= zeros(rejectionReasons.length);
      increment(this.#shadowRejections, at);
    } else {
      this.#rejections ??= zeros(rejectionReasons.length);
      increment(this.#rejections, at);
    }
  }

  /** @internal */
  countInjection(kind: InjectionKind): void {
    this.#injections ??= zeros(injectionKinds.length);
    increment(this.#injections, injectionKinds.indexOf(kind));
  }

  /** @internal */
  enterState(state: StateName, now: number): void {
    const before = stateNames.indexOf(this.#state);
    this.#stateMs ??= zeros(stateNames.length);
    this.#stateMs[before] = (this.#stateMs[before] as number) + Math.max(0, now - this.#stateSince);
    this.#state = state;
    this.#stateSince = now;
  }

  #unusual(outcome: CountedOutcome, type: string | undefined): DurationHistogram {
    if (outcome !== 'failure' || type === undefined) return this.#histogram(outcome, outcome);
    // The type that failures have is mostly the one that they had last: no key is put together for it.
    if (this.#lastFailures?.errorType === type) return this.#lastFailures;
    this.#lastFailures = this.#failures(type);
    return this.#lastFailures;
  }

  #failures(type: string): DurationHistogram {
    const others = this.#others ?? noDurations;
    const known = others.has(`failure:${type}`) || others.size < MAX_ERROR_TYPES - 1;
    return known ? this.#histogram(`failure:${type}`, 'failure', type) : this.#histogram('failure:_OTHER', 'failure', '_OTHER');
  }

  #histogram(key: string, outcome: CountedOutcome, type?: string): DurationHistogram {
    this.#others ??= new Map();
    const known = this.#others.get(key);
    if (known !== undefined) return known;
    const histogram = new DurationHistogram(outcome, type);
    this.#others.set(key, histogram);
    return histogram;
  }
}
