import type { Target } from '../core/target.ts';
import { globToRegExp, isLiteral, literalLength } from './glob.ts';
import type { Match } from './schema.ts';

/** Fields in the order in which a rule is named. */
const fields = ['system', 'server', 'operation', 'name'] as const satisfies readonly (keyof Match)[];
type Field = (typeof fields)[number];

interface Compiled<R> {
  readonly rule: R;
  readonly match: Match;
  readonly tests: readonly (readonly [Field, RegExp])[];
  /** Compared from left to right. */
  readonly weight: readonly [exactName: number, literalFields: number, literalCharacters: number, position: number];
}

/**
 * Finds the rules for a breaker. All rules that match apply, laid over each other from the least to the most specific:
 * a rule that gives the exact name is more specific than any that does not; then the one with more fields without a
 * wildcard; then the one with more characters that are no wildcard; of equals the later.
 */
export class Matcher<R extends { readonly match: Match }> {
  /** From the least to the most specific. */
  readonly #rules: readonly Compiled<R>[];

  constructor(rules: readonly R[]) {
    this.#rules = rules.map(compile).sort((a, b) => compare(a.weight, b.weight));
  }

  /** The rules for a breaker, from the least to the most specific. */
  matching(name: string, target: Target = {}): R[] {
    return this.#rules
      .filter(({ tests }) => tests.every(([field, pattern]) => texts(field, name, target).some((text) => pattern.test(text))))
      .map(({ rule }) => rule);
  }

  /** The less specific rules that match whatever this one matches, as far as the patterns alone can tell. */
  below(rule: R): R[] {
    const index = this.#rules.findIndex((compiled) => compiled.rule === rule);
    return this.#rules
      .slice(0, Math.max(0, index))
      .filter((other) => other.tests.every(([field, pattern]) => covers(other.match[field] as string, pattern, rule.match[field])))
      .map((other) => other.rule);
  }
}

/** A rule's match in words: `system: redis, operation: write`. */
export function describeMatch(match: Match): string {
  const given = fields.filter((field) => match[field] !== undefined).map((field) => `${field}: ${match[field]}`);
  return given.length === 0 ? 'all' : given.join(', ');
}

function compile<R extends { readonly match: Match }>(rule: R, position: number): Compiled<R> {
  const given = fields.flatMap((field) => (rule.match[field] === undefined ? [] : [[field, rule.match[field]] as const]));
  return {
    rule,
    match: rule.match,
    // Host names have no letter case; keys, databases and operations may.
    tests: given.map(([field, glob]) => [field, globToRegExp(glob, field === 'server' || field === 'system' ? 'i' : '')]),
    weight: [
      rule.match.name !== undefined && isLiteral(rule.match.name) ? 1 : 0,
      given.filter(([, glob]) => isLiteral(glob)).length,
      given.reduce((sum, [, glob]) => sum + literalLength(glob), 0),
      position,
    ],
  };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const first = a.findIndex((value, index) => value !== b[index]);
  return first === -1 ? 0 : (a[first] as number) - (b[first] as number);
}

function covers(glob: string, pattern: RegExp, other: string | undefined): boolean {
  return other !== undefined && (glob === other || (isLiteral(other) && pattern.test(other)));
}

function texts(field: Field, name: string, target: Target): string[] {
  if (field === 'name') return [name];
  if (field !== 'server') return target[field] === undefined ? [] : [target[field]];
  const { address, port, server } = target;
  const found = server === undefined ? [] : [server];
  if (address !== undefined) {
    found.push(address);
    if (port !== undefined) found.push(`${address.includes(':') ? `[${address}]` : address}:${port}`);
  }
  return found;
}
