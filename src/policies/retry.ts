import { isRejection } from '../breaker/judge.ts';
import { reportFault } from '../core/fault.ts';
import { type RetryEnd, RetryExhaustedError } from '../core/policy-errors.ts';
import type { ResolvedRetry } from '../core/resolve-policies.ts';
import { saysYes } from '../core/user-answers.ts';
import { backoffMs, ceilingMs } from './backoff.ts';
import type { Passage } from './passage.ts';
import type { Next, Policy } from './policy.ts';
import type { RetryBudget } from './retry-budget.ts';

/** An attempt that failed, by an error or by a result that counts as one. */
interface Failed<T> {
  readonly error: unknown;
  readonly value?: { readonly of: T };
}

/** Why an attempt is not repeated: it was not one to repeat, or all has been tried that may be. */
type Verdict = { readonly waitMs: number } | 'final' | RetryEnd;

/**
 * Repeats failed attempts of idempotent calls. A refusal by the breaker is repeated only when the circuit asks for no longer
 * a wait than the one that was due anyway: an open circuit is there to fail fast.
 */
export class Retry implements Policy {
  readonly name = 'retry';

  constructor(
    private readonly options: ResolvedRetry,
    private readonly budget: RetryBudget | undefined,
  ) {}

  async around<T>(passage: Passage<T>, next: Next): Promise<T> {
    this.budget?.deposit();
    passage.mayRepeat();
    let previousMs = this.options.backoffMs;
    for (;;) {
      const result = await this.#once(passage, next);
      if ('good' in result) {
        passage.countAttempts('success');
        return result.good;
      }
      const verdict = this.#judge(passage, result.error, previousMs);
      if (typeof verdict === 'string') return this.#giveUp(passage, result, verdict);
      previousMs = verdict.waitMs;
      if (result.value !== undefined) passage.discard(result.value.of);
      passage.tell((trace) => trace.repeated(passage.number, result.error, verdict.waitMs));
      await this.#wait(passage, verdict.waitMs);
    }
  }

  async #once<T>(passage: Passage<T>, next: Next): Promise<Failed<T> | { readonly good: T }> {
    try {
      const value = await next(passage);
      const error = passage.failureOf(value);
      return error === undefined ? { good: value } : { error, value: { of: value } };
    } catch (error) {
      return { error };
    }
  }

  #giveUp<T>(passage: Passage<T>, { error, value }: Failed<T>, verdict: 'final' | RetryEnd): T {
    const { call, number } = passage;
    passage.countAttempts(passage.outcomeOf(error));
    if (value !== undefined) {
      passage.lastFailure = { error };
      return value.of;
    }
    const wrapped = verdict !== 'final' && number > 1 && call.keepsErrors !== true && !isRejection(error);
    throw wrapped ? RetryExhaustedError.of(call.breaker.name, number, error, verdict) : error;
  }

  async #wait<T>(passage: Passage<T>, ms: number): Promise<void> {
    try {
      await passage.wait(ms);
    } catch (reason) {
      passage.countAttempts(reason === passage.overdue ? 'failure' : 'cancelled');
      throw reason;
    }
  }

  #judge<T>(passage: Passage<T>, error: unknown, previousMs: number): Verdict {
    const { call, clock } = passage;
    if (passage.overdue !== undefined || call.signal?.aborted === true) return 'final';
    const refused = isRejection(error);
    if (!refused && !call.idempotent && !this.options.nonIdempotent) return 'final';
    if (!this.#isWorthRepeating(passage, error, refused)) return 'final';
    if (passage.number >= this.options.attempts) return 'attempts';
    const waitMs = this.#waitMs(passage, error, refused, previousMs);
    const now = clock.now();
    // To wait for an attempt that cannot be made would only hide the error.
    if (waitMs === undefined || now + waitMs >= passage.deadline) return 'wait';
    return this.budget === undefined || this.budget.withdraw(now) ? { waitMs } : 'budget';
  }

  #isWorthRepeating<T>(passage: Passage<T>, error: unknown, refused: boolean): boolean {
    const { retryIf } = this.options;
    try {
      if (retryIf !== undefined) return saysYes(retryIf(error, passage.number), retryIf, 'retryIf');
      return refused || (passage.outcomeOf(error) === 'failure' && passage.call.isTransient?.(error) !== false);
    } catch (fault) {
      reportFault(fault, 'retryIf');
      return false;
    }
  }

  /** `undefined`: whoever refused asks for a longer wait than we have patience for. */
  #waitMs<T>(passage: Passage<T>, error: unknown, refused: boolean, previousMs: number): number | undefined {
    const asked = askedMs(error);
    if (refused && (asked === undefined || asked > ceilingMs(this.options, passage.number))) return undefined;
    if (asked !== undefined && asked > this.options.maxBackoffMs) return undefined;
    return Math.max(asked ?? 0, backoffMs(this.options, passage.number, passage.clock.random(), previousMs));
  }
}

/** What an error says of when to come again: a server's Retry-After, the rest of a circuit's open time. */
function askedMs(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  try {
    const { retryAfterMs } = error as { retryAfterMs?: unknown };
    return typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined;
  } catch {
    return undefined;
  }
}
