import type { CountedOutcome } from '../core/outcome.ts';
import type { Bulkhead } from './bulkhead.ts';
import type { QueueGauge } from './ports.ts';

/** What served a call instead of its dependency. */
export type FallbackType = 'value' | 'function' | 'tier' | 'stale' | 'queue' | 'empty';
export const fallbackTypes: readonly FallbackType[] = ['value', 'function', 'tier', 'stale', 'queue', 'empty'];

/** What a look into the cache of last good answers found: a fresh one, none, or one that is served as stale. */
export type CacheResult = 'hit' | 'miss' | 'stale';
export const cacheResults: readonly CacheResult[] = ['hit', 'miss', 'stale'];

/** Upper bounds of the buckets of {@link AttemptHistogram}. */
export const attemptBounds: readonly number[] = [1, 2, 3, 5, 8];

/** Attempts per call, already in buckets. */
export class AttemptHistogram {
  /** Per bucket; the last one is for all over the highest bound. */
  readonly counts: number[] = new Array(attemptBounds.length + 1).fill(0);
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;

  constructor(readonly outcome: CountedOutcome) {}

  record(attempts: number): void {
    const bucket = attemptBounds.findIndex((bound) => attempts <= bound);
    const at = bucket < 0 ? attemptBounds.length : bucket;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.count += 1;
    this.sum += attempts;
    if (attempts < this.min) this.min = attempts;
    if (attempts > this.max) this.max = attempts;
  }
}

const served = ['success', 'failure'] as const;

/** What the policies around a breaker have counted: plain numbers, read when somebody collects. Counters only grow. */
export class PolicyMeters {
  readonly #attempts = new Map<CountedOutcome, AttemptHistogram>();
  readonly #fallbacks = new Map<string, number>();
  readonly #lookups = new Map<CacheResult, number>();
  /** Those of functions made by `protect` come and go with these. */
  readonly #bulkheads = new Set<WeakRef<Bulkhead>>();
  /** Set where writes are queued. */
  queue: QueueGauge | undefined;

  /** By the outcome of the call. */
  get attempts(): ReadonlyMap<CountedOutcome, AttemptHistogram> {
    return this.#attempts;
  }

  fallbacks(type: FallbackType, outcome: (typeof served)[number]): number {
    return this.#fallbacks.get(`${type} ${outcome}`) ?? 0;
  }

  lookups(result: CacheResult): number {
    return this.#lookups.get(result) ?? 0;
  }

  /** All bulkheads of the breaker together; `undefined` where there is none. */
  get bulkhead(): { readonly active: number; readonly queued: number; readonly limit: number } | undefined {
    let sum: { active: number; queued: number; limit: number } | undefined;
    for (const reference of this.#bulkheads) {
      const bulkhead = reference.deref();
      if (bulkhead === undefined) {
        this.#bulkheads.delete(reference);
        continue;
      }
      sum ??= { active: 0, queued: 0, limit: 0 };
      sum.active += bulkhead.active;
      sum.queued += bulkhead.queued;
      sum.limit += bulkhead.limit;
    }
    return sum;
  }

  /** @internal */
  countAttempts(attempts: number, outcome: CountedOutcome): void {
    let histogram = this.#attempts.get(outcome);
    if (histogram === undefined) {
      histogram = new AttemptHistogram(outcome);
      this.#attempts.set(outcome, histogram);
    }
    histogram.record(attempts);
  }

  /** @internal */
  countFallback(type: FallbackType, outcome: (typeof served)[number]): void {
    const key = `${type} ${outcome}`;
    this.#fallbacks.set(key, (this.#fallbacks.get(key) ?? 0) + 1);
  }

  /** @internal */
  countLookup(result: CacheResult): void {
    this.#lookups.set(result, (this.#lookups.get(result) ?? 0) + 1);
  }

  /** @internal Whether a bulkhead is told of. */
  tellBulkhead(bulkhead: Bulkhead, told: boolean): void {
    for (const reference of this.#bulkheads) if (reference.deref() === bulkhead) this.#bulkheads.delete(reference);
    if (told) this.#bulkheads.add(new WeakRef(bulkhead));
  }
}
