import type { BreakerOptions } from '../../src/core/options.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import type { PolicyCall } from '../../src/policies/policy-call.ts';
import { turns } from '../policies/harness.ts';
import { type Rig, target } from './sdk.ts';

/** Policies that do something in any call. */
export const policies: BreakerOptions = {
  failureRatio: undefined,
  consecutiveFailures: undefined,
  retry: { attempts: 3, backoffMs: 100, jitter: 'none' },
  bulkhead: { limit: 2, queue: 3 },
  totalTimeoutMs: 5_000,
};

/** A breaker with policies, and calls through them. */
export function guarded(rig: Pick<Rig, 'registry'>, options: BreakerOptions) {
  const breaker = rig.registry.get('billing', target, { defaults: {} });
  rig.registry.replace('billing', options);
  const run = <T>(attempt: PolicyCall<T>['attempt'], extras: Partial<PolicyCall<T>> = {}): Promise<T> => {
    const call: PolicyCall<T> = { breaker, idempotent: true, operation: 'read', ...extras, attempt: (each) => breaker.run(() => attempt(each)) };
    return policiesOf(breaker)?.run(call) ?? Promise.reject(new Error('no policies'));
  };
  return { breaker, run };
}

/** Lets time pass in small steps, and what comes of it happen in between. */
export async function pass(rig: Pick<Rig, 'clock'>, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await turns();
    rig.clock.advance(50);
  }
  await turns();
}
