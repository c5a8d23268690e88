import { checkArguments, clockIssues } from '../core/check-arguments.ts';
import { type BreakerOptions, resolveOptions } from '../core/options.ts';
import type { ObjectSchema, Schema } from '../core/schema.ts';
import { Breaker, type BreakerEnvironment } from './breaker.ts';

const any = { kind: 'any' } as const;
const schema: ObjectSchema = {
  kind: 'object',
  properties: {
    ...{ clock: any, target: any, rule: { kind: 'string' }, tracer: any },
    ...{ shared: { kind: 'boolean' }, verify: { kind: 'function' } },
  } satisfies Record<keyof BreakerEnvironment, Schema>,
};

/**
 * Makes a circuit breaker.
 * @throws ConfigError naming every option at fault, its value and what is allowed
 */
export function createBreaker(options?: BreakerOptions, environment?: BreakerEnvironment): Breaker {
  if (environment !== undefined) checkArguments('environment of a breaker', schema, environment, clockIssues(environment.clock));
  return new Breaker(resolveOptions(options), environment);
}
