import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { CommandLike, CommandTable } from './types.ts';

/** The class of operation that a command counts as: the last word of its breaker's name. */
export type CommandClass = 'read' | 'write' | 'delete' | 'scan' | 'script' | 'pubsub' | 'blocking' | 'admin' | 'other';

/** The weightiest class of a pipeline is the one it counts as. */
export const commandClasses: readonly CommandClass[] = ['other', 'admin', 'scan', 'read', 'pubsub', 'delete', 'script', 'write', 'blocking'];

/**
 * Never refused and never counted: the state of the connection and the client's own housekeeping. A refused handshake would
 * keep an open circuit open for ever; a refused EXEC or UNSUBSCRIBE would leave the connection in a state nobody wants.
 */
const exempt: ReadonlySet<string> = new Set([
  ...['auth', 'hello', 'select', 'client', 'readonly', 'readwrite', 'asking', 'quit', 'reset'],
  ...['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe', 'monitor'],
  ...['exec', 'discard', 'unwatch', 'script', 'cluster', 'sentinel', 'sync', 'psync', 'replconf', 'shutdown'],
]);

/** What the table's flags do not tell. */
const named: ReadonlyMap<string, CommandClass> = new Map<string, CommandClass>([
  ...['del', 'unlink', 'getdel', 'hdel', 'hgetdel', 'srem', 'zrem', 'xdel', 'flushdb', 'flushall'].map((name) => [name, 'delete'] as const),
  ...['scan', 'sscan', 'hscan', 'zscan', 'keys'].map((name) => [name, 'scan'] as const),
  ...['eval', 'evalsha', 'eval_ro', 'evalsha_ro', 'fcall', 'fcall_ro'].map((name) => [name, 'script'] as const),
  ...['multi', 'watch'].map((name) => [name, 'write'] as const),
  ...['wait', 'waitaof'].map((name) => [name, 'blocking'] as const),
]);

/** Tables older than Redis 7 lack the flag `blocking`. */
const blocking = /^(b[lr]pop|brpoplpush|bl(move|mpop)|bz(mpop|popmin|popmax)|xread(group)?)$/;
const maxNames = 2_000;

/**
 * Quick, although the table does not flag them `fast`. Redis does one thing at a time: while it is silent, the command that
 * keeps it busy may be any other (KEYS, a script, FLUSHALL), and that one is to be let finish.
 */
const quick: ReadonlySet<string> = new Set([
  ...['set', 'setex', 'psetex', 'mset', 'msetnx', 'getrange', 'setrange', 'setbit', 'del', 'lindex', 'lset', 'linsert'],
  ...['hgetall', 'hkeys', 'hvals', 'lrange', 'smembers', 'srandmember', 'zrange', 'zrangebyscore', 'zrevrange', 'expire', 'exec'],
]);

/** Classifies commands by the table of the client's own copy. */
export class CommandClasses {
  readonly #table: CommandTable | undefined;
  readonly #known = new Map<string, CommandClass | undefined>();

  constructor(table: CommandTable | undefined) {
    this.#table = table;
  }

  /** `undefined` for commands that are neither refused nor counted. */
  of({ name, args }: Pick<CommandLike, 'name' | 'args'>): CommandClass | undefined {
    const found = this.#named(name);
    if (found !== 'blocking' || !/^xread/i.test(name) || hasBlock(args)) return found;
    // These wait only if told to; the one for groups writes down who has read what.
    return name.length === 'xread'.length ? 'read' : 'write';
  }

  /** What a batch counts as; `undefined` when nothing in it counts. */
  ofBatch(commands: readonly CommandLike[]): CommandClass | undefined {
    let weight = -1;
    let last: string | undefined;
    for (const command of commands) {
      // Of the class of the one before it.
      if (command.name === last) continue;
      const found = this.of(command);
      if (found !== undefined) weight = Math.max(weight, commandClasses.indexOf(found));
      // One that may block may do so by its arguments only.
      last = this.#named(command.name) === 'blocking' ? undefined : command.name;
    }
    return commandClasses[weight];
  }

  #named(name: string): CommandClass | undefined {
    const known = this.#known.get(name);
    return known !== undefined || this.#known.has(name) ? known : this.#learn(name);
  }

  /** Whether a command takes Redis next to no time: unanswered for a second, it is not itself what keeps the server busy. */
  isQuick(name: string): boolean {
    const lower = name.toLowerCase();
    return quick.has(lower) || (this.#table?.exists(lower) === true && this.#table.hasFlag(lower, 'fast'));
  }

  #learn(name: string): CommandClass | undefined {
    const found = this.#classify(String(name).toLowerCase());
    // Names come from the program, but nothing keeps it from making them up.
    if (this.#known.size < maxNames) this.#known.set(name, found);
    return found;
  }

  #classify(name: string): CommandClass | undefined {
    if (exempt.has(name)) return undefined;
    const given = named.get(name);
    if (given !== undefined) return given;
    if (blocking.test(name)) return 'blocking';
    if (this.#table === undefined || !this.#table.exists(name)) return 'other';
    const has = (flag: string): boolean => this.#table?.hasFlag(name, flag) ?? false;
    if (has('blocking')) return 'blocking';
    if (has('write')) return 'write';
    if (has('readonly')) return 'read';
    return has('pubsub') ? 'pubsub' : 'admin';
  }
}

function hasBlock(args: readonly unknown[]): boolean {
  // BLOCK stands before STREAMS, after which come keys of any spelling.
  for (const argument of args) {
    const word = String(argument).toLowerCase();
    if (word === 'block') return true;
    if (word === 'streams') return false;
  }
  return false;
}

/** The command table that a copy of ioredis came with. */
export function commandTable(directory: string): CommandTable | undefined {
  const require = createRequire(join(directory, 'package.json'));
  for (const name of ['@ioredis/commands', 'redis-commands']) {
    try {
      return require(name) as CommandTable;
    } catch {
      // The other one, then.
    }
  }
  return undefined;
}
