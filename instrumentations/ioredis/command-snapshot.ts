import type { CommandTable } from './types.ts';

// Where the client was bundled, the table it came with is out of reach: this is a copy of it, held against it by a test.

const flagged: Readonly<Record<string, readonly string[]>> = {
  readonly: [
    'arcount arget argetrange argrep arinfo arlastitems arlen armget arnext arop arscan bitcount bitfield_ro bitpos dbsize dump',
    'eval_ro evalsha_ro exists expiretime fcall_ro geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get getbit',
    'getrange hexists hexpiretime hget hgetall hkeys hlen hmget hpexpiretime hpttl hrandfield hscan hstrlen httl hvals keys lcs',
    'lindex llen lolwut lpos lrange mget pexpiretime pfcount pttl randomkey scan scard sdiff sinter sintercard sismember smembers',
    'smismember sort_ro srandmember sscan strlen substr sunion touch ttl type vcard vdim vemb vgetattr vinfo vismember vlinks',
    'vrandmember vrange vsim xlen xpending xrange xread xrevrange zcard zcount zdiff zinter zintercard zlexcount zmscore',
    'zrandmember zrange zrangebylex zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion',
  ],
  write: [
    'append ardel ardelrange arinsert armset arring arseek arset bitfield bitop blmove blmpop blpop brpop brpoplpush bzmpop',
    'bzpopmax bzpopmin copy decr decrby del expire expireat flushall flushdb geoadd georadius georadiusbymember geosearchstore',
    'getdel getex getset hdel hexpire hexpireat hgetdel hgetex hincrby hincrbyfloat hmset hpersist hpexpire hpexpireat hset hsetex',
    'hsetnx incr incrby incrbyfloat increx linsert lmove lmpop lpop lpush lpushx lrem lset ltrim migrate move mset msetex msetnx',
    'persist pexpire pexpireat pfadd pfdebug pfmerge psetex rename renamenx restore restore-asking rpop rpoplpush rpush rpushx',
    'sadd sdiffstore set setbit setex setnx setrange sinterstore smove sort spop srem sunionstore swapdb unlink vadd vrem vsetattr',
    'xack xadd xautoclaim xclaim xdel xdelex xnack xreadgroup xsetid xtrim zadd zdiffstore zincrby zinterstore zmpop zpopmax',
    'zpopmin zrangestore zrem zremrangebylex zremrangebyrank zremrangebyscore zunionstore',
  ],
  blocking: ['blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin xread xreadgroup'],
  pubsub: ['psubscribe publish punsubscribe spublish ssubscribe subscribe sunsubscribe unsubscribe'],
  fast: [
    'append arcount ardel arget arinsert arlen armget armset arnext arseek arset asking auth bitfield_ro bzpopmax bzpopmin dbsize',
    'decr decrby discard echo exists expire expireat expiretime get getbit getdel getex getset hdel hello hexists hexpire',
    'hexpireat hexpiretime hget hgetdel hgetex hincrby hincrbyfloat hlen hmget hmset hpersist hpexpire hpexpireat hpexpiretime',
    'hpttl hset hsetex hsetnx hstrlen httl incr incrby incrbyfloat increx lastsave llen lolwut lpop lpush lpushx mget move multi',
    'persist pexpire pexpireat pexpiretime pfadd ping pttl publish quit readonly readwrite renamenx reset role rpop rpush rpushx',
    'sadd scard select setnx sismember smismember smove spop spublish srem strlen swapdb time touch ttl type unlink unwatch vcard',
    'vdim vemb vgetattr vinfo vlinks vsetattr watch xack xadd xautoclaim xclaim xdel xdelex xlen xnack xsetid zadd zcard zcount',
    'zincrby zlexcount zmscore zpopmax zpopmin zrank zrem zrevrank zscore',
  ],
  // Neither reads nor writes nor messages.
  none: [
    'acl bgrewriteaof bgsave client cluster command config debug eval evalsha exec failover fcall function info latency memory',
    'module monitor object pfselftest psync pubsub replconf replicaof save script shutdown slaveof slowlog sync wait xgroup xinfo',
  ],
};

const sets = new Map(Object.entries(flagged).map(([flag, lines]) => [flag, new Set(lines.join(' ').split(' '))]));

export const commandSnapshot: CommandTable = {
  exists: (name) => [...sets.values()].some((names) => names.has(name)),
  hasFlag: (name, flag) => sets.get(flag)?.has(name) ?? false,
};
