import type { CustomPolicy, GuardedCall } from '../core/custom-policy.ts';
import type { Passage } from './passage.ts';
import type { Next, Policy } from './policy.ts';

/** A third party's policy among ours. */
export class Foreign implements Policy {
  readonly name: string;

  constructor(private readonly policy: CustomPolicy) {
    this.name = policy.name;
  }

  async around<T>(passage: Passage<T>, next: Next): Promise<T> {
    const { breaker, operation, idempotent, signal, args = [] } = passage.call;
    const call: GuardedCall = { breaker: breaker.name, operation, idempotent, signal, args };
    return this.policy.around(call, () => next(passage));
  }
}
