import type { Breaker } from '../breaker/breaker.ts';
import type { DegradedMode } from '../core/policy-options.ts';
import type { ResolvedPolicies } from '../core/resolve-policies.ts';
import { Bulkhead } from './bulkhead.ts';
import { Degraded, degradedModeOf } from './degraded.ts';
import { Fallback } from './fallback.ts';
import { Foreign } from './foreign.ts';
import { BulkheadPolicy, RateLimit } from './limits.ts';
import { PolicyMeters } from './meters.ts';
import { Passage } from './passage.ts';
import { chain, type Next, type Policy } from './policy.ts';
import type { PolicyCall } from './policy-call.ts';
import { RateLimiter } from './rate-limiter.ts';
import { Retry } from './retry.ts';
import { RetryBudget } from './retry-budget.ts';
import { TotalTimeout } from './total-timeout.ts';

const none: ResolvedPolicies = {
  totalTimeoutMs: undefined,
  retry: undefined,
  bulkhead: undefined,
  rateLimit: undefined,
  fallback: undefined,
  degraded: undefined,
  customPolicies: undefined,
};

/**
 * The policies around a breaker's calls, in the one order there is, from the outside in:
 *
 * fallback > degraded mode > (policies of third parties) > rate limit > bulkhead > total time-out > retry > breaker > attempt time-out > call
 *
 * It is the order of Polly's standard resilience pipeline. A fallback answers for whatever fails further in. What is refused is
 * refused before it takes a place, and a call counts once against a limit, however often it is repeated. The wait for a
 * place has a limit of its own and takes none of the call's time; the total time-out bounds all attempts and waits between
 * them. The breaker is inside retry: it sees every attempt, and stops repetitions once it opens. The time-out of an attempt
 * is inside the breaker, which counts it as a failure.
 */
export class Policies {
  readonly breaker: Breaker;
  readonly meters: PolicyMeters;
  #options: ResolvedPolicies | undefined;
  readonly #bare: Next = chain([]);
  #usual: Next = this.#bare;
  #degraded: Next = this.#bare;
  #watching: Next = this.#bare;
  #bulkhead: Bulkhead | undefined;
  #limiter: RateLimiter | undefined;
  #budget: RetryBudget | undefined;
  readonly #shared: Policies | undefined;

  /** @param shared whose meters and retry budget are used as well: a dependency has one */
  constructor(breaker: Breaker, shared?: Policies) {
    this.breaker = breaker;
    this.meters = shared?.meters ?? new PolicyMeters();
    this.#shared = shared;
  }

  get options(): ResolvedPolicies | undefined {
    return this.#options;
  }
  /** Where calls are bounded at a time. */
  get bulkhead(): Bulkhead | undefined {
    return this.#options?.bulkhead && this.#bulkhead;
  }
  /** Where calls are bounded per time. */
  get rateLimiter(): RateLimiter | undefined {
    return this.#options?.rateLimit && this.#limiter;
  }

  /** Takes on options; what has been counted and who waits stays. The same object again costs one comparison. */
  following(options: ResolvedPolicies = none): this {
    if (options === this.#options) return this;
    this.#options = options;
    this.#make(options);
    return this;
  }

  /** Runs a call through them. Rejects with what the call was refused or failed with; see README, "Errors". */
  async run<T>(call: PolicyCall<T>): Promise<T> {
    if (call.signal?.aborted === true) throw call.signal.reason;
    const passage = new Passage(call, this.breaker.clock, this.meters);
    try {
      const value = await this.#way(degradedModeOf(this.breaker))(passage);
      passage.ended(undefined);
      return value;
    } catch (error) {
      passage.ended({ error });
      throw error;
    }
  }

  /** @internal */
  budgetFor(options: ResolvedPolicies): RetryBudget | undefined {
    const wanted = options.retry?.budget;
    if (wanted === undefined) return undefined;
    if (this.#shared !== undefined) return this.#shared.budgetFor(options);
    this.#budget ??= new RetryBudget(wanted, this.breaker.clock.now());
    this.#budget.setOptions(wanted);
    return this.#budget;
  }

  /** Shadow mode changes no call: limits count what they would have refused, everything else keeps out of it. */
  #way(mode: DegradedMode | 'off'): Next {
    if (mode === 'bypass') return this.#bare;
    if (this.breaker.onlyWatches) return this.#watching;
    return mode === 'off' ? this.#usual : this.#degraded;
  }

  #make(options: ResolvedPolicies): void {
    const { fallback, customPolicies = [], totalTimeoutMs, retry } = options;
    const limits = this.#limitsOf(options);
    const outer = fallback === undefined ? [] : [new Fallback(fallback)];
    const inner = [
      ...customPolicies.map((policy) => new Foreign(policy)),
      ...limits,
      ...(totalTimeoutMs === undefined ? [] : [new TotalTimeout(totalTimeoutMs)]),
      ...(retry === undefined ? [] : [new Retry(retry, this.budgetFor(options))]),
    ];
    // Hardly ever is a mode set: a call pays for it only while one is.
    this.#usual = chain([...outer, ...inner]);
    this.#degraded = chain([...outer, new Degraded(), ...inner]);
    this.#watching = chain([new Degraded(), ...limits]);
  }

  #limitsOf({ bulkhead, rateLimit }: ResolvedPolicies): Policy[] {
    const limits: Policy[] = [];
    const theirs = this.#shared?.options;
    if (rateLimit !== undefined && rateLimit === theirs?.rateLimit) limits.push(new RateLimit(this.#shared?.rateLimiter as RateLimiter));
    else if (rateLimit !== undefined) {
      this.#limiter ??= new RateLimiter(rateLimit);
      this.#limiter.setOptions(rateLimit, this.breaker.clock.now());
      limits.push(new RateLimit(this.#limiter));
    }
    // A limit of the breaker's own is one for all of its functions.
    if (bulkhead !== undefined && bulkhead === theirs?.bulkhead) limits.push(new BulkheadPolicy(this.#shared?.bulkhead as Bulkhead));
    else if (bulkhead !== undefined) {
      this.#bulkhead ??= new Bulkhead(bulkhead, this.breaker.clock);
      this.#bulkhead.setOptions(bulkhead);
      limits.push(new BulkheadPolicy(this.#bulkhead));
    }
    if (this.#bulkhead !== undefined) this.meters.tellBulkhead(this.#bulkhead, bulkhead !== undefined && bulkhead !== theirs?.bulkhead);
    return limits;
  }
}

/** Kept as long as their breaker: counts, places and budgets outlive every change of options. */
const known = new WeakMap<Breaker, Policies>();

/**
 * The policies that a breaker's options ask for, with their present settings; `undefined` where there are none, which costs
 * two property reads. Ask for every call: options may change while the process runs.
 */
export function policiesOf(breaker: Breaker): Policies | undefined {
  const { policies, mode } = breaker.options;
  if ((policies === undefined && breaker.degraded === undefined) || mode === 'off') return undefined;
  return sharedPolicies(breaker).following(policies);
}

/** What a breaker's policies have counted; `undefined` where there have been none. */
export function policyMetersOf(breaker: Breaker): PolicyMeters | undefined {
  return known.get(breaker)?.meters;
}

/** @internal */
export function sharedPolicies(breaker: Breaker): Policies {
  let policies = known.get(breaker);
  if (policies === undefined) {
    policies = new Policies(breaker);
    known.set(breaker, policies);
  }
  return policies;
}
