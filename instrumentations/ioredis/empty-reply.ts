/** What Redis answers to a read of what is not there, as it would send it. */
type Empty = null | number | string | readonly [] | 'nulls for keys' | 'nulls for fields' | 'zeros for members' | 'an ended scan';

const table = new Map<string, Empty>();
for (const [empty, names] of [
  [null, 'get hget getex lindex lpos zscore zrank zrevrank srandmember randomkey object dump hrandfield zrandmember xread substr geodist'],
  [0, 'exists strlen llen hlen scard zcard zcount zlexcount xlen hexists sismember bitcount hstrlen pfcount getbit dbsize zintercard sintercard'],
  [-2, 'ttl pttl expiretime pexpiretime'],
  ['', 'getrange'],
  ['none', 'type'],
  [[], 'lrange smembers hgetall hkeys hvals keys sinter sunion sdiff zrange zrangebyscore zrangebylex zrevrange zrevrangebyscore zrevrangebylex'],
  [[], 'xrange xrevrange sort sort_ro zdiff zinter zunion georadius_ro georadiusbymember_ro geosearch'],
  ['nulls for keys', 'mget'],
  ['nulls for fields', 'hmget zmscore'],
  ['zeros for members', 'smismember'],
  ['an ended scan', 'scan sscan hscan zscan'],
] as const) {
  for (const name of names.split(' ')) table.set(name, empty);
}

/**
 * The reply to a read that finds nothing, as the server sends it; `undefined` for commands where nobody can tell what that
 * would be.
 */
export function emptyReply(name: string, args: readonly unknown[]): { readonly reply: unknown } | undefined {
  const empty = table.get(name.toLowerCase());
  if (empty === undefined) return undefined;
  switch (empty) {
    case 'nulls for keys':
      return { reply: args.map(() => null) };
    case 'nulls for fields':
      return { reply: args.slice(1).map(() => null) };
    case 'zeros for members':
      return { reply: args.slice(1).map(() => 0) };
    case 'an ended scan':
      return { reply: [Buffer.from('0'), []] };
    default:
      return { reply: typeof empty === 'string' ? Buffer.from(empty) : Array.isArray(empty) ? [] : empty };
  }
}
