import { describe, expect, it } from 'vitest';
import { classifyRedisError } from '../../../instrumentations/ioredis/classify.ts';
import { BreakerOpenError } from '../../../src/core/errors.ts';

const reply = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });
const outcome = (error: unknown): string => {
  const { outcome: said, ofConnection } = classifyRedisError(error);
  return ofConnection ? `${said} of the connection` : said;
};

describe('an error of a Redis command', () => {
  it.each([
    'LOADING Redis is loading the dataset in memory',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'BUSY Redis is busy running a script.',
  ])('is a failure: %s', (message) => {
    expect(outcome(reply(message))).toBe('failure');
  });

  it.each([
    'ERR unknown command',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'NOSCRIPT No matching script.',
    'EXECABORT Transaction discarded because of previous errors.',
    'BUSYGROUP Consumer Group name already exists',
    'NOAUTH Authentication required.',
  ])('is the server at work: %s', (message) => {
    expect(outcome(reply(message))).toBe('success');
  });

  it.each(['MOVED 3999 127.0.0.1:6381', 'ASK 3999 127.0.0.1:6381'])('is neither, since the client follows it: %s', (message) => {
    expect(outcome(reply(message))).toBe('ignored');
  });

  it('is a fault of the connection when it was refused, broke, or never came to be', () => {
    expect(outcome(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))).toBe('failure of the connection');
    expect(outcome(Object.assign(new Error('Reached the max retries'), { name: 'MaxRetriesPerRequestError' }))).toBe('failure of the connection');
    expect(outcome(new Error('Connection is closed.'))).toBe('failure of the connection');
    expect(outcome(new Error("Stream isn't writeable and enableOfflineQueue options is false"))).toBe('failure of the connection');
    expect(outcome(new Error("Socket timeout. Expecting data, but didn't receive any in 100ms."))).toBe('failure of the connection');
  });

  it('is a failure of its own class when the command timed out', () => {
    expect(outcome(new Error('Command timed out'))).toBe('failure');
  });

  it('is neither when the client or a breaker did not send it at all', () => {
    const refusal = BreakerOpenError.of({ breaker: 'b', state: 'open', reason: 'open', retryAfterMs: 1, cause: undefined });
    for (const error of [
      refusal,
      new Error('Connection in subscriber mode, only subscriber commands may be used'),
      new TypeError('x'),
      undefined,
      'text',
    ]) {
      expect(outcome(error)).toBe('ignored');
    }
  });
});
