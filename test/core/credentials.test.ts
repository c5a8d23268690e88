import { describe, expect, test } from 'vitest';
import { isSecretHeader, isSecretParameter, withoutCredentials, withoutSecrets } from '../../src/core/credentials.ts';
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

describe('a name says that its value is a secret', () => {
  test.each([
    ...['token', 'access_token', 'accessToken', 'id_token', 'refresh-token', 'user[token]', 'X-Amz-Security-Token'],
    ...['api_key', 'apikey', 'apiKey', 'api-key', 'key', 'subscription-key', 'AWSAccessKeyId', 'client_secret', 'secret'],
    ...['password', 'passwd', 'pwd', 'pass', 'signature', 'X-Amz-Signature', 'X-Amz-Credential', 'sig', 'code', 'Code'],
    ...['auth', 'oauth_nonce', 'authorization', 'session', 'session_id', 'sessionid', 'JSESSIONID', 'PHPSESSID', 'sid', 'jwt'],
    ...[
      'accesskey',
      'authkey',
      'subscriptionkey',
      'licensekey',
      'appkey',
      'privatekey',
      'accessKey',
      'authcode',
      'auth_code',
      'appid',
      'APPID',
      'appId',
    ],
    ...['bearer', 'bearer_id', 'cookie', 'ticket', 'SAMLResponse', 'samlResponse', 'assertion', 'client_assertion', 'CSRFToken'],
    ...['page_access_token', 'next_token_secret'],
  ])('of a query: %s', (name) => {
    expect(isSecretParameter(name)).toBe(true);
  });

  test.each([
    ...['q', 'page', 'author', 'authors', 'keyword', 'keys', 'monkey', 'design', 'sign', 'side', 'inside', 'passenger', 'bypass', 'compass'],
    ...['country_code', 'currencyCode', 'zipcode', 'codec', 'symbol', 'id', '', 'hotkey', 'turkey', 'tickets', 'assertions', 'forbearer', 'appids'],
    ...['pageToken', 'page_token', 'page-token', 'nextPageToken', 'next_page_token', 'prevPageToken', 'next_token', 'NextToken', 'cursor'],
    ...['continuationToken', 'continuation_token', 'continuation-token', 'pagination_token', 'resumptionToken'],
  ])('not of a query: %s', (name) => {
    expect(isSecretParameter(name)).toBe(false);
  });

  test('of a header, and not of one that names a request', () => {
    for (const name of ['authorization', 'Cookie', 'cookie2', 'X-Api-Key', 'x-auth-request-user', 'x-session-id', 'x-functions-key', 'key'])
      expect(isSecretHeader(name)).toBe(true);
    for (const name of [
      'x-accesskey',
      'X-Subscriptionkey',
      'x-goog-iap-jwt-assertion',
      'x-forwarded-user',
      'X-Forwarded-Email',
      'x-remote-user',
      'x-jwt',
    ])
      expect([name, isSecretHeader(name)]).toEqual([name, true]);
    for (const name of ['x-ms-client-principal', 'x-amzn-oidc-data', 'x-bearer', 'Proxy-Authorization', 'www-authenticate', 'x-authorization-user'])
      expect([name, isSecretHeader(name)]).toEqual([name, true]);
    for (const name of ['accept', 'Idempotency-Key', 'x-idempotency-key', 'monkey', 'traceparent', 'x-request-id', 'x-monkey', 'x-turkey'])
      expect([name, isSecretHeader(name)]).toEqual([name, false]);
    for (const name of ['user-agent', 'x-author', 'x-keyword', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-app-id'])
      expect([name, isSecretHeader(name)]).toEqual([name, false]);
  });
});
