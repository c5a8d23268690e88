import type { Breaker } from '../breaker/breaker.ts';
import type { TransitionEvent } from '../breaker/events.ts';
import type { LastTrip } from '../breaker/snapshot.ts';
import { errorType } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { policyMetersOf } from '../policies/compose.ts';
import { fallbackTypes } from '../policies/meters.ts';
import type { Registry } from '../registry/registry.ts';
import { isoTime } from './wall-time.ts';
import type { BreakerCounts, BreakerView, ErrorCount, LastTripView, PoolView, TargetView, TransitionView } from './wire.ts';

/** Kinds of error that a view lists. */
const maxErrors = 8;

export function breakerView(breaker: Breaker): BreakerView {
  const { options } = breaker;
  const { target, rule, circuit, retryAfterMs, degraded, lastTrip, heldReason, injected, generation: _, ...rest } = breaker.snapshot();
  const fallbacks = fallbacksOf(breaker);
  const limits = {
    ...(options.failureRatio !== undefined && { failureRatioLimit: options.failureRatio }),
    ...(options.slowCallMs !== undefined && options.slowRatio !== undefined && { slowRatioLimit: options.slowRatio }),
  };
  return {
    ...rest,
    ...limits,
    target: targetView(target),
    minimumCalls: options.minimumCalls,
    lastErrors: errorsOf(breaker),
    ...(circuit !== undefined && { circuit }),
    ...(rule !== undefined && { rule }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(degraded !== undefined && { degraded }),
    ...(lastTrip !== undefined && { lastTrip: tripView(lastTrip) }),
    ...(heldReason !== undefined && { heldReason }),
    ...(fallbacks !== undefined && { fallbacks }),
    ...(injected && { injected }),
  };
}

export function targetView({ system, address, port, namespace, operation, server }: Target): TargetView {
  return {
    ...(system !== undefined && { system }),
    ...(address !== undefined && { address }),
    ...(port !== undefined && { port }),
    ...(namespace !== undefined && { namespace }),
    ...(operation !== undefined && { operation }),
    ...(server !== undefined && { server }),
  };
}

function tripView({ trigger, agoMs, value, limit, errorType }: LastTrip): LastTripView {
  return {
    trigger,
    agoMs,
    ...(value !== undefined && { value }),
    ...(limit !== undefined && { limit }),
    ...(errorType !== undefined && { errorType }),
  };
}

function errorsOf({ meters }: Breaker): ErrorCount[] {
  const found: ErrorCount[] = [];
  for (const { errorType, count } of meters.durations.values()) if (errorType !== undefined && count > 0) found.push({ errorType, count });
  return found.sort((a, b) => b.count - a.count).slice(0, maxErrors);
}

function fallbacksOf(breaker: Breaker): Record<string, number> | undefined {
  const meters = policyMetersOf(breaker);
  if (meters === undefined) return undefined;
  const served = fallbackTypes.map((type) => [type, meters.fallbacks(type, 'success')] as const).filter(([, count]) => count > 0);
  return served.length === 0 ? undefined : Object.fromEntries(served);
}

export function poolViews(registry: Registry): PoolView[] {
  return [...registry.pools.read()].map(([seat, { used, idle, limit, waiting }]) => ({
    name: seat.name,
    target: targetView(seat.target),
    used,
    idle,
    // Without a limit of its own a pool says Infinity, which JSON does not know.
    limit: Number.isFinite(limit) ? limit : -1,
    waiting,
    timeouts: seat.timeouts,
  }));
}

export function transitionView(event: TransitionEvent): TransitionView {
  const { breaker, from, to, trigger, value, limit, error, reason, shadow, openForMs, injected } = event;
  return {
    breaker: breaker.name,
    at: isoTime(Math.max(0, breaker.clock.now() - event.at)),
    from,
    to,
    trigger,
    ...(value !== undefined && { value }),
    ...(limit !== undefined && { limit }),
    ...(error !== undefined && { errorType: errorType(error) }),
    ...(reason !== undefined && { reason }),
    ...(shadow && { shadow }),
    ...(openForMs !== undefined && { openForMs }),
    ...(injected && { injected }),
  };
}

export function countsOf(breakers: readonly Breaker[]): BreakerCounts {
  const counts = { total: breakers.length, closed: 0, open: 0, half_open: 0, forced_open: 0, disabled: 0, shadow: 0 };
  for (const { state } of breakers) counts[state] += 1;
  return counts;
}
