import { policiesOf } from '../../src/policies/compose.ts';
import type { Around } from '../shared/guard.ts';
import { callOf, canEnd, isolated } from './call.ts';
import { type ClientState, stateOf } from './client-state.ts';
import type { CommandClasses } from './command-class.ts';
import { isOwn } from './own-command.ts';
import { scriptKey } from './resend.ts';
import type { RegistrySource } from './send-command.ts';
import type { CommandLike, CommandType, RedisLike } from './types.ts';
import { type GuardedCommand, leaveAtEnd, runWithPolicies } from './with-policies.ts';

/** What is used of a Cluster beside what it shares with a client. */
interface ClusterLike extends RedisLike {
  readonly connectionPool?: {
    on(event: '+node', listener: (node: RedisLike) => void): unknown;
    readonly nodes?: { readonly all?: Readonly<Record<string, RedisLike>> };
  };
}

/**
 * The guard of `Cluster.prototype.sendCommand`. Breakers are the nodes' business, and so are the time-outs of attempts; policies
 * are for the logical call, which may go to several nodes: those of the breaker of the first node that the cluster was given.
 */
export function aroundClusterCommand(source: RegistrySource, classes: CommandClasses): Around {
  return (original, self, args) => {
    const [command, stream, node] = args as [CommandLike | null | undefined, unknown, unknown];
    if (typeof command !== 'object' || command === null) return original(self, args);
    const cluster = self as ClusterLike;
    const state = clusterState(cluster, classes);
    if (state.commandType === undefined && scriptKey(command) === undefined) state.commandType = command.constructor as CommandType;
    if (stream !== undefined || node !== undefined || isOwn(command) || callOf(command) !== undefined || !canEnd(command))
      return original(self, args);
    const operation = classes.of(command);
    if (operation === undefined) return original(self, args);
    const group = state.group(cluster, source.registry);
    if (state.writes === undefined && !state.isWanted(operation, group, source.registry)) return original(self, args);
    const breaker = group.breaker(operation);
    const policies = policiesOf(breaker);
    const send = (own: CommandLike): undefined => {
      const answered = original(cluster, [own]);
      if (answered !== own.promise && answered instanceof Promise) answered.catch(() => undefined);
      return undefined;
    };
    const call: GuardedCommand = { client: cluster, state, command, operation, server: `cluster ${group.key}`, db: 0, send, place: undefined };
    if (runWithPolicies(breaker, policies, call)) return command.promise;
    const leave = leaveAtEnd(call);
    if (leave === undefined) return original(self, args);
    try {
      return original(self, args);
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** The guard of `Cluster.prototype.setStatus`. */
export function aroundClusterStatus(source: RegistrySource, classes: CommandClasses): Around {
  return (original, self, args) => {
    const cluster = self as ClusterLike;
    const state = clusterState(cluster, classes);
    if (args[0] === 'ready') {
      state.group(cluster, source.registry);
      if (state.replay !== undefined) queueMicrotask(() => state.replay?.back());
    }
    return original(self, args);
  };
}

const known = new WeakSet<object>();

/** Its nodes are told apart from clients of their own. */
function clusterState(cluster: ClusterLike, classes: CommandClasses): ClientState {
  const state = stateOf(cluster, classes);
  if (known.has(cluster) || cluster.connectionPool === undefined) return state;
  known.add(cluster);
  state.isCluster = true;
  const mark = (node: RedisLike): void => {
    stateOf(node, classes).ofCluster = true;
  };
  isolated(() => {
    // The pool's own event: listeners of the cluster's can be counted.
    cluster.connectionPool?.on('+node', mark);
    // Read, not asked for: what the cluster's own methods do can be watched.
    for (const each of Object.values(cluster.connectionPool?.nodes?.all ?? {})) mark(each);
  });
  return state;
}
