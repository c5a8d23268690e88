import { describe, expect, it } from 'vitest';
import { type AskedKind, endpointOf, interpolated, isPlainText, variablesIn } from '../../src/config/check-url.ts';

describe('the URL of a check', () => {
  it.each([
    [
      'redis',
      'redis://10.0.0.5',
      { to: { host: '10.0.0.5', port: 6_379 }, tls: false, target: { system: 'redis', server: 'redis://10.0.0.5:6379' } },
    ],
    ['redis', 'rediss://a:b%40c@cache:7000/2', { to: { host: 'cache', port: 7_000 }, tls: true, user: 'a', password: 'b@c' }],
    [
      'redis',
      'valkey://:x@[::1]:1',
      { to: { host: '::1', port: 1 }, user: undefined, password: 'x', target: { address: '::1', server: 'redis://[::1]:1' } },
    ],
    ['redis', '/run/redis.sock', { to: { path: '/run/redis.sock' }, target: { address: '/run/redis.sock', server: 'redis:///run/redis.sock' } }],
    [
      'postgresql',
      'postgres://a:b@db/shop?sslmode=require',
      { to: { host: 'db', port: 5_432 }, path: 'shop', target: { system: 'postgresql', server: 'postgresql://db:5432' } },
    ],
    ['postgresql', 'postgresql://db/shop?user=a&password=b', { user: 'a', password: 'b' }],
    ['postgresql', 'postgresql:///shop?host=/run/postgresql', { to: { path: '/run/postgresql/.s.PGSQL.5432' }, path: 'shop' }],
    ['postgresql', 'postgresql://a:b@/shop?host=/run/pg&port=7', { to: { path: '/run/pg/.s.PGSQL.7' }, user: 'a', password: 'b', path: 'shop' }],
    ['postgresql', 'postgresql://a@/shop', { to: { host: 'localhost', port: 5_432 }, path: 'shop' }],
    ['postgresql', 'postgresql:///shop', { to: { host: 'localhost', port: 5_432 } }],
    ['postgresql', 'postgresql://%2Frun%2Fpg:5433/shop', { to: { path: '/run/pg/.s.PGSQL.5433' } }],
    [
      'http',
      'http://api.example.com/health?deep=1',
      { to: { host: 'api.example.com', port: 80 }, path: '/health?deep=1', target: { system: 'http', server: 'http://api.example.com' } },
    ],
    [
      'http',
      'https://API.example.com:8443',
      { to: { host: 'api.example.com', port: 8_443 }, tls: true, path: '/', target: { server: 'https://api.example.com:8443' } },
    ],
    ['tcp', 'mail.example.com:25', { to: { host: 'mail.example.com', port: 25 }, target: { server: 'tcp://mail.example.com:25' } }],
    ['tcp', 'tcp://[::1]:25', { to: { host: '::1', port: 25 } }],
  ] as const)('of %s, %s, says where and how to ask', (kind, url, says) => {
    expect(endpointOf(kind, url)).toMatchObject(says);
  });

  it.each([
    ['redis', 'http://h'],
    ['redis', 'redis://'],
    ['redis', 'redis://h:99999'],
    ['redis', 'localhost:6379'],
    ['redis', 'redis://a%zz@h'],
    ['postgresql', 'postgresql://h1,h2:5432,h3/db'],
    ['http', 'ftp://h'],
    ['http', 'example.com'],
    ['tcp', 'mail.example.com'],
    ['tcp', 'http://h:1'],
    ['tcp', ':25'],
    ['redis', ''],
  ] as const)('of %s is not %j', (kind: AskedKind, url) => {
    expect(endpointOf(kind, url)).toBeUndefined();
  });

  it('has nothing secret in what it says of the server', () => {
    for (const [kind, url] of [
      ['redis', 'redis://u:secret@h'],
      ['postgresql', 'postgresql://u:secret@h/db?password=secret'],
      ['http', 'https://u:secret@h/secret?token=secret'],
    ] as const)
      expect(JSON.stringify(endpointOf(kind, url)?.target)).not.toContain('secret');
  });
});

describe('variables of the environment', () => {
  const variable = (name: string): string => `$\{${name}}`;
  const env = { HOST: 'h', PASSWORD: 'p@ss/w:örd', EMPTY: '', URL: 'redis://u:p@h' };

  it.each([
    [variable('URL'), env.URL],
    [`redis://:${variable('PASSWORD')}@${variable('HOST')}:1`, 'redis://:p%40ss%2Fw%3A%C3%B6rd@h:1'],
    [`redis://${variable('env:HOST')}`, 'redis://h'],
    [`redis://${variable('NOBODY:-other')}`, 'redis://other'],
    [`redis://${variable('EMPTY:-other')}`, 'redis://other'],
    [`redis://:a$$b$c@h`, 'redis://:a$b$c@h'],
    [`http://h/?q=${variable('PASSWORD')}`, 'http://h/?q=p@ss/w:örd'],
    ['redis://h', 'redis://h'],
  ])('stand in %s for %s', (text, result) => {
    expect(interpolated(text, env)).toBe(result);
  });

  it.each(['NOBODY', 'EMPTY'])('that are not set are named: %s', (name) => {
    expect(() => interpolated(`redis://${variable(name)}`, env)).toThrow(`the environment variable ${name} is not set`);
  });

  it('are known from the text alone', () => {
    expect(variablesIn(`${variable('A')} $B $$ ${variable('env:C:-d')}`)).toEqual(['A', 'C']);
    expect([isPlainText('redis://h'), isPlainText(variable('A')), isPlainText('a$$b')]).toEqual([true, false, false]);
  });
});
