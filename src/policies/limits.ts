import type { Breaker } from '../breaker/breaker.ts';
import { type ExecutionRejectedError, type RejectionReason, withoutStack } from '../core/errors.ts';
import { BulkheadFullError, RateLimitedError, ReadOnlyModeError } from '../core/policy-errors.ts';
import type { Bulkhead, Full } from './bulkhead.ts';
import type { Passage } from './passage.ts';
import type { Next, Policy } from './policy.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** Counted and told of as the breaker's own refusals are. `false`: the breaker refuses nothing, so the call is made. */
function refuses(breaker: Breaker, reason: RejectionReason, retryAfterMs?: number): boolean {
  return breaker.countRefusal(reason, retryAfterMs);
}

function rejectionOf(breaker: Breaker, reason: RejectionReason, retryAfterMs?: number) {
  return { breaker: breaker.name, state: breaker.state, reason, retryAfterMs, cause: undefined };
}

/** The refusal of a write while writes are switched off; `undefined` where the breaker only watches. */
export function refuseWrite(breaker: Breaker): ExecutionRejectedError | undefined {
  return refuses(breaker, 'read_only') ? ReadOnlyModeError.of(rejectionOf(breaker, 'read_only')) : undefined;
}

/** Takes a call's place in the rate, or returns its refusal. */
export function takeRate(breaker: Breaker, limiter: RateLimiter): ExecutionRejectedError | undefined {
  const waitMs = limiter.take(breaker.clock.now());
  if (waitMs === 0 || !refuses(breaker, 'rate_limited', waitMs)) return undefined;
  return RateLimitedError.of(rejectionOf(breaker, 'rate_limited', waitMs));
}

/** Takes a place in the bulkhead, or returns the refusal. The place is to be given back by `bulkhead.leave()`. */
export async function takePlace(
  breaker: Breaker,
  bulkhead: Bulkhead,
  signal: AbortSignal | undefined,
  within: <R>(fn: () => R) => R = (fn) => fn(),
): Promise<ExecutionRejectedError | undefined> {
  const entered = bulkhead.take() || (breaker.onlyWatches ? 'full' : await bulkhead.wait(signal));
  return entered === true ? undefined : within(() => refusePlace(breaker, bulkhead, entered));
}

function refusePlace(breaker: Breaker, bulkhead: Bulkhead, why: Full): ExecutionRejectedError | undefined {
  if (refuses(breaker, 'bulkhead_full')) {
    const rejection = rejectionOf(breaker, 'bulkhead_full');
    return why === 'waited' ? BulkheadFullError.waited(rejection, bulkhead.queueTimeoutMs) : BulkheadFullError.of(rejection, bulkhead.limit);
  }
  bulkhead.force();
  return undefined;
}

/** The refusal of a call that would land elsewhere by now. Not counted: no limit has refused it. @param what has come of its connection while it waited */
export function overtaken(breaker: Breaker, what: string): ExecutionRejectedError {
  const rejection = rejectionOf(breaker, 'bulkhead_full');
  return withoutStack((about) => new BulkheadFullError(`${about.breaker}: while the call waited for its place, ${what}`, about), rejection);
}

/** Bounds calls per time. */
export class RateLimit implements Policy {
  readonly name = 'rate-limit';

  constructor(private readonly limiter: RateLimiter) {}

  around<T>(passage: Passage<T>, next: Next): Promise<T> {
    const refusal = passage.enter(() => takeRate(passage.call.breaker, this.limiter));
    if (refusal === undefined) return next(passage);
    passage.refused();
    return Promise.reject(refusal);
  }
}

/** Bounds calls at a time. The place is free again when the caller is answered. */
export class BulkheadPolicy implements Policy {
  readonly name = 'bulkhead';

  constructor(private readonly bulkhead: Bulkhead) {}

  async around<T>(passage: Passage<T>, next: Next): Promise<T> {
    const { breaker, signal } = passage.call;
    // A free place costs no turn.
    const refusal = this.bulkhead.take() ? undefined : await takePlace(breaker, this.bulkhead, signal, (fn) => passage.enter(fn));
    if (refusal !== undefined) {
      passage.refused();
      throw refusal;
    }
    try {
      return await next(passage);
    } finally {
      this.bulkhead.leave();
    }
  }
}
