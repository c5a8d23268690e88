import type { Passage } from './passage.ts';

/** What stands further in: the next policy, or at last the attempt. */
export type Next = <T>(passage: Passage<T>) => Promise<T>;

/**
 * One policy. It may let the call through (`next`), more than once, or answer it, or refuse it by throwing. Whatever it holds
 * for the call it gives back before it settles. It must not throw for a fault of its own.
 */
export interface Policy {
  readonly name: string;
  around<T>(passage: Passage<T>, next: Next): Promise<T>;
}

const innermost: Next = (passage) => passage.attempt();

/** Makes one function of policies given from the outside in. */
export function chain(policies: readonly Policy[]): Next {
  return policies.reduceRight<Next>((next, policy) => (passage) => policy.around(passage, next), innermost);
}
