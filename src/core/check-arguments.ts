import type { Clock } from './clock.ts';
import { ConfigError, type ConfigIssue } from './errors.ts';
import { check, type ObjectSchema } from './schema.ts';

/**
 * Checks options that code passes as plain objects, for their keys above all: a misspelt one would do nothing, without a word.
 * @param what they are of, for the message
 * @throws ConfigError naming every option at fault, its value and what is allowed
 */
export function checkArguments(what: string, schema: ObjectSchema, given: unknown, more: readonly ConfigIssue[] = []): void {
  const issues: ConfigIssue[] = [...more];
  check(schema, given, issues);
  if (issues.length > 0) throw new ConfigError(issues, what);
}

/** What is wrong with a clock that code has passed. */
export function clockIssues(clock: unknown): ConfigIssue[] {
  if (clock === undefined) return [];
  const { now, setTimer, random } = (clock ?? {}) as Partial<Clock>;
  if ([now, setTimer, random].every((each) => typeof each === 'function')) return [];
  return [{ path: 'clock', value: clock, allowed: 'an object with the functions now, setTimer and random' }];
}

/** What is wrong with the name of a breaker. */
export function nameIssues(name: unknown): ConfigIssue[] {
  return typeof name === 'string' && name !== '' ? [] : [{ path: 'name', value: name, allowed: 'a text that is not empty' }];
}
