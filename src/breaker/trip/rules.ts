import type { ResolvedOptions } from '../../core/options.ts';
import type { TripRule } from '../../core/trip-rule.ts';
import { consecutiveFailures, failureCount } from './count-rules.ts';
import { failureRatio, slowRatio } from './ratio-rules.ts';

/** The rules that the options switch on, in the order in which they are asked; the first that fires is the trigger. */
export function tripRules(options: ResolvedOptions): readonly TripRule[] {
  const rules: TripRule[] = [];
  if (options.consecutiveFailures !== undefined) rules.push(consecutiveFailures(options.consecutiveFailures));
  if (options.failureCount !== undefined) rules.push(failureCount(options.failureCount));
  if (options.failureRatio !== undefined) rules.push(failureRatio(options.failureRatio));
  if (options.slowCallMs !== undefined && options.slowRatio !== undefined) rules.push(slowRatio(options.slowRatio));
  return [...rules, ...options.rules];
}
