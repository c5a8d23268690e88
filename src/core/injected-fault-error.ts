import { isBreakerError, withoutStack } from './errors.ts';

/** Survives two copies of this package in one process. */
const brand = Symbol.for('otel-breaker.injected');

/** The code of an injected error for which no other was asked. */
export const injectedFaultCode = 'EINJECTEDFAULT';

/**
 * What a call fails with that has met an injected fault: an error in the place of the dependency's, or the end of an injection that
 * had kept it hanging. The dependency has not been asked. It is no refusal of a breaker's (`isBreakerError` says no): whoever
 * handles failures of the dependency handles this one.
 */
export class InjectedFaultError extends Error {
  /** Of the breaker whose call it was. */
  declare readonly breaker: string;
  /** `EINJECTEDFAULT`, or what was asked for, such as `ECONNRESET`. */
  declare readonly code: string;

  constructor(breaker: string, code: string, message: string) {
    super(message);
    this.breaker = breaker;
    this.code = code;
  }

  static of(breaker: string, code: string, message: string): InjectedFaultError {
    return withoutStack((about) => new InjectedFaultError(about.breaker, about.code, about.message), { breaker, code, message });
  }
}
Object.defineProperty(InjectedFaultError, 'name', { value: 'InjectedFaultError', configurable: true });
Object.defineProperty(InjectedFaultError.prototype, 'name', { value: 'InjectedFaultError', writable: true, configurable: true });
Object.defineProperty(InjectedFaultError.prototype, brand, { value: true });

/** How far to follow `cause`: `fetch` wraps what happened in a bare TypeError. */
const maxCauses = 3;

/**
 * Whether a call failed by an injected fault, as told by any copy of otel-breaker. What wraps one counts too, but no refusal of a
 * circuit that one has opened.
 */
export function isInjectedFault(error: unknown): boolean {
  for (let each = error, depth = 0; typeof each === 'object' && each !== null && depth <= maxCauses; depth += 1) {
    if ((each as { [brand]?: unknown })[brand] === true) return true;
    if (isBreakerError(each)) return false;
    each = (each as { cause?: unknown }).cause;
  }
  return false;
}
