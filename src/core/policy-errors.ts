import { BreakerError, ExecutionRejectedError, type Rejection, withoutStack } from './errors.ts';

/** Refused because as many calls as allowed are under way, and as many wait. */
export class BulkheadFullError extends ExecutionRejectedError {
  declare readonly code: 'EBULKHEADFULL';

  static of(rejection: Rejection, limit: number): BulkheadFullError {
    return withoutStack(
      (about) => new BulkheadFullError(`${about.breaker}: ${limit} calls are under way, and no place is left to wait`, about),
      rejection,
    );
  }

  static waited(rejection: Rejection, waitedMs: number): BulkheadFullError {
    return withoutStack((about) => new BulkheadFullError(`${about.breaker}: no place became free within ${waitedMs} ms`, about), rejection);
  }
}

/** Refused because there have been as many calls as the limit allows. */
export class RateLimitedError extends ExecutionRejectedError {
  declare readonly code: 'ERATELIMITED';

  static of(rejection: Rejection): RateLimitedError {
    const wait = Math.ceil(rejection.retryAfterMs ?? 0);
    return withoutStack((about) => new RateLimitedError(`${about.breaker}: over the rate limit, retry in ${wait} ms`, about), rejection);
  }
}

/** A write that was refused because writes are switched off for the time being. */
export class ReadOnlyModeError extends ExecutionRejectedError {
  declare readonly code: 'EREADONLYMODE';

  static of(rejection: Rejection): ReadOnlyModeError {
    return withoutStack((about) => new ReadOnlyModeError(`${about.breaker}: read-only for the time being, the write was not made`, about), rejection);
  }
}

/** What put an end to the repetitions: no attempt left, no budget, or too long a wait until the next one. */
export type RetryEnd = 'attempts' | 'budget' | 'wait';

const endings: Readonly<Record<RetryEnd, string>> = {
  attempts: '',
  budget: ' and the retry budget is spent',
  wait: ' and the next would come too late',
};

/** Every attempt failed; `cause` is what the last one failed with. */
export class RetryExhaustedError extends BreakerError {
  declare readonly code: 'ERETRYEXHAUSTED';

  constructor(
    readonly breaker: string,
    /** How many were made, the first included. */
    readonly attempts: number,
    cause: unknown,
    readonly endedBy: RetryEnd = 'attempts',
  ) {
    super(`${breaker}: ${attempts} attempts failed${endings[endedBy]}, the last one with: ${messageOf(cause)}`, { cause });
  }

  static of(breaker: string, attempts: number, cause: unknown, endedBy?: RetryEnd): RetryExhaustedError {
    return withoutStack((last) => new RetryExhaustedError(breaker, attempts, last, endedBy), cause);
  }
}

/** The call failed, and so did every other way to its answer. */
export class AllTiersFailedError extends BreakerError {
  declare readonly code: 'EALLTIERSFAILED';

  constructor(
    readonly breaker: string,
    /** What the call itself failed with, then what each tier failed with or was skipped for, in the order tried. */
    readonly errors: readonly unknown[],
    /** The names of the tiers, in the order tried. */
    readonly tiers: readonly string[],
  ) {
    super(`${breaker}: the call and every tier failed (${tiers.join(', ')}), the call with: ${messageOf(errors[0])}`, { cause: errors[0] });
  }

  static of(breaker: string, errors: readonly unknown[], tiers: readonly string[]): AllTiersFailedError {
    return withoutStack((all) => new AllTiersFailedError(breaker, all, tiers), errors);
  }
}

/** A result that counts as a failure, where a policy needs an error to speak of. The caller gets the result itself. */
export class FailedResultError extends BreakerError {
  declare readonly code: 'EFAILEDRESULT';

  constructor(
    readonly breaker: string,
    readonly value: unknown,
  ) {
    super(`${breaker}: the result counts as a failure`);
  }

  static of(breaker: string, value: unknown): FailedResultError {
    return withoutStack((result) => new FailedResultError(breaker, result), value);
  }
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'an error that cannot be read';
  }
}

for (const [type, name, code] of [
  [BulkheadFullError, 'BulkheadFullError', 'EBULKHEADFULL'],
  [RateLimitedError, 'RateLimitedError', 'ERATELIMITED'],
  [ReadOnlyModeError, 'ReadOnlyModeError', 'EREADONLYMODE'],
  [RetryExhaustedError, 'RetryExhaustedError', 'ERETRYEXHAUSTED'],
  [AllTiersFailedError, 'AllTiersFailedError', 'EALLTIERSFAILED'],
  [FailedResultError, 'FailedResultError', 'EFAILEDRESULT'],
] as const) {
  // Said, not read: bundlers rename classes.
  Object.defineProperty(type, 'name', { value: name, configurable: true });
  Object.defineProperty(type.prototype, 'code', { value: code });
  Object.defineProperty(type.prototype, 'name', { value: name, writable: true, configurable: true });
}
