import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CommandClasses, commandTable } from '../../../instrumentations/ioredis/command-class.ts';
import { commandSnapshot } from '../../../instrumentations/ioredis/command-snapshot.ts';
import type { CommandLike, CommandTable } from '../../../instrumentations/ioredis/types.ts';

const directory = dirname(createRequire(import.meta.url).resolve('ioredis/package.json'));
const classes = new CommandClasses(commandTable(directory));
const of = (name: string, ...args: unknown[]): string | undefined => classes.of({ name, args });

describe('the class of a command', () => {
  it.each([
    ['read', ['get', 'GET', 'mget', 'hgetall', 'lrange', 'exists', 'ttl', 'xrange', 'geosearch']],
    ['write', ['set', 'SET', 'incr', 'hset', 'lpush', 'xadd', 'expire', 'sort', 'multi', 'rename']],
    ['delete', ['del', 'unlink', 'hdel', 'flushall']],
    ['scan', ['scan', 'hscan', 'keys']],
    ['script', ['eval', 'evalsha', 'fcall']],
    ['pubsub', ['publish', 'spublish']],
    ['blocking', ['blpop', 'BRPOP', 'brpoplpush', 'blmove', 'blmpop', 'bzpopmin', 'bzpopmax', 'bzmpop', 'wait']],
    ['admin', ['ping', 'info', 'config', 'dbsize', 'acl', 'debug', 'bgsave'].filter((name) => name !== 'dbsize')],
    ['other', ['json.get', 'FT.SEARCH', 'no-such-command']],
  ])('%s', (expected, names) => {
    for (const name of names) expect(`${name}: ${of(name)}`).toBe(`${name}: ${expected}`);
  });

  it('is none for the state of the connection and the client’s housekeeping', () => {
    for (const name of [
      'auth',
      'hello',
      'select',
      'client',
      'quit',
      'subscribe',
      'UNSUBSCRIBE',
      'monitor',
      'exec',
      'discard',
      'cluster',
      'readonly',
    ]) {
      expect(`${name}: ${of(name)}`).toBe(`${name}: undefined`);
    }
  });

  it('of XREAD is blocking only where it is told to wait', () => {
    expect(of('xread', 'COUNT', '2', 'STREAMS', 'block', '0')).toBe('read');
    expect(of('xread', 'BLOCK', '0', 'STREAMS', 's', '$')).toBe('blocking');
    expect(of('XREADGROUP', 'GROUP', 'g', 'c', Buffer.from('block'), '5', 'STREAMS', 's', '>')).toBe('blocking');
  });

  it('of a batch is its weightiest', () => {
    const batch = (...names: string[]): string | undefined => classes.ofBatch(names.map((name) => ({ name, args: [] }) as unknown as CommandLike));
    expect(batch('get', 'mget')).toBe('read');
    expect(batch('get', 'set', 'del')).toBe('write');
    expect(batch('multi', 'get', 'exec')).toBe('write');
    expect(batch('select', 'client')).toBeUndefined();
    expect(batch()).toBeUndefined();
  });

  it('of a batch asks each command that may block, however many of its name there are', () => {
    const reads = [
      ['STREAMS', 's', '0'],
      ['STREAMS', 's', '0'],
      ['BLOCK', '0', 'STREAMS', 's', '$'],
    ];
    expect(classes.ofBatch(reads.map((args) => ({ name: 'xread', args }) as unknown as CommandLike))).toBe('blocking');
  });

  it('comes from the table: every command in it that writes or reads has one', () => {
    const table = createRequire(`${directory}/package.json`)('@ioredis/commands') as { list: string[]; hasFlag(name: string, flag: string): boolean };
    for (const name of table.list) {
      const expected = table.hasFlag(name, 'write') ? ['write', 'delete', 'blocking', 'script'] : ['read', 'scan', 'script', 'blocking'];
      if (table.hasFlag(name, 'write') || table.hasFlag(name, 'readonly')) expect([`${name}`, ...expected]).toContain(of(name));
    }
  });

  it('is still told apart without a table, as far as names go', () => {
    const bare = new CommandClasses(undefined);
    expect(['del', 'blpop', 'get', 'quit'].map((name) => bare.of({ name, args: [] }))).toEqual(['delete', 'blocking', 'other', undefined]);
    expect(commandTable('/nowhere')).toBeUndefined();
  });
});

describe('a quick command', () => {
  it('cannot be what keeps Redis busy for a second', () => {
    for (const name of ['get', 'SET', 'mset', 'incr', 'hgetall', 'exec']) expect(classes.isQuick(name)).toBe(true);
    for (const name of ['keys', 'eval', 'evalsha', 'flushall', 'sort', 'debug', 'sunionstore', 'ft.search', 'scan'])
      expect(classes.isQuick(name)).toBe(false);
  });
});

it('the copy of the table, for clients in bundles, says what the table says', () => {
  const table = commandTable(directory) as unknown as { list: string[] } & CommandTable;
  const byCopy = new CommandClasses(commandSnapshot);
  for (const name of table.list) {
    expect(`${name} ${byCopy.of({ name, args: [] })} ${byCopy.isQuick(name)}`).toBe(`${name} ${of(name)} ${classes.isQuick(name)}`);
  }
});
