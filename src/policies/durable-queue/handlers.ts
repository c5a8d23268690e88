import { isBreakerError } from '../../core/errors.ts';
import { isInjectedFault } from '../../core/injected-fault-error.ts';

/** What an error of an attempt says: the server cannot be reached; it works and will never take this entry; or one may try again. */
export type AttemptVerdict = 'unavailable' | 'poison' | 'retry';

/** What an attempt is told beside the payload. */
export interface AttemptContext {
  readonly keys: readonly string[];
  /** ms since the write was queued, earlier processes included: for times that count from then. */
  readonly ageMs: number;
  /** From 1; counts only failures on a working server. */
  readonly attempt: number;
}

/** Carries out what was queued under its name. */
export interface QueueHandler<P = unknown> {
  /** Must settle; the next write of the same key waits for it. */
  deliver(payload: P, context: AttemptContext): unknown;
  /** Default: refusals and time-outs of a breaker are `unavailable`, so are errors of the connection; anything else is `retry`. */
  classify?(error: unknown): AttemptVerdict;
  /** Whether the server works, as far as others know; without it, successes of other entries tell. */
  healthy?(): boolean;
}

const codes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ENOTFOUND'],
  ...['EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
]);

/** Whether an error says that the other side was not reached, or cannot have been asked in vain: refusals, time-outs, broken connections. */
export function isUnavailable(error: unknown): boolean {
  if (isInjectedFault(error)) return true;
  if (isBreakerError(error)) return /^E(BREAKEROPEN|CALLTIMEOUT|BULKHEADFULL|RATELIMITED|READONLYMODE)$/.test(error.code);
  for (let each = error, depth = 0; typeof each === 'object' && each !== null && depth < 4; depth++) {
    const { code, cause } = each as { code?: unknown; cause?: unknown };
    if (typeof code === 'string' && codes.has(code)) return true;
    each = cause;
  }
  return false;
}

export function defaultVerdict(error: unknown): AttemptVerdict {
  return isUnavailable(error) ? 'unavailable' : 'retry';
}
