import { describe, expect, it } from 'vitest';
import { chainClassify, classifyBy } from '../../src/config/classify-lists.ts';

const failed = (fields: object): { ok: false; error: unknown } => ({ ok: false, error: Object.assign(new Error(), fields) });

describe('classify as lists', () => {
  it.each<[string | number, object]>([
    ['ECONNRESET', { code: 'ECONNRESET' }],
    ['econn*', { code: 'ECONNRESET' }],
    ['08*', { code: '08006' }],
    [57014, { code: '57014' }],
    ['5xx', { status: 503 }],
    [429, { statusCode: 429 }],
    ['TimeoutError', { name: 'TimeoutError' }],
    ['OOM', { name: 'ReplyError', message: "OOM command not allowed when used memory > 'maxmemory'" }],
    ['ECONNREFUSED', { name: 'TypeError', cause: { code: 'ECONNREFUSED' } }],
    [14, { code: 14 }],
  ])('%j finds %j', (entry, fields) => {
    expect(classifyBy({ failure: [entry] })(failed(fields))).toBe('failure');
  });

  it.each<[string, object]>([
    ['5xx', { status: 404 }],
    ['5xx', { code: '5xx1' }],
    ['08*', { code: '57P01' }],
    ['OOM', { name: 'Error', message: 'OOM' }],
  ])('%j does not find %j, and leaves it to others', (entry, fields) => {
    expect(classifyBy({ failure: [entry] })(failed(fields))).toBeUndefined();
  });

  it('sees the status of an answer, and nothing else of it', () => {
    const classify = classifyBy({ failure: ['5xx', 'name'] });
    expect(classify({ ok: true, value: { status: 502 } })).toBe('failure');
    expect(classify({ ok: true, value: { status: 200, name: 'name', code: 'name' } })).toBeUndefined();
    expect(classify({ ok: true, value: { cause: { status: 503 } } })).toBeUndefined();
    expect(classify({ ok: true, value: 503 })).toBeUndefined();
    expect(classify({ ok: true, value: null })).toBeUndefined();
  });

  it('lets the more specific entry decide, and failure between equals', () => {
    const classify = classifyBy({ failure: ['5xx', 'E*'], ignored: [501, 'E*'], success: ['EAGAIN'] });
    expect(classify(failed({ status: 501 }))).toBe('ignored');
    expect(classify(failed({ status: 500 }))).toBe('failure');
    expect(classify(failed({ code: 'EAGAIN' }))).toBe('success');
    expect(classify(failed({ code: 'EPIPE' }))).toBe('failure');
  });

  it('survives errors that are no objects, and causes in a circle', () => {
    const circle: { cause?: unknown } = {};
    circle.cause = circle;
    expect(classifyBy({ failure: ['X'] })({ ok: false, error: 'X' })).toBeUndefined();
    expect(classifyBy({ failure: ['X'] })({ ok: false, error: circle })).toBeUndefined();
  });

  it('in a chain asks the topmost first', () => {
    const chain = chainClassify([classifyBy({ ignored: ['A'] }), classifyBy({ failure: ['A', 'B'] })]);
    expect([chain?.(failed({ code: 'A' })), chain?.(failed({ code: 'B' })), chain?.(failed({ code: 'C' }))]).toEqual([
      'ignored',
      'failure',
      undefined,
    ]);
    expect(chainClassify([])).toBeUndefined();
  });
});
