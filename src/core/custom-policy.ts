/** A call, as far as a policy from elsewhere may look at it. */
export interface GuardedCall {
  /** The breaker's name. */
  readonly breaker: string;
  /** The class of operation: `read`, `write`, ... */
  readonly operation: string | undefined;
  readonly idempotent: boolean;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** What was asked, where that is known. */
  readonly args: readonly unknown[];
}

/**
 * A policy of a third party, added by the option `customPolicies`: further in than the fallback and the degraded mode, further
 * out than the limits. It may let the call through (`next`), or answer it, or refuse it by throwing. In shadow mode it is not
 * asked. A fault of its own must not become the call's: let the call through then.
 */
export interface CustomPolicy {
  readonly name: string;
  around<T>(call: GuardedCall, next: () => Promise<T>): Promise<T>;
}
