import { reportFault } from './fault.ts';

/** Functions of the user's that have been told of. */
const told = new WeakSet<object>();

/** Reports, once for each function of the user's, that it answers what it may not: with one call it does so with every other. */
export function reportWrongAnswer(by: object, answer: unknown, where: string, allowed: string): void {
  quiet(answer);
  if (told.has(by)) return;
  told.add(by);
  reportFault(new TypeError(`${where} must return ${allowed}, not ${isThenable(answer) ? 'a promise' : inWords(answer)}`), where);
}

/** Whether a predicate of the user's says yes. A promise is no answer: it comes too late, and as a value would always read as yes. */
export function saysYes(answer: unknown, by: object, where: string): boolean {
  if (!isThenable(answer)) return Boolean(answer);
  reportWrongAnswer(by, answer, where, 'true or false');
  return false;
}

function isThenable(answer: unknown): boolean {
  try {
    return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';
  } catch {
    return false;
  }
}

/** What a promise that nobody wants comes to must not end the process. */
function quiet(answer: unknown): void {
  if (isThenable(answer)) Promise.resolve(answer).catch(() => undefined);
}

function inWords(answer: unknown): string {
  try {
    return String(answer);
  } catch {
    return typeof answer;
  }
}
