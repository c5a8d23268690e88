import { type Guard, goOn, guardMethod } from '../shared/guard.ts';
import type { Undo } from '../shared/hook.ts';
import type { InstanceGuard } from '../shared/protect-client.ts';
import { isolated } from './call.ts';
import { CommandClasses, commandTable } from './command-class.ts';
import { commandSnapshot } from './command-snapshot.ts';
import { type GuardMethod, guardClient, guardCluster, guardPipeline } from './guards.ts';
import type { RegistrySource } from './send-command.ts';
import type { PipelineLike, RedisLike } from './types.ts';

interface RedisInstance extends RedisLike {
  pipeline(): object;
}

interface NodePool {
  on(event: '+node', listener: (node: object) => void): unknown;
  removeListener(event: '+node', listener: (node: object) => void): unknown;
}

interface ClusterInstance {
  nodes(role: 'all'): object[];
  pipeline(): object;
  readonly connectionPool: NodePool;
}

/**
 * Guards an ioredis client, or a cluster with its nodes, whatever copy of ioredis made it, and its duplicates with it. Its
 * class is shared with clients that nobody asked to protect, so the guards let those pass.
 */
export const guardRedisInstance: InstanceGuard = (client, source) => {
  if (!isCluster(client) && !isRedis(client)) return undefined;
  if (isChosen(client)) return () => undefined;
  const family = new Family(source);
  family.adopt(client, client);
  return () => family.end();
};

/** A client that is to be guarded: with whom, and the one that was given. It lives as long as any of its duplicates: they are guarded because it is. */
interface Chosen {
  readonly family: Family;
  readonly given: object;
}

const chosen = new WeakMap<object, Chosen>();
/** Guards of a class, and how many families they are there for. */
const installed = new Map<object, { readonly guards: readonly Guard[]; families: number }>();

function isChosen(client: object): boolean {
  return chosen.get(client)?.family.active === true;
}

/** A client that was given and all that it makes. Holds on to none of them. */
class Family {
  active = true;
  readonly #source: RegistrySource;
  readonly #classes = new CommandClasses(commandTable(process.cwd()) ?? commandSnapshot);
  readonly #owners = new Set<object>();
  readonly #undo: Undo[] = [];

  constructor(source: RegistrySource) {
    this.#source = source;
  }

  adopt(client: object, given: object): void {
    if (!this.active || isChosen(client)) return;
    if (isCluster(client)) this.#adoptCluster(client, given);
    else if (isRedis(client)) this.#adoptRedis(client, given);
  }

  end(): void {
    this.active = false;
    for (const each of this.#undo.splice(0).reverse()) each();
  }

  #adoptRedis(client: RedisInstance, given: object): void {
    chosen.set(client, { family: this, given });
    this.#install(ownerOf(client, 'sendCommand'), (type) => [...guardClient(type, this.#classes, this.#source, only(own)), guardDuplicate(type)]);
    this.#guardPipelines(client);
  }

  /** The nodes that a cluster has and those that it comes to have; the cluster itself would count every call twice. */
  #adoptCluster(cluster: ClusterInstance, given: object): void {
    // For its pipelines, which are its own and not a node's.
    chosen.set(cluster, { family: this, given });
    this.#guardPipelines(cluster);
    this.#install(ownerOf(cluster, 'sendCommand'), (type) => [...guardCluster(type, this.#classes, this.#source, only(own)), guardDuplicate(type)]);
    const add = (node: object): void => this.adopt(node, given);
    for (const node of cluster.nodes('all')) add(node);
    // The pool's own event: listeners of the cluster's can be counted.
    cluster.connectionPool.on('+node', add);
    const [pool, listener] = [new WeakRef(cluster.connectionPool), new WeakRef(add)];
    this.#undo.push(() => {
      const known = listener.deref();
      if (known !== undefined) pool.deref()?.removeListener('+node', known);
    });
  }

  #guardPipelines(client: { pipeline(): object }): void {
    this.#install(ownerOf(client.pipeline(), 'exec'), (type) => guardPipeline(type, this.#classes, this.#source, only(redisOf)));
  }

  #install(owner: object, install: (owner: object) => Guard[]): void {
    if (this.#owners.has(owner)) return;
    this.#owners.add(owner);
    const entry = installed.get(owner) ?? { guards: install(owner), families: 0 };
    installed.set(owner, entry);
    entry.families += 1;
    this.#undo.push(() => {
      entry.families -= 1;
      if (entry.families > 0) return;
      installed.delete(owner);
      for (const guard of entry.guards) guard.remove();
    });
  }
}

const own = (self: object): object => self;
const redisOf = (self: object): object => (self as PipelineLike).redis;

/** Guards that let pass whoever was not chosen. */
function only(clientOf: (self: object) => object): GuardMethod {
  const has = (self: unknown): boolean => isChosen(clientOf(self as object));
  return (owner, name, around) =>
    typeof around === 'function'
      ? guardMethod(owner, name, (original, self, args) => (has(self) ? around(original, self, args) : original(self, args)))
      : guardMethod(owner, name, {
          ...(around.current !== undefined && { current: around.current }),
          before: (self, first, second, original) => (has(self) ? around.before(self, first, second, original) : goOn),
          threw: (self, first) => has(self) && around.threw?.(self, first),
        });
}

function guardDuplicate(owner: object): Guard {
  return guardMethod(owner, 'duplicate', (original, self, args) => {
    const made = original(self, args);
    const entry = chosen.get(self as object);
    if (entry !== undefined) isolated(() => entry.family.adopt(made as object, entry.given));
    return made;
  });
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
