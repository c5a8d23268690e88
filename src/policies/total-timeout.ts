import { CallTimeoutError, withoutStack } from '../core/errors.ts';
import type { Passage } from './passage.ts';
import type { Next, Policy } from './policy.ts';

/**
 * Bounds a call with all its attempts and the waits between them. The caller is answered in time whether or not the attempt
 * under way can be aborted; what becomes of that is its own breaker's concern. Each call has a signal and a deadline of its
 * own: one that runs out of time ends no other.
 */
export class TotalTimeout implements Policy {
  readonly name = 'total-timeout';

  constructor(private readonly totalMs: number) {}

  around<T>(passage: Passage<T>, next: Next): Promise<T> {
    const { clock, call } = passage;
    const { totalMs } = this;
    passage.bound(clock.now() + totalMs);
    return new Promise<T>((resolve, reject) => {
      const timer = clock.setTimer(
        () => {
          const error = withoutStack((ms) => new CallTimeoutError(call.breaker.name, ms), totalMs);
          reject(error);
          passage.countAttempts('failure');
          passage.tell((trace) => trace.timedOut(totalMs));
          passage.expire(error);
        },
        totalMs,
        true,
      );
      next(passage).then(
        (value) => {
          timer.cancel();
          passage.release();
          if (passage.overdue === undefined) resolve(value);
          else passage.discard(value);
        },
        (error: unknown) => {
          timer.cancel();
          passage.release();
          reject(error);
        },
      );
    });
  }
}
