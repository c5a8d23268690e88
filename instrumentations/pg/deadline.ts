import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Timer } from '../../src/core/clock.ts';
import { CallTimeoutError, withoutStack } from '../../src/core/errors.ts';

/** A timer this late, in ms, says that the event loop was blocked: an answer that has come is read before anybody is given up. */
const LATE_MS = 50;

/** How long a call may take, in ms. Where nothing is refused, nobody is given up either. */
export function timeLimitOf(breaker: Breaker): number | undefined {
  const { timeoutMs } = breaker.options;
  return timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY || breaker.onlyWatches ? undefined : timeoutMs;
}

/** Gives up a call when its time is over, unless cancelled before, or nobody is to be given up any more. */
export function deadline(breaker: Breaker, ms: number, giveUp: (error: CallTimeoutError) => void): Timer {
  const { clock } = breaker;
  const due = clock.now() + ms;
  const over = (): void => {
    if (!breaker.onlyWatches) giveUp(withoutStack((limit: number) => new CallTimeoutError(breaker.name, limit), ms));
  };
  let timer = clock.setTimer(
    () => {
      if (clock.now() - due > LATE_MS) timer = clock.setTimer(over, 1, true);
      else over();
    },
    ms,
    true,
  );
  return { cancel: () => timer.cancel() };
}
