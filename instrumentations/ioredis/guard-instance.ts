import { type Guard, guardMethod } from '../shared/guard.ts';
import type { Undo } from '../shared/hook.ts';
import type { InstanceGuard } from '../shared/protect-client.ts';
import { CommandClasses, commandTable } from './command-class.ts';
import { commandSnapshot } from './command-snapshot.ts';
import { guardClient, guardPipeline } from './guards.ts';
import type { RegistrySource } from './send-command.ts';
import type { PipelineLike, RedisLike } from './types.ts';

interface RedisInstance extends RedisLike {
  pipeline(): object;
}

interface ClusterInstance {
  nodes(role: 'all'): object[];
  readonly connectionPool: {
    on(event: '+node', listener: (node: object) => void): unknown;
    removeListener(event: '+node', listener: (node: object) => void): unknown;
  };
}

/**
 * Guards an ioredis client, or a cluster with its nodes, whatever copy of ioredis made it. Its class is shared with clients
 * that nobody asked to protect, so the guards let those pass.
 */
export const guardRedisInstance: InstanceGuard = (client, source) => {
  if (isCluster(client)) return guardCluster(client, source);
  return isRedis(client) ? guardRedis(client, source) : undefined;
};

const chosen = new WeakSet<object>();
/** Guards of a class, and how many of its clients they are there for. */
const installed = new Map<object, { readonly guards: readonly Guard[]; clients: number }>();

function guardRedis(client: RedisInstance, source: RegistrySource): Undo {
  if (chosen.has(client)) return () => undefined;
  chosen.add(client);
  const classes = new CommandClasses(commandTable(process.cwd()) ?? commandSnapshot);
  const undo = [
    share(ownerOf(client, 'sendCommand'), (type) => guardClient(type, classes, source, only(own))),
    share(ownerOf(client.pipeline(), 'exec'), (type) => guardPipeline(type, classes, source, only(redisOf))),
  ];
  return () => {
    chosen.delete(client);
    for (const each of undo) each();
  };
}

const own = (self: object): object => self;
const redisOf = (self: object): object => (self as PipelineLike).redis;

/** Guards that let pass whoever was not chosen. */
function only(clientOf: (self: object) => object): typeof guardMethod {
  return (owner, name, around) =>
    guardMethod(owner, name, (original, self, args) => {
      const client = clientOf(self as object);
      return chosen.has(client) ? around(original, self, args) : original(self, args);
    });
}

function share(owner: object, install: (owner: object) => Guard[]): Undo {
  const entry = installed.get(owner) ?? { guards: install(owner), clients: 0 };
  installed.set(owner, entry);
  entry.clients += 1;
  return () => {
    entry.clients -= 1;
    if (entry.clients > 0) return;
    installed.delete(owner);
    for (const guard of entry.guards) guard.remove();
  };
}

/** The nodes that a cluster has and those that it comes to have; the cluster itself would count every call twice. */
function guardCluster(cluster: ClusterInstance, source: RegistrySource): Undo {
  const undo: Undo[] = [];
  const add = (node: object): void => {
    if (isRedis(node)) undo.push(guardRedis(node, source));
  };
  for (const node of cluster.nodes('all')) add(node);
  // The pool's own event: listeners of the cluster's can be counted.
  const { connectionPool } = cluster;
  connectionPool.on('+node', add);
  return () => {
    connectionPool.removeListener('+node', add);
    for (const each of undo) each();
  };
}

function isRedis(client: object): client is RedisInstance {
  return has(client, 'sendCommand', 'silentEmit', 'setStatus', 'disconnect', 'pipeline') && 'options' in client;
}

function isCluster(client: object): client is ClusterInstance {
  return has(client, 'nodes', 'sendCommand', 'pipeline') && 'connectionPool' in client;
}

function has(client: object, ...methods: string[]): boolean {
  return methods.every((method) => typeof (client as Record<string, unknown>)[method] === 'function');
}

/** Where a method is defined. */
function ownerOf(client: object, method: string): object {
  let owner: object | null = client;
  while (owner !== null && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner);
  return owner ?? client;
}
