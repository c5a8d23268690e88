import { createBreaker } from '../../src/breaker/create-breaker.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import type { Policies } from '../../src/policies/compose.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import type { Attempt, PolicyCall } from '../../src/policies/policy-call.ts';
import { ManualClock } from '../../src/testing.ts';

export const down = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** Lets everything that waits for nothing but its turn go on. */
export async function turns(count = 20): Promise<void> {
  for (let n = 0; n < count; n += 1) await Promise.resolve();
}

/** A promise to settle by hand. */
export function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** How a promise stands: `pending`, or what it came to. */
export async function standing<T>(promise: Promise<T>): Promise<'pending' | { value: T } | { error: unknown }> {
  const open = Symbol('open');
  await turns();
  const settled = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const first = await Promise.race([settled, turns().then(() => open)]);
  return first === open ? 'pending' : (first as { value: T } | { error: unknown });
}

export type CallExtras<T> = Partial<Omit<PolicyCall<T>, 'breaker' | 'attempt'>>;

/** A breaker on a manual clock whose circuit stays shut unless told otherwise, and calls through its policies. */
export function bench(options: BreakerOptions = {}) {
  const clock = new ManualClock();
  const breaker = createBreaker({ name: 'billing', failureRatio: undefined, ...options }, { clock });
  const run = <T>(attempt: (attempt: Attempt) => PromiseLike<T> | T, extras: CallExtras<T> = {}): Promise<T> => {
    const call: PolicyCall<T> = {
      breaker,
      idempotent: true,
      operation: 'read',
      ...extras,
      attempt: (each) => breaker.run(() => attempt(each), { signal: extras.signal }),
    };
    return (policiesOf(breaker) as Policies).run(call);
  };
  return { clock, breaker, run, policies: () => policiesOf(breaker) as Policies };
}
