import { isBreakerError } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import type { CallResult, Classify, Outcome } from '../core/outcome.ts';
import { reportWrongAnswer } from '../core/user-answers.ts';

/** Whether an error is a refusal by a breaker, this one or another: it says nothing of the dependency. */
export function isRejection(error: unknown): boolean {
  return isBreakerError(error) && 'retryAfterMs' in error;
}

/**
 * Whether an error is the caller's own doing: its signal was aborted and the error says so. A signal that fired as a
 * time-out (`AbortSignal.timeout`) is not: the caller would have waited, the dependency was too slow.
 */
export function isCancelled(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted !== true) return false;
  const reason: unknown = signal.reason;
  if ((reason as { name?: unknown } | null | undefined)?.name === 'TimeoutError') return false;
  if (error === reason || (error as { cause?: unknown } | null | undefined)?.cause === reason) return true;
  return (error as { name?: unknown } | null | undefined)?.name === 'AbortError';
}

const outcomes: ReadonlySet<unknown> = new Set<Outcome>(['success', 'failure', 'ignored']);

/**
 * What the user's `classify` says, `undefined` for the default. It may not change a call: its fault is reported, and so is what is no outcome
 * (a misspelt word, a promise); the default holds then.
 */
export function classified(classify: Classify | undefined, result: CallResult): Outcome | undefined {
  if (classify === undefined) return undefined;
  try {
    const outcome = classify(result);
    if (outcome === undefined || outcomes.has(outcome)) return outcome;
    reportWrongAnswer(classify, outcome, 'classify', 'success, failure, ignored or undefined');
  } catch (fault) {
    reportFault(fault, 'classify');
  }
  return undefined;
}

export function judgeValue(value: unknown, classify: Classify | undefined): Outcome {
  return classify === undefined ? 'success' : (classified(classify, { ok: true, value }) ?? 'success');
}

export function judgeError(error: unknown, classify: Classify | undefined, signal: AbortSignal | undefined): Outcome | 'cancelled' {
  try {
    if (isCancelled(error, signal)) return 'cancelled';
    if (isRejection(error)) return 'ignored';
  } catch {
    // An error that cannot even be read (a proxy, a throwing getter) is the dependency's all the same.
  }
  return classified(classify, { ok: false, error }) ?? 'failure';
}
