import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Timer } from '../../src/core/clock.ts';
import { CallTimeoutError, withoutStack } from '../../src/core/errors.ts';
import type { PolicyTrace } from '../../src/core/tracer.ts';
import { isolated } from '../shared/isolated.ts';

/** A timer this late, in ms, says that the event loop was blocked: an answer that has come is read before anybody is given up. */
const LATE_MS = 50;

/** How long a call may take, in ms. Where nothing is refused, nobody is given up either. */
export function timeLimitOf(breaker: Breaker): number | undefined {
  const { timeoutMs } = breaker.options;
  return timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY || breaker.onlyWatches ? undefined : timeoutMs;
}

/**
 * Gives up a call when its time is over, unless cancelled before, or nobody is to be given up any more.
 * @param alone no policies are around the call, whose span would tell of it. To be called in the caller's context
 */
export function deadline(breaker: Breaker, ms: number, alone: boolean, giveUp: (error: CallTimeoutError) => void): Timer {
  const { clock } = breaker;
  const trace = alone ? traceOf(breaker) : undefined;
  const due = clock.now() + ms;
  const over = (): void => {
    if (breaker.onlyWatches) return;
    const error = withoutStack((limit: number) => new CallTimeoutError(breaker.name, limit), ms);
    giveUp(error);
    if (trace === undefined) return;
    isolated('telling of a time-out', () => {
      trace.timedOut(ms);
      trace.ended('failure', error);
    });
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

function traceOf(breaker: Breaker): PolicyTrace | undefined {
  let trace: PolicyTrace | undefined;
  isolated('tracing a call', () => {
    trace = breaker.tracer?.around?.(breaker);
  });
  return trace;
}
