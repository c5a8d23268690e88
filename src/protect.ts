import { Breaker } from './breaker/breaker.ts';
import { createBreaker } from './breaker/create-breaker.ts';
import type { RunOptions } from './breaker/execute.ts';
import type { BreakerOptions } from './core/options.ts';

export interface ProtectOptions extends Omit<RunOptions, 'signal'> {
  /** The breaker that guards the calls, or options to make one. */
  readonly breaker: Breaker | BreakerOptions;
}

/**
 * A function of the same signature whose calls go through a breaker; `this` is passed on.
 * @throws ConfigError for options that cannot be used
 */
export function protect<This, Args extends unknown[], R>(
  fn: (this: This, ...args: Args) => PromiseLike<R>,
  { breaker, ...options }: ProtectOptions,
): (this: This, ...args: Args) => Promise<R> {
  const guard = breaker instanceof Breaker ? breaker : createBreaker({ name: fn.name === '' ? 'breaker' : fn.name, ...breaker });
  return guard.wrap(fn, options);
}

/**
 * The same as a decorator (TC39, stage 3) for methods. All instances share the breaker.
 *
 * ```ts
 * class Billing {
 *   @Protected({ breaker })
 *   async charge(order: Order) { ... }
 * }
 * ```
 */
export function Protected(options: ProtectOptions) {
  return function decorate<This, Args extends unknown[], R>(
    method: (this: This, ...args: Args) => PromiseLike<R>,
    _context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => PromiseLike<R>>,
  ): (this: This, ...args: Args) => Promise<R> {
    return protect(method, options);
  };
}
