import { describe, expect, test } from 'vitest';
import { queueable } from '../../instrumentations/ioredis/queueable.ts';
import { pendingReply, replayed } from '../../instrumentations/ioredis/queued-commands.ts';
import { queuedVerdict } from '../../instrumentations/ioredis/queued-verdict.ts';
import { CallTimeoutError, ConfigError } from '../../src/core/errors.ts';
import { resolveOptions } from '../../src/core/options.ts';
import { likelyCommands } from '../../src/core/queueable-commands.ts';

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
  });

  test('that the server might refuse, if the user names it', () => {
    const also = ['rename', 'hmset', 'ltrim'];
    expect(queueable('RENAME', ['a', 'b'], also)).toMatchObject({ keys: ['a', 'b'] });
    expect(queueable('hmset', ['k', 'f', 'v'], also)).toMatchObject({ keys: ['k'] });
    expect(queueable('hmset', ['k', 'f'], also)).toBeUndefined();
    expect(queueable('ltrim', ['k', '0', 'x'], also)).toBeUndefined();
    expect(queueable('lset', ['k', '0', 'x'], also)).toBeUndefined();
    expect(queueable('incr', ['k'], ['incr'])).toBeUndefined();
  });

  test('with all the keys that it reads or changes', () => {
    expect(queueable('pfmerge', ['to', 'a', Buffer.from('b')], ['pfmerge'])).toMatchObject({ keys: ['to', 'a', 'b'] });
    expect(queueable('lset', ['k', -1, 'v'], ['lset'])).toMatchObject({ keys: ['k'] });
  });

  test.each([
    [0, 99, true],
    [0, -1, true],
    [-100, -1, true],
    [1, -1, false],
    [0, -2, false],
    [-100, -2, false],
    [2, 5, false],
    [-5, 5, false],
  ])('of LTRIM %i %i if to trim twice is to trim once: %s', (start, stop, may) => {
    expect(queueable('ltrim', ['k', start, stop], ['ltrim']) !== undefined).toBe(may);
  });

  test('by the bytes of its keys', () => {
    expect(queueable('set', ['é', 'v'])?.keys).toEqual(queueable('set', [Buffer.from('é'), 'v'])?.keys);
    expect(queueable('set', [Buffer.from([0xe9]), 'v'])?.keys).not.toEqual(queueable('set', ['é', 'v'])?.keys);
  });
});

describe('fallback.queue.commands', () => {
  const resolve = (commands: unknown) => resolveOptions({ fallback: { queue: { path: 'x', commands: commands as string[] } } });
  const refusal = (commands: unknown): ConfigError => {
    try {
      resolve(commands);
    } catch (error) {
      if (error instanceof ConfigError) return error;
    }
    throw new Error('not refused');
  };

  test('takes names in any letter case; none by default', () => {
    expect(resolve(['HMSet', 'lset']).policies?.fallback?.queue?.commands).toEqual(['hmset', 'lset']);
    expect(resolve(undefined).policies?.fallback?.queue?.commands).toEqual([]);
    expect(resolve(likelyCommands).policies?.fallback?.queue?.commands).toEqual(['hmset', 'lset', 'ltrim', 'pfmerge', 'rename']);
  });

  test.each([
    ['INCR', 'not this one: its reply is the new value'],
    ['flushall', 'not this one: it touches every key'],
    ['set', 'not this one: it waits without being named'],
    ['hmste', 'did you mean hmset?'],
    ['constructor', 'not this one: its reply is not known without the server'],
    [7, ''],
  ])('refuses %s and says why', (name, why) => {
    const { path, value, message } = refusal(['rename', name]);
    expect({ path, value }).toEqual({ path: 'fallback.queue.commands[1]', value: name });
    expect(message).toContain('one of hmset, lset, ltrim, pfmerge, rename');
    expect(message).toContain(why);
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
    [
      { name: 'hmset', args: ['k', 'EX', '1'] },
      { name: 'hmset', args: ['k', 'EX', '1'] },
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
    other: [command('set', 'other', 'v'), command('rename', 'renamed', 'other')],
    back: [command('rename', 'back', 'other'), command('set', 'back', 'v')],
    h: [command('set', 'h', 'v'), command('hmset', 'h', 'f', 'v')],
    l: [command('lset', 'l', '0', 'v')],
    p: [command('pfmerge', 'to', 'p')],
  };
  const reply = (name: string, keys: string[], encoding?: null) => pendingReply(name, keys, (key) => pending[key] ?? [], encoding);

  test('answers GET and MGET from them where they tell', () => {
    expect(reply('GET', ['a'])).toEqual({ value: 'new' });
    expect(reply('get', ['gone'])).toEqual({ value: null });
    expect(reply('get', ['alive'])).toEqual({ value: 'v' });
    expect(reply('get', ['m'])).toEqual({ value: '3' });
    expect(reply('get', ['bytes'], null)).toEqual({ value: Buffer.from([0xff, 0x41]) });
    expect(reply('get', ['back'])).toEqual({ value: 'v' });
    expect(reply('get', ['a'], null)).toEqual({ value: Buffer.from('new') });
    expect(reply('mget', ['a', 'gone', 'm'])).toEqual({ value: ['new', null, '3'] });
  });

  test('knows when it does not know', () => {
    expect(reply('get', ['keep'])).toBe('unknown');
    for (const key of ['renamed', 'other', 'h', 'l', 'p']) expect(reply('get', [key])).toBe('unknown');
    for (const [name, key] of [
      ['hget', 'h'],
      ['hgetall', 'h'],
      ['lrange', 'l'],
      ['pfcount', 'p'],
    ] as const)
      expect(reply(name, [key])).toBe('unknown');
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
