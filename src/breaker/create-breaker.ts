import { type BreakerOptions, resolveOptions } from '../core/options.ts';
import { Breaker, type BreakerEnvironment } from './breaker.ts';

/**
 * Makes a circuit breaker.
 * @throws ConfigError naming every option at fault, its value and what is allowed
 */
export function createBreaker(options?: BreakerOptions, environment?: BreakerEnvironment): Breaker {
  return new Breaker(resolveOptions(options), environment);
}
