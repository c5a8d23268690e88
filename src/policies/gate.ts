import type { Breaker } from '../breaker/breaker.ts';
import { degradedModeOf } from './degraded.ts';
import { refuseWrite, takeRate } from './limits.ts';
import type { RateLimiter } from './rate-limiter.ts';

/**
 * What holds for calls that may be refused but neither waited with, repeated, timed out nor answered by anything else: read-only mode and the rate
 * limit. The refusal, counted; `undefined` for a call that may go.
 */
export function gateRefusal(breaker: Breaker, { rateLimiter }: { readonly rateLimiter: RateLimiter | undefined }, reads: boolean): Error | undefined {
  const mode = degradedModeOf(breaker);
  if (mode === 'bypass') return undefined;
  return (mode !== 'off' && !reads ? refuseWrite(breaker) : undefined) ?? (rateLimiter && takeRate(breaker, rateLimiter));
}
