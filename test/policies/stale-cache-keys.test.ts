import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digest, httpCacheKey, redisCacheKey, sqlCacheKey } from '../../src/policies/stale-cache/keys.ts';

const sql = { server: 'postgresql://h:5432', database: 'shop', user: 'app', text: 'SELECT $1' };
const redis = { server: 'redis://h:6379', db: 0, command: 'GET', args: ['a'] };
const http = { method: 'GET', url: 'http://h/a?b=1', headers: [] as [string, string][] };

describe('the key of a stored answer', () => {
  test('is the same for the same question', () => {
    expect(sqlCacheKey({ ...sql, values: ['1'] })).toBe(sqlCacheKey({ ...sql, values: ['1'] }));
    expect(redisCacheKey(redis)).toBe(redisCacheKey({ ...redis, command: 'get' }));
    expect(httpCacheKey(http)).toBe(httpCacheKey({ ...http, url: 'http://h/a?b=1#part' }));
  });

  test('differs by server, database, user, text, types of values and shape of rows', () => {
    const keys = [
      sqlCacheKey(sql),
      sqlCacheKey({ ...sql, server: 'postgresql://i:5432' }),
      sqlCacheKey({ ...sql, database: 'other' }),
      sqlCacheKey({ ...sql, user: 'admin' }),
      sqlCacheKey({ ...sql, user: undefined }),
      sqlCacheKey({ ...sql, text: 'SELECT $2' }),
      sqlCacheKey({ ...sql, rowMode: 'array' }),
      sqlCacheKey({ ...sql, partition: 'tenant 1' }),
      ...[1, '1', 1n, true, null, [1], ['1'], Buffer.from('1'), new Date(1), { a: 1 }, { a: '1' }].map((value) =>
        sqlCacheKey({ ...sql, values: [value] }),
      ),
      sqlCacheKey({ ...sql, values: [1, 2] }),
      sqlCacheKey({ ...sql, values: [[1, 2]] }),
    ];
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('differs by where one argument ends and the next begins', () => {
    expect(redisCacheKey({ ...redis, args: ['ab', 'c'] })).not.toBe(redisCacheKey({ ...redis, args: ['a', 'bc'] }));
    expect(redisCacheKey({ ...redis, db: 1 })).not.toBe(redisCacheKey(redis));
    expect(redisCacheKey({ ...redis, user: 'reader' })).not.toBe(redisCacheKey(redis));
  });

  test('is not made of what nobody can tell the value of', () => {
    for (const value of [() => 1, Symbol('s'), new Map(), { toPostgres: () => '1' }, new (class Point {})()]) {
      expect(sqlCacheKey({ ...sql, values: [value] })).toBeUndefined();
    }
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(sqlCacheKey({ ...sql, values: cycle })).toBeUndefined();
  });

  test('shows nothing of the question', () => {
    expect(sqlCacheKey({ ...sql, values: ['secret'] })).toMatch(/^sql:[\w-]{43}$/);
  });

  test('is the same only for questions that are the same', () => {
    const part = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string(), { maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), fc.array(part, { maxLength: 4 }), (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b) && !a.some((each) => Object.is(each, -0)) && !b.some((each) => Object.is(each, -0));
        expect(digest('x', a) === digest('x', b)).toBe(same);
      }),
    );
  });
});

describe('HTTP', () => {
  test('is cached for GET alone', () => {
    expect(httpCacheKey({ ...http, method: 'get' })).toBeDefined();
    for (const method of ['POST', 'HEAD', 'PUT', 'DELETE']) expect(httpCacheKey({ ...http, method })).toBeUndefined();
    expect(httpCacheKey({ ...http, url: 'not a url' })).toBeUndefined();
  });

  test.each([
    ['an Authorization', { headers: [['Authorization', 'Bearer x']] }],
    ['a Cookie', { headers: [['cookie', 'a=b']] }],
    ['an API key', { headers: [['X-Api-Key', 'x']] }],
    ['a session', { headers: [['x-session-id', 'x']] }],
    ['a token of a header of its own', { headers: [['x-amz-security-token', 'x']] }],
    ['a user in the URL', { url: 'http://me:pw@h/a' }],
    ['a password alone in the URL', { url: 'http://:pw@h/a' }],
    ['a token in the query', { url: 'http://h/a?b=1&access_token=x' }],
    ['a key in the query, encoded as it need not be', { url: 'http://h/a?%61pi_key=x' }],
    ['a signed URL', { url: 'http://h/a?X-Amz-Expires=60&X-Amz-Signature=x' }],
  ])('is not cached with %s, unless told whose it is', (_, change) => {
    const request = { ...http, ...(change as Partial<typeof http>) };
    expect(httpCacheKey(request)).toBeUndefined();
    const [mine, yours] = ['me', 'you'].map((partition) => httpCacheKey({ ...request, partition }));
    expect(mine).toBeDefined();
    expect(mine).not.toBe(yours);
  });

  test('is cached with headers that say nothing of the caller', () => {
    expect(
      httpCacheKey({
        ...http,
        headers: [
          ['accept', 'text/html'],
          ['traceparent', '00-1'],
        ],
      }),
    ).toBe(httpCacheKey(http));
  });
});
