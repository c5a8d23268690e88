import type { Breaker } from '../breaker/breaker.ts';
import type { Permit } from '../breaker/permit.ts';
import type { Bulkhead } from './bulkhead.ts';
import { policiesOf } from './compose.ts';
import { degradedModeOf } from './degraded.ts';
import { refuseWrite, takePlace, takeRate } from './limits.ts';
import { isRead } from './policy-call.ts';

export interface EnterOptions {
  /** Ends the wait for a place, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The class of operation: `read`, `write`, ... Unsaid counts as a write. */
  readonly operation?: string;
}

/** The right to make one call, with its place in the bulkhead. Settles once, and gives the place back with it. */
export class Scope implements Disposable {
  #held = true;

  /** @internal */
  constructor(
    readonly permit: Permit<Breaker>,
    private readonly bulkhead: Bulkhead | undefined,
  ) {}

  /** The call succeeded. */
  succeed(): void {
    this.permit.succeed();
    this.#leave();
  }

  /** The call failed, and the dependency is to blame. */
  fail(error: unknown): void {
    this.permit.fail(error);
    this.#leave();
  }

  /** The call proves nothing about the dependency. */
  ignore(): void {
    this.permit.ignore();
    this.#leave();
  }

  [Symbol.dispose](): void {
    this.permit[Symbol.dispose]();
    this.#leave();
  }

  #leave(): void {
    if (!this.#held) return;
    this.#held = false;
    this.bulkhead?.leave();
  }
}

/**
 * For code that is no function to wrap: passes the degraded mode, the rate limit, the bulkhead and the breaker, in this order.
 * What repeats, times out or answers calls has no part in it.
 *
 * ```ts
 * using scope = await enter(breaker, { operation: 'write', signal });
 * ```
 * @throws ReadOnlyModeError, RateLimitedError, BulkheadFullError, BreakerOpenError; the signal's reason
 */
export async function enter(breaker: Breaker, options: EnterOptions = {}): Promise<Scope> {
  options.signal?.throwIfAborted();
  const bulkhead = await passLimits(breaker, options);
  const permit = breaker.tryAcquire();
  if (permit !== undefined) return new Scope(permit, bulkhead);
  bulkhead?.leave();
  throw breaker.rejection();
}

async function passLimits(breaker: Breaker, { signal, operation }: EnterOptions): Promise<Bulkhead | undefined> {
  const policies = policiesOf(breaker);
  const mode = degradedModeOf(breaker);
  if (policies === undefined || mode === 'bypass') return undefined;
  const { rateLimiter, bulkhead } = policies;
  const refusal = (mode !== 'off' && !isRead(operation) ? refuseWrite(breaker) : undefined) ?? (rateLimiter && takeRate(breaker, rateLimiter));
  if (refusal !== undefined) throw refusal;
  const full = bulkhead && (await takePlace(breaker, bulkhead, signal));
  if (full !== undefined) throw full;
  return bulkhead;
}
