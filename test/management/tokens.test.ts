import { describe, expect, it } from 'vitest';
import { RateLimit } from '../../src/management/rate-limit.ts';
import { parseTokens, Tokens } from '../../src/management/tokens.ts';
import { ManualClock } from '../../src/testing.ts';

describe('tokens', () => {
  it('are named, several by commas or lines', () => {
    expect(parseTokens('alice: one ,bob:two:2\n# a comment\n\ncarol@example.com:three')).toEqual([
      { name: 'alice', secret: 'one', role: 'admin' },
      { name: 'bob', secret: 'two:2', role: 'admin' },
      { name: 'carol@example.com', secret: 'three', role: 'admin' },
    ]);
    expect(parseTokens('only-a-secret')).toEqual([{ name: 'admin', secret: 'only-a-secret', role: 'admin' }]);
  });

  it.each(['a b:hunter2', 'alice:', ':hunter2', 'alice:hunter 2', 'alice:húnter2'])('%s is refused, and the secret is not told', (text) => {
    expect(() => parseTokens(text)).toThrow(/OTEL_BREAKER_ADMIN_TOKEN\[0\]/);
    expect(() => parseTokens(text)).not.toThrow(/h[uú]nter/);
  });

  it('are known by the whole secret only', () => {
    const tokens = new Tokens(parseTokens('alice:one,bob:two'));
    expect(tokens.identify('two')).toEqual({ name: 'bob', role: 'admin' });
    for (const wrong of ['', 'tw', 'two ', 'TWO', 'bob:two']) expect(tokens.identify(wrong)).toBeUndefined();
  });
});

describe('a rate limit', () => {
  it('gives as many as it bursts, then one at a time, to each by itself', () => {
    const clock = new ManualClock();
    const limit = new RateLimit(clock, { burst: 2, everyMs: 100 });
    for (let request = 0; request < 2; request += 1) limit.take('a');
    expect([limit.waitMs('a'), limit.waitMs('b')]).toEqual([100, 0]);
    clock.advance(60);
    expect(limit.waitMs('a')).toBe(40);
    clock.advance(40);
    expect(limit.waitMs('a')).toBe(0);
    clock.advance(10_000);
    limit.take('a');
    limit.take('a');
    expect(limit.waitMs('a')).toBe(100);
  });

  it('remembers a bounded number of parties', () => {
    const limit = new RateLimit(new ManualClock(), { burst: 1, everyMs: 1_000, maxKeys: 2 });
    for (const key of ['a', 'b', 'c']) limit.take(key);
    expect([limit.waitMs('a'), limit.waitMs('b'), limit.waitMs('c')]).toEqual([0, 1_000, 1_000]);
  });
});
