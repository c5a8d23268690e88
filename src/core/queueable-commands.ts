type Queueability = 'certain' | 'likely' | { readonly never: string };

/**
 * Which Redis commands may wait in a queue while their caller is answered. Only those whose reply is known without the server: anything else would
 * be a lie to the caller. `certain`: the server says OK whatever the key holds. `likely`: OK is the only good reply, but the server may
 * refuse (another type, no such key), and then the write ends as a dead letter after its caller was told OK: queued only if
 * the user names the command. Everything else, here with the reason or not, is never queued.
 */
const commands: Readonly<Record<string, Queueability>> = {
  set: 'certain',
  setex: 'certain',
  psetex: 'certain',
  mset: 'certain',
  hmset: 'likely',
  lset: 'likely',
  ltrim: 'likely',
  pfmerge: 'likely',
  rename: 'likely',
  ...never('its reply is the new value', 'incr', 'incrby', 'incrbyfloat', 'decr', 'decrby', 'hincrby', 'hincrbyfloat', 'zincrby'),
  ...never('its reply is a length', 'append', 'setrange', 'lpush', 'rpush', 'lpushx', 'rpushx', 'linsert', 'bitop'),
  ...never('its reply tells how many there were', 'del', 'unlink', 'hdel', 'srem', 'zrem', 'lrem', 'xdel', 'xtrim', 'sadd', 'zadd', 'hset', 'geoadd'),
  ...never('its reply tells whether it was done', 'setnx', 'msetnx', 'hsetnx', 'renamenx', 'move', 'copy', 'smove', 'pfadd'),
  ...never('its reply tells whether the key exists', 'expire', 'pexpire', 'expireat', 'pexpireat', 'persist'),
  ...never('its reply is what was there', 'getset', 'getdel', 'getex', 'setbit', 'lpop', 'rpop', 'spop', 'zpopmin', 'zpopmax', 'lmove', 'rpoplpush'),
  ...never('its reply is the id that the server gives', 'xadd'),
  ...never('its reply tells how many have heard it, and it is of now or of no use', 'publish', 'spublish'),
  ...never('nobody can tell what it does', 'eval', 'evalsha', 'fcall', 'exec', 'multi'),
  ...never('it touches every key', 'flushall', 'flushdb', 'swapdb'),
};

function never(reason: string, ...names: readonly string[]): Record<string, { readonly never: string }> {
  return Object.fromEntries(names.map((name) => [name, { never: reason }]));
}

/** Of the rest. */
export const whyNoOther = 'its reply is not known without the server';

/** What is known of a command, by its name in lower case. */
export function queueability(name: string): Queueability | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}

/** What may be named, to wait as well. */
export const likelyCommands: readonly string[] = Object.keys(commands).filter((name) => commands[name] === 'likely');

/** Why the others are not to be named, by their names. */
export const whyNot: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(commands).flatMap(([name, kind]) => {
    if (kind === 'likely') return [];
    return [[name, kind === 'certain' ? 'it waits without being named' : kind.never]];
  }),
);
