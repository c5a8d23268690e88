import { describe, expect, test } from 'vitest';
import { queueable, whyNot } from '../../instrumentations/ioredis/queueable.ts';
import { pendingReply, replayed } from '../../instrumentations/ioredis/queued-commands.ts';
import { queuedVerdict } from '../../instrumentations/ioredis/queued-verdict.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';

describe('a Redis command may wait', () => {
  test.each([
    ['set', ['k', 'v'], ['k']],
    ['SET', ['k', Buffer.from([255]), 'EX', 5], ['k']],
    ['set', ['k', 'v', 'px', '5'], ['k']],
    ['set', ['k', 'v', 'EXAT', '1700000000'], ['k']],
    ['set', ['k', 'v', 'KEEPTTL'], ['k']],
    ['setex', ['k', '10', 'v'], ['k']],
    ['psetex', ['k', 10, 'v'], ['k']],
    ['mset', ['a', '1', 'b', '2'], ['a', 'b']],
  ])('where its reply is known: %s %j', (name, args, keys) => {
    expect(queueable(name, args)).toMatchObject({ keys, reply: 'OK', command: { name: name.toLowerCase() } });
  });

  test.each([
    ['set', ['k', 'v', 'NX']],
    ['set', ['k', 'v', 'GET']],
    ['set', ['k', 'v', 'EX', '5', 'XX']],
    ['set', ['k', 'v', 'IFEQ', 'x']],
    ['set', ['k', 'v', 'EX', '0']],
    ['set', ['k', 'v', 'EX', '-1']],
    ['set', ['k', 'v', 'EX']],
    ['set', ['k']],
    ['set', ['k', null]],
    ['set', ['k', { toString: () => 'v' }]],
    ['setex', ['k', 'ten', 'v']],
    ['setex', ['k', '1.5', 'v']],
    ['mset', ['a', '1', 'b']],
    ...['incr', 'lpush', 'del', 'hset', 'publish', 'expire', 'eval', 'flushall', 'xadd', 'setnx', 'getset', 'quit', 'constructor', 'sadd'].map(
      (name) => [name, ['k', 'v']] as [string, unknown[]],
    ),
    ['rename', ['a', 'b']],
    ['hmset', ['k', 'f', 'v']],
  ])('not otherwise: %s %j', (name, args) => {
    expect(queueable(name, args)).toBeUndefined();
    expect(whyNot(name)).toMatch(/\w/);
  });

  test('that the server might refuse, if the user names it', () => {
    const also = new Set(['rename', 'hmset', 'ltrim']);
    expect(queueable('rename', ['a', 'b'], also)).toMatchObject({ keys: ['a', 'b'] });
    expect(queueable('hmset', ['k', 'f', 'v'], also)).toMatchObject({ keys: ['k'] });
    expect(queueable('hmset', ['k', 'f'], also)).toBeUndefined();
    expect(queueable('ltrim', ['k', '0', 'x'], also)).toBeUndefined();
    expect(queueable('incr', ['k'], new Set(['incr']))).toBeUndefined();
  });

  test('by the bytes of its keys', () => {
    expect(queueable('set', ['é', 'v'])?.keys).toEqual(queueable('set', [Buffer.from('é'), 'v'])?.keys);
    expect(queueable('set', [Buffer.from([0xe9]), 'v'])?.keys).not.toEqual(queueable('set', ['é', 'v'])?.keys);
  });
});

describe('a command that has waited', () => {
  test.each([
    [
      { name: 'set', args: ['k', 'v'] },
      { name: 'set', args: ['k', 'v'] },
    ],
    [
      { name: 'set', args: ['k', 'v', 'EX', '10'] },
      { name: 'set', args: ['k', 'v', 'PX', '6000'] },
    ],
    [
      { name: 'set', args: ['k', 'v', 'px', '4001'] },
      { name: 'set', args: ['k', 'v', 'PX', '1'] },
    ],
    [
      { name: 'setex', args: ['k', '10', 'v'] },
      { name: 'set', args: ['k', 'v', 'PX', '6000'] },
    ],
    [
      { name: 'psetex', args: ['k', '10', 'v'] },
      { name: 'del', args: ['k'] },
    ],
    [
      { name: 'set', args: ['k', 'v', 'EX', '4'] },
      { name: 'del', args: ['k'] },
    ],
    [
      { name: 'set', args: ['k', 'v', 'PXAT', '4'] },
      { name: 'set', args: ['k', 'v', 'PXAT', '4'] },
    ],
    [
      { name: 'mset', args: ['a', '1'] },
      { name: 'mset', args: ['a', '1'] },
    ],
  ])('is sent with the life that is left to it: %j', (command, expected) => {
    expect(replayed(command, 4_000)).toEqual(expected);
  });
});

describe('a read of keys with writes that wait', () => {
  const command = (name: string, ...args: (string | Buffer)[]) => ({ command: { name, args }, ageMs: 4_000 });
  const pending: Record<string, ReturnType<typeof command>[]> = {
    a: [command('set', 'a', 'old'), command('set', 'a', 'new')],
    bytes: [command('set', 'bytes', Buffer.from([0xff, 0x41]))],
    gone: [command('setex', 'gone', '4', 'v')],
    alive: [command('setex', 'alive', '5', 'v')],
    m: [command('mset', 'x', '1', 'm', '2', 'm', '3')],
    keep: [command('set', 'keep', 'v', 'KEEPTTL')],
    renamed: [command('set', 'renamed', 'v'), command('rename', 'renamed', 'other')],
  };
  const reply = (name: string, keys: string[], encoding?: null) => pendingReply(name, keys, (key) => pending[key] ?? [], encoding);

  test('answers GET and MGET from them where they tell', () => {
    expect(reply('GET', ['a'])).toEqual({ value: 'new' });
    expect(reply('get', ['gone'])).toEqual({ value: null });
    expect(reply('get', ['alive'])).toEqual({ value: 'v' });
    expect(reply('get', ['m'])).toEqual({ value: '3' });
    expect(reply('get', ['bytes'], null)).toEqual({ value: Buffer.from([0xff, 0x41]) });
    expect(reply('get', ['a'], null)).toEqual({ value: Buffer.from('new') });
    expect(reply('mget', ['a', 'gone', 'm'])).toEqual({ value: ['new', null, '3'] });
  });

  test('knows when it does not know', () => {
    expect(reply('get', ['keep'])).toBe('unknown');
    expect(reply('get', ['renamed'])).toBe('unknown');
    expect(reply('mget', ['a', 'elsewhere'])).toBe('unknown');
    for (const name of ['strlen', 'ttl', 'exists', 'hgetall', 'type']) expect(reply(name, ['a'])).toBe('unknown');
  });

  test('has nothing to say of other keys', () => {
    expect(reply('get', ['elsewhere'])).toBeUndefined();
    expect(reply('mget', ['elsewhere', 'too'])).toBeUndefined();
  });
});

describe('a command that failed when it was replayed', () => {
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

  test.each([
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'poison'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'poison'],
    ['LOADING Redis is loading the dataset in memory', 'unavailable'],
    ["READONLY You can't write against a read only replica.", 'unavailable'],
    ['NOAUTH Authentication required.', 'unavailable'],
    ['NOPERM this user has no permissions', 'unavailable'],
    ['MISCONF Redis is configured to save RDB snapshots', 'unavailable'],
    ['ERR max number of clients reached', 'unavailable'],
    ['ERR no such key', 'retry'],
    ['ERR syntax error', 'retry'],
  ])('by the reply %s', (message, verdict) => {
    expect(queuedVerdict(reply(message))).toBe(verdict);
  });

  test('by what the client and the breaker say', () => {
    expect(queuedVerdict(new Error('Connection is closed.'))).toBe('unavailable');
    expect(queuedVerdict(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBe('unavailable');
    expect(queuedVerdict(new CallTimeoutError('redis', 100))).toBe('unavailable');
    expect(queuedVerdict(new TypeError('x is not a function'))).toBe('retry');
    expect(queuedVerdict(undefined)).toBe('retry');
  });
});
