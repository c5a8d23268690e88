import type { Breaker } from '../../src/breaker/breaker.ts';
import { policiesOf, sharedPolicies } from '../../src/policies/compose.ts';
import { policyPorts, type QueueSlot } from '../../src/policies/ports.ts';
import type { ServerGroup } from '../shared/admission.ts';
import type { ClientState } from './client-state.ts';
import { QueueReplay } from './queue-replay.ts';
import type { RedisLike } from './types.ts';
import { gaugeOf, WriteQueue } from './write-queue.ts';

interface ServerQueue {
  readonly writes: WriteQueue;
  readonly replay: QueueReplay;
}

/** By folder, then by server. */
const known = new WeakMap<QueueSlot, Map<string, ServerQueue>>();

/** The queue that a breaker's writes may wait in; `undefined` where its options name none. */
export function queueFor(client: RedisLike, state: ClientState, breaker: Breaker): WriteQueue | undefined {
  const options = breaker.options.policies?.fallback?.queue;
  const slot = options === undefined || state.ofCluster ? undefined : policyPorts().queue?.(options);
  const group = state.lastGroup;
  if (slot === undefined || group === undefined) return undefined;
  const { writes, replay } = serverQueue(slot, realmOf(client, group), breaker);
  replay.add(client, state, group);
  replay.watch(breaker);
  state.writes = writes;
  state.replay = replay;
  return writes;
}

/** Opens the queue of a client's server, if there is one: what an earlier process has left is to be made before anything new. */
export function openQueue(client: RedisLike, state: ClientState, group: ServerGroup): void {
  if (policyPorts().mayQueue !== true || state.ofCluster) return;
  const breaker = group.breaker('write');
  if (policiesOf(breaker)?.options?.fallback?.queue !== undefined) queueFor(client, state, breaker);
}

function serverQueue(slot: QueueSlot, realm: string, breaker: Breaker): ServerQueue {
  let servers = known.get(slot);
  if (servers === undefined) {
    servers = new Map();
    known.set(slot, servers);
    // Of a folder's first breaker: a sum over all breakers is then the sum of all folders.
    sharedPolicies(breaker).meters.queue ??= gaugeOf(slot);
  }
  let server = servers.get(realm);
  if (server === undefined) {
    const writes = new WriteQueue(slot, realm, breaker.clock);
    server = { writes, replay: new QueueReplay(writes, breaker.clock) };
    servers.set(realm, server);
  }
  return server;
}

/** A server's name that is the same after a restart and after a failover. */
function realmOf({ options, startupNodes }: RedisLike, group: ServerGroup): string {
  const { sentinels, name } = options;
  if (startupNodes !== undefined) return `cluster ${group.key}`;
  if (sentinels === undefined || sentinels === null) return group.key;
  const where = sentinels.map((each) => `${(each as { host?: string }).host ?? ''}:${(each as { port?: number }).port ?? ''}`).sort();
  return `sentinel ${name ?? ''} ${where.join(',')}`;
}
