import { describe, expect, test } from 'vitest';
import { withoutCredentials, withoutSecrets } from '../../src/core/credentials.ts';
import { ConfigError } from '../../src/core/errors.ts';

describe('credentials', () => {
  test.each([
    ['redis://10.0.0.5:6379/1', 'redis://10.0.0.5:6379/1'],
    ['redis://:secret@10.0.0.5:6379/1', 'redis://[...]@10.0.0.5:6379/1'],
    ['redis://user:secret@h', 'redis://[...]@h'],
    ['redis://user:se cr"et/@:x@h:1', 'redis://[...]@h:1'],
    ['postgresql://h/db?user=a&password=b', 'postgresql://h/db?[...]'],
    ['https://hooks.example.com/x?token=secret', 'https://hooks.example.com/x?[...]'],
    ['- { name: a, redis: redis://:secret@h, critical: true', '- { name: a, redis: redis://[...]@h, critical: true'],
    ['"redis": "rediss://a:b@h?x=1", "b": 1', '"redis": "rediss://[...]@h?[...]", "b": 1'],
    ['someone@example.com', 'someone@example.com'],
    ['', ''],
  ])('of %s are not in %s', (text, told) => {
    expect(withoutCredentials(text)).toBe(told);
  });

  test('that are known go wherever they stand', () => {
    expect(withoutSecrets('no hunter2 for app: hunter2', ['hunter2', undefined, '', 'app'])).toBe('no [...] for [...]: [...]');
  });

  test('are in no configuration error, however deep they stand', () => {
    const value = { name: 'a', urls: ['redis://:secret@h', { deep: 'https://h?token=secret' }] };
    const error = new ConfigError([{ path: 'a', value, allowed: 'b' }]);
    expect(JSON.stringify([error.message, error.issues, error.value])).not.toContain('secret');
    expect(error.value).toEqual({ name: 'a', urls: ['redis://[...]@h', { deep: 'https://h?[...]' }] });
  });
});
