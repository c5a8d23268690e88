import { describe, expect, it } from 'vitest';
import { headerOf, retryAfterMs } from '../../../instrumentations/fetch/retry-after.ts';

const noon = Date.UTC(2026, 0, 1, 12);

describe('Retry-After', () => {
  it('is understood in seconds', () => {
    expect(retryAfterMs('120')).toBe(120_000);
    expect(retryAfterMs(' 0 ')).toBe(0);
  });

  it.each(['Thu, 01 Jan 2026 12:00:30 GMT', 'Thursday, 01-Jan-26 12:00:30 GMT', 'Thu Jan  1 12:00:30 2026 GMT'])(
    'is understood as the date %s',
    (date) => {
      expect(retryAfterMs(date, () => noon)).toBe(30_000);
    },
  );

  it('means nothing when it is past, absent or unreadable', () => {
    for (const value of ['Thu, 01 Jan 2026 11:00:00 GMT', undefined, null, '', 'soon', '-5', '1.5', '2026-01-01T13:00:00Z']) {
      expect(retryAfterMs(value, () => noon)).toBe(0);
    }
  });
});

describe('a header', () => {
  it('is found in the raw list of undici 6, of buffers or texts', () => {
    expect(headerOf([Buffer.from('Date'), Buffer.from('x'), Buffer.from('Retry-After'), Buffer.from('7')], 'retry-after')).toBe('7');
    expect(headerOf(['Retry-After', ['7', '8']], 'retry-after')).toBe('7');
    expect(headerOf(['Retry-After'], 'retry-after')).toBeUndefined();
  });

  it('is found in the parsed record of undici 8', () => {
    expect(headerOf({ 'retry-after': '7' }, 'retry-after')).toBe('7');
    expect(headerOf({ 'retry-after': ['7', '8'] }, 'retry-after')).toBe('7');
    expect(headerOf({}, 'retry-after')).toBeUndefined();
    expect(headerOf(undefined, 'retry-after')).toBeUndefined();
  });
});
