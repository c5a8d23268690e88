import { describe, expect, it } from 'vitest';
import { classifyConnectError, classifyQueryError } from '../../../instrumentations/pg/classify.ts';
import { refusesOutright } from '../../../instrumentations/shared/faults.ts';
import { BreakerOpenError } from '../../../src/core/errors.ts';

const reply = (code: string) => Object.assign(new Error('said the server'), { code, severity: 'ERROR' });
const system = (code: string) => Object.assign(new Error(code), { code, syscall: 'connect' });

describe('an error of a query', () => {
  it.each([
    ['08006', 'failure', 'transient', true],
    ['57P01', 'failure', 'transient', true],
    ['57P03', 'failure', 'transient', true],
    ['53300', 'failure', 'transient', false],
    ['28P01', 'failure', 'persistent', false],
    ['3D000', 'failure', 'persistent', false],
    ['53100', 'failure', 'system', false],
    ['58030', 'failure', 'system', false],
    ['XX000', 'failure', 'system', false],
    ['22012', 'success', 'query', false],
    ['23505', 'success', 'query', false],
    ['40001', 'success', 'query', false],
    ['42601', 'success', 'query', false],
    ['55P03', 'success', 'query', false],
    ['P0001', 'success', 'query', false],
    ['57014', 'ignored', 'query', false],
  ])('with SQLSTATE %s is %s, %s', (code, outcome, faultClass, connection) => {
    expect(classifyQueryError(reply(code))).toMatchObject({ outcome, faultClass, connection });
  });

  it.each(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND'])('%s is a fault of the connection', (code) => {
    expect(classifyQueryError(system(code))).toEqual({ outcome: 'failure', faultClass: 'transient', connection: true });
  });

  it.each([
    ['Connection terminated unexpectedly', 'failure', true],
    ['Connection terminated due to connection timeout', 'failure', true],
    ['timeout expired', 'failure', true],
    ['Query read timeout', 'failure', false],
    ['timeout exceeded when trying to connect', 'ignored', false],
    ['Connection terminated', 'ignored', false],
    // libpq's, by way of pg-native: without a code.
    ['server closed the connection unexpectedly\n\tThis probably means', 'failure', true],
    ['connection to server at "127.0.0.1", port 1 failed: Connection refused\n', 'failure', true],
    ['could not translate host name "db" to address', 'failure', true],
    ['connection to server at "db", port 1 failed: FATAL:  password authentication failed', 'ignored', false],
    ['Client was closed and is not queryable', 'ignored', false],
    ['Client has encountered a connection error and is not queryable', 'ignored', false],
    ['constructor', 'ignored', false],
  ])('%j is %s', (message, outcome, connection) => {
    expect(classifyQueryError(new Error(message))).toMatchObject({ outcome, connection });
  });

  it("is ignored when it is a breaker's, or nothing of theirs", () => {
    const refusal = BreakerOpenError.of({ breaker: 'b', state: 'open', reason: 'open', retryAfterMs: 1, cause: undefined });
    for (const error of [refusal, new TypeError('a type parser'), 'text', null, undefined]) expect(classifyQueryError(error).outcome).toBe('ignored');
  });
});

describe('an error of a connection attempt', () => {
  it('that nobody knows is a failure', () => {
    expect(classifyConnectError(new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'))).toMatchObject({
      outcome: 'failure',
      faultClass: 'persistent',
      connection: false,
    });
    expect(classifyConnectError(Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })).outcome).toBe(
      'failure',
    );
  });

  it.each([
    'Cannot use a pool after calling end on the pool',
    'Client has already been connected. You cannot reuse a client.',
    'Connection terminated',
  ])('is ignored for %j', (message) => {
    expect(classifyConnectError(new Error(message)).outcome).toBe('ignored');
  });

  it('is not a failure when the pool is only full', () => {
    expect(classifyConnectError(new Error('timeout exceeded when trying to connect')).outcome).toBe('ignored');
  });
});

it('a refusal is known from libpq, whose errors have no code', () => {
  const attempts = 'connection to server at "db" (10.0.0.6), port 5432 failed: timeout expired\n';
  expect(refusesOutright(new Error('connection to server at "db", port 1 failed: Connection refused\n\tIs the server running'))).toBe(true);
  expect(refusesOutright(new Error(attempts))).toBe(false);
  expect(refusesOutright(new Error('somebody said: Connection refused'))).toBe(false);
});
