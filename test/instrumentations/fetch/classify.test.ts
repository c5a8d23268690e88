import { describe, expect, it } from 'vitest';
import { isRefused, outcomeOfAbort, outcomeOfError, outcomeOfStatus } from '../../../instrumentations/fetch/classify.ts';
import { BreakerOpenError, CallTimeoutError } from '../../../src/core/errors.ts';

const coded = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more });
const fetchFailed = (cause: unknown): TypeError => new TypeError('fetch failed', { cause });
const refusal = BreakerOpenError.of({ breaker: 'x', state: 'open', reason: 'open', retryAfterMs: 1, cause: undefined });

describe('what a status says of the server', () => {
  it.each([200, 204, 301, 304, 400, 401, 404, 409, 501, 505, 101, 0])('%i: it works', (status) => {
    expect(outcomeOfStatus(status)).toBe('success');
  });
  it.each([408, 429, 500, 502, 503, 504, 507, 599])('%i: it fails', (status) => {
    expect(outcomeOfStatus(status)).toBe('failure');
  });
});

describe('what an error says of the server', () => {
  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'ENOTFOUND',
    'EAI_AGAIN',
    'UND_ERR_SOCKET',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'HPE_INVALID_CONSTANT',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('%s is a failure, bare and inside the error of fetch', (code) => {
    expect(outcomeOfError(coded(code))).toBe('failure');
    expect(outcomeOfError(fetchFailed(coded(code)))).toBe('failure');
  });

  it.each([
    new TypeError('Failed to parse URL', { cause: coded('ERR_INVALID_URL') }),
    fetchFailed(new Error('bad port')),
    fetchFailed(new Error('redirect count exceeded')),
    fetchFailed(coded('UND_ERR_INVALID_ARG')),
    coded('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'),
    coded('UND_ERR_DESTROYED'),
    coded('UND_MOCK_ERR_MOCK_NOT_MATCHED'),
    fetchFailed(coded('ENOENT', { syscall: 'open' })),
    undefined,
    'a text',
  ])('%s is the fault of the request, or says nothing', (error) => {
    expect(outcomeOfError(error)).toBe('ignored');
  });

  it('never blames the server for a refusal by a breaker', () => {
    expect(outcomeOfError(refusal)).toBe('ignored');
    expect(outcomeOfAbort(refusal)).toBe('ignored');
  });

  it('takes an AbortError for the caller', () => {
    expect(outcomeOfError(new DOMException('x', 'AbortError'))).toBe('cancelled');
  });
});

describe('an abort by the caller', () => {
  it.each([new DOMException('x', 'AbortError'), new Error('changed my mind'), 'a text', undefined, null])('with %s is no failure', (reason) => {
    expect(outcomeOfAbort(reason)).toBe('cancelled');
  });

  it.each([new DOMException('x', 'TimeoutError'), new CallTimeoutError('x', 10), coded('ETIMEDOUT')])(
    'is a failure when its deadline ran out: %s',
    (reason) => {
      expect(outcomeOfAbort(reason)).toBe('failure');
    },
  );
});

describe('a server that refuses connections', () => {
  const several = (...codes: string[]): Error => Object.assign(new AggregateError(codes.map((code) => coded(code))), { code: codes[0] });

  it('is told by ECONNREFUSED, wherever it stands', () => {
    expect(isRefused(coded('ECONNREFUSED'))).toBe(true);
    expect(isRefused(fetchFailed(coded('ECONNREFUSED')))).toBe(true);
    expect(isRefused(fetchFailed(several('ECONNREFUSED', 'ECONNREFUSED')))).toBe(true);
  });

  it('is not told by one address of several, or by another error', () => {
    expect(isRefused(fetchFailed(several('ECONNREFUSED', 'ETIMEDOUT')))).toBe(false);
    expect(isRefused(fetchFailed(coded('ECONNRESET')))).toBe(false);
    expect(isRefused(undefined)).toBe(false);
  });
});
