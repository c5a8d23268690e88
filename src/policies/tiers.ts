import { reportFault } from '../core/fault.ts';
import { AllTiersFailedError } from '../core/policy-errors.ts';
import type { FallbackTier, NamedTier } from '../core/policy-options.ts';
import type { ResolvedFallback } from '../core/resolve-policies.ts';
import { reportWrongAnswer } from '../core/user-answers.ts';
import type { Passage } from './passage.ts';

type Tier = NamedTier<unknown[]>;

/** A tier has answered, or all of them have failed; `undefined`: there are none. */
export type TierResult<T> = { readonly served: T; readonly tier: string } | { readonly failed: AllTiersFailedError } | undefined;

/** Functions given as tiers are named after themselves, or their place. */
export function namedTiers(tiers: readonly FallbackTier<unknown[]>[]): Tier[] {
  return tiers.map((tier, index) => (typeof tier === 'function' ? { name: tier.name || `tier ${index + 1}`, run: tier } : tier));
}

/**
 * Tries other ways to the answer, one after the other. A tier whose circuit is open is skipped, with what it would have been
 * refused with in its place among the errors. The caller's abort ends it.
 */
export async function tryTiers<T>(passage: Passage<T>, options: ResolvedFallback, failure: unknown): Promise<TierResult<T>> {
  const { call } = passage;
  const origins = options.origins === undefined ? [] : ((call.tiersOf?.(options.origins) ?? []) as readonly Tier[]);
  const listed = [...origins, ...namedTiers(options.tiers ?? [])];
  if (listed.length === 0) return undefined;
  const errors: unknown[] = [failure];
  const tried: string[] = [];
  for (const tier of ordered(listed, options, failure)) {
    call.signal?.throwIfAborted();
    tried.push(tier.name);
    const refusal = tier.breaker?.refusal();
    if (refusal !== undefined) {
      errors.push(refusal);
      continue;
    }
    try {
      const value = await passage.enter(() => callTier<T>(tier, call.args ?? [], call.signal));
      const failed = passage.failureOf(value);
      if (failed === undefined) return { served: value, tier: tier.name };
      passage.discard(value);
      errors.push(failed);
    } catch (error) {
      if (passage.outcomeOf(error) === 'cancelled') throw error;
      errors.push(error);
    }
  }
  return { failed: AllTiersFailedError.of(call.breaker.name, errors, tried) };
}

async function callTier<T>(tier: Tier, args: readonly unknown[], signal: AbortSignal | undefined): Promise<T> {
  const call = (): T | PromiseLike<T> => tier.run(...args) as T | PromiseLike<T>;
  return tier.breaker === undefined ? call() : tier.breaker.run(call, { signal });
}

function ordered(tiers: readonly Tier[], { order }: ResolvedFallback, failure: unknown): readonly Tier[] {
  if (order === undefined) return tiers;
  try {
    const answer: unknown = order(tiers, failure);
    if (Array.isArray(answer) && answer.every(isTier)) return answer;
    reportWrongAnswer(order, answer, 'the order of fallback tiers', 'a list of the tiers it was given');
  } catch (fault) {
    reportFault(fault, 'the order of fallback tiers');
  }
  return tiers;
}

function isTier(item: unknown): item is Tier {
  const { name, run } = (item ?? {}) as Partial<Tier>;
  return typeof name === 'string' && typeof run === 'function';
}
