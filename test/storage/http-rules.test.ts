import { beforeAll, describe, expect, test } from 'vitest';
import { createCodec } from '../../src/policies/stale-cache/codec.ts';
import { type HttpHead, type HttpRecord, type HttpRules, httpRules } from '../../src/storage/http-rules.ts';

let now = 1_700_000_000_000;
let rules: HttpRules;
const codec = createCodec();
beforeAll(async () => {
  rules = await httpRules(() => now);
});

const request = (headers: Record<string, string> = {}): HttpHead => ({ method: 'GET', url: 'http://h/a', headers: { host: 'h', ...headers } });
const keep = (cacheControl: string | undefined, more: Record<string, string> = {}, asked = request(), shared = true) => {
  const headers = { ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }), ...more };
  const record = rules.keep(asked, { status: 200, headers }, shared);
  return record && (codec.decode(codec.encode(record)) as HttpRecord);
};
const ageLater = (record: HttpRecord | undefined, seconds: number, asked = request()): number | undefined => {
  now += seconds * 1_000;
  const age = rules.mayServe(record as HttpRecord, asked);
  now -= seconds * 1_000;
  return age;
};

describe('the rules of HTTP caching', () => {
  test.each([
    ['no directives', undefined],
    ['a life of its own', 'max-age=10'],
    ['a bound that is not passed', 'max-age=10, stale-if-error=600'],
    ['private, which is not for shared caches, to its owner', 'private, max-age=10'],
  ])('let a stale answer stand in for an error with %s', (what, cacheControl) => {
    const record = keep(cacheControl, {}, request(), !what.startsWith('private'));
    expect(ageLater(record, 5)).toBe(5);
    expect(ageLater(record, 300)).toBe(300);
  });

  test.each(['no-cache', 'max-age=10, must-revalidate', 'max-age=10, proxy-revalidate', 's-maxage=10', 'max-age=10, stale-if-error=60'])(
    'do not with %s, once it is stale beyond that',
    (cacheControl) => {
      expect(ageLater(keep(cacheControl), 300)).toBeUndefined();
    },
  );

  test.each([
    ['no-store', keep.bind(undefined, 'no-store')],
    ['private', keep.bind(undefined, 'private, max-age=10')],
    ['a cookie', keep.bind(undefined, 'max-age=10', { 'set-cookie': 'a=b' })],
    ['an Authorization', keep.bind(undefined, 'max-age=10', {}, request({ authorization: 'x' }))],
    ['a request that says no-store', keep.bind(undefined, 'max-age=10', {}, request({ 'cache-control': 'no-store' }))],
    ['POST', keep.bind(undefined, undefined, {}, { ...request(), method: 'POST' })],
  ])('keep nothing with %s', (_, make) => {
    expect(make()).toBeUndefined();
  });

  test('serve only those whose headers the answer varies with are the same', () => {
    const german = request({ 'accept-language': 'de' });
    const record = keep('max-age=10', { vary: 'Accept-Language' }, german);
    expect(ageLater(record, 60, german)).toBe(60);
    expect(ageLater(record, 60, request({ 'accept-language': 'fr' }))).toBeUndefined();
    expect(ageLater(keep('max-age=10', { vary: '*' }, german), 60, german)).toBeUndefined();
  });

  test('heed a caller who wants nothing stored, or nothing so old', () => {
    const record = keep('max-age=10');
    expect(ageLater(record, 60, request({ 'cache-control': 'no-cache' }))).toBeUndefined();
    expect(ageLater(record, 60, request({ 'cache-control': 'max-age=30' }))).toBeUndefined();
    expect(ageLater(record, 20, request({ 'cache-control': 'max-age=30' }))).toBe(20);
    expect(ageLater(record, 60, request({ 'cache-control': 'max-stale=5' }))).toBeUndefined();
  });

  test('count the age that the response came with', () => {
    expect(ageLater(keep('max-age=10', { age: '100' }), 5)).toBe(105);
  });
});
