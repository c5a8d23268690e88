import { describe, expect, it, vi } from 'vitest';
import { originOf, originOfInput, targetOf } from '../../../instrumentations/fetch/origin.ts';

describe('the origin of a call', () => {
  it.each([
    ['http://127.0.0.1:8080/x?y#z', 'http://127.0.0.1:8080'],
    ['http://example.com:80', 'http://example.com'],
    ['HTTPS://Example.COM:443/', 'https://example.com'],
    ['https://example.com?x=http://other.org/', 'https://example.com'],
    ['http://[::1]:9/x', 'http://[::1]:9'],
    ['  http://example.com/x', 'http://example.com'],
    ['http://us\ter:secret@example.com/x', 'http://example.com'],
    ['http://exa\tmple.com/', 'http://example.com'],
    ['http:\\\\example.com\\x', 'http://example.com'],
    ['http:example.com/x', 'http://example.com'],
    ['http://bücher.example/', 'http://xn--bcher-kva.example'],
    ['http://2130706433/', 'http://127.0.0.1'],
  ])('%j is that of %s', (url, origin) => {
    expect(originOf(url)).toBe(origin);
    // Remembered or not, the answer is the same.
    expect(originOf(url)).toBe(new URL(url.trim()).origin);
  });

  it.each([
    'data:text/plain,http://x',
    'blob:http://x/1',
    'about:blank',
    'ftp://x',
    '/relative',
    '',
    'http://',
    'http://a b/',
    'http://x:99999/',
    'http://localhost:0/x',
  ])('%j has none', (url) => {
    expect(originOf(url)).toBeUndefined();
  });

  it('is read off texts, URLs and Requests', () => {
    expect(originOfInput('http://x/1')).toBe('http://x');
    expect(originOfInput(new URL('http://x/1'))).toBe('http://x');
    expect(originOfInput(new Request('http://x/1'))).toBe('http://x');
  });

  it('is left to the original for anything else, whose toString is not ours to call', () => {
    const asText = vi.fn(() => 'http://x/');
    expect(originOfInput({ toString: asText })).toBeUndefined();
    expect(originOfInput({ url: 'http://y/', href: 'http://z/', toString: asText })).toBeUndefined();
    expect(originOfInput(undefined)).toBeUndefined();
    expect(originOfInput(7)).toBeUndefined();
    expect(asText).not.toHaveBeenCalled();
  });
});

describe('the target of an origin', () => {
  it('has address and port, the standard one where none is written', () => {
    expect(targetOf('http://127.0.0.1:8080')).toEqual({ system: 'http', address: '127.0.0.1', port: 8080, server: 'http://127.0.0.1:8080' });
    expect(targetOf('https://example.com')).toEqual({ system: 'http', address: 'example.com', port: 443, server: 'https://example.com' });
    expect(targetOf('http://[::1]')).toEqual({ system: 'http', address: '::1', port: 80, server: 'http://[::1]' });
  });
});
