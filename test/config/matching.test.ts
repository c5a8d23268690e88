import { describe, expect, it } from 'vitest';
import { globToRegExp } from '../../src/config/glob.ts';
import { describeMatch, Matcher } from '../../src/config/matching.ts';
import type { Match } from '../../src/config/schema.ts';
import type { Target } from '../../src/core/target.ts';

const target: Target = { system: 'redis', address: '10.0.0.5', port: 6379, operation: 'write', server: 'redis://10.0.0.5:6379' };
const name = 'redis://10.0.0.5:6379 write';

/** The matches that apply, from the least to the most specific. */
function order(...matches: Match[]): number[] {
  const rules = matches.map((match) => ({ match }));
  return new Matcher(rules).matching(name, target).map((rule) => rules.indexOf(rule));
}

describe('globs', () => {
  it.each([
    ['redis://*', 'redis://10.0.0.5:6379 write', true],
    ['*write', 'redis://10.0.0.5:6379 write', true],
    ['10.0.0.?', '10.0.0.5', true],
    ['10.0.0.?', '10.0.0.55', false],
    ['10.0.0.5', '10x0x0x5', false],
    ['a(b)[c]{d}|^$+\\', 'a(b)[c]{d}|^$+\\', true],
    ['*', '', true],
    ['read', 'reads', false],
    ['a*b*c', 'a/b/\nc', true],
  ])('%j on %j: %s', (glob, text, matches) => expect(globToRegExp(glob).test(text)).toBe(matches));
});

describe('matching', () => {
  it.each<[Match, boolean]>([
    [{}, true],
    [{ system: 'redis' }, true],
    [{ system: 'http' }, false],
    [{ system: 'redis', operation: 'read' }, false],
    [{ server: '10.0.0.5' }, true],
    [{ server: '10.0.0.5:6379' }, true],
    [{ server: 'redis://10.0.0.5:6379' }, true],
    [{ server: '10.0.0.5:6380' }, false],
    [{ server: '10.0.0.*' }, true],
    [{ name: 'redis://10.0.0.5:6379 write' }, true],
    [{ name: 'redis://10.0.0.5:6379' }, false],
    [{ name: '* write', operation: 'w*' }, true],
  ])('%j: %s', (match, matches) => expect(order(match)).toEqual(matches ? [0] : []));

  it('does not match a field that the breaker lacks', () => {
    const matcher = new Matcher([{ match: { system: '*' } }, { match: { name: 'billing' } }]);
    expect(matcher.matching('billing')).toEqual([{ match: { name: 'billing' } }]);
  });

  it('knows host names in any letter case, and IPv6 addresses with a port', () => {
    const rules = [{ match: { server: 'API.example.com' } }, { match: { server: '[::1]:80' } }];
    const matcher = new Matcher(rules);
    expect(matcher.matching('x', { address: 'api.Example.com' })).toEqual([rules[0]]);
    expect(matcher.matching('x', { address: '::1', port: 80 })).toEqual([rules[1]]);
  });

  it('puts the rule with more exact fields on top', () => {
    expect(order({ system: 'redis', operation: 'write' }, { system: 'redis' }, {})).toEqual([2, 1, 0]);
    expect(order({ system: 'redis', operation: 'write' }, { server: 'redis://10.0.0.*', system: '*' })).toEqual([1, 0]);
  });

  it('then the one with more exact characters', () => {
    expect(order({ server: '10.0.0.*' }, { server: '10.*' })).toEqual([1, 0]);
  });

  it('of equals the later', () => expect(order({ system: 'redis' }, { system: 'redis' })).toEqual([0, 1]));

  it('and above all the one that gives the exact name', () => {
    expect(order({ name }, { system: 'redis', operation: 'write', server: '10.0.0.5' })).toEqual([1, 0]);
  });

  it('tells which rules surely lie below another', () => {
    const rules: { match: Match }[] = [
      { match: { system: 'redis' } },
      { match: { server: '10.*' } },
      { match: { system: 'redis', server: '10.0.0.5' } },
      { match: { operation: 'read' } },
    ];
    expect(new Matcher(rules).below(rules[2] as { match: Match })).toEqual([rules[1], rules[0]]);
    expect(new Matcher(rules).below(rules[0] as { match: Match })).toEqual([]);
  });

  it('names a rule by its match', () => {
    expect(describeMatch({ operation: 'write', system: 'redis' })).toBe('system: redis, operation: write');
    expect(describeMatch({})).toBe('all');
  });
});
