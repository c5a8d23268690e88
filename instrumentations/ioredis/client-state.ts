import type { Registry } from '../../src/registry/registry.ts';
import { type ServerGroup, serverGroup } from '../shared/admission.ts';
import type { LivenessQuestion } from '../shared/liveness.ts';
import { type CommandClasses, commandClasses } from './command-class.ts';
import { redisAnswerMs, redisDefaults, redisStartMs } from './defaults.ts';
import type { HungCall } from './injected.ts';
import type { QueueReplay } from './queue-replay.ts';
import { openQueue } from './queues.ts';
import { releaseOnOutage } from './release.ts';
import type { Resend } from './resend.ts';
import type { CommandLike, CommandType, RedisLike } from './types.ts';
import type { WriteQueue } from './write-queue.ts';

/** By the configuration of a moment. */
interface Wanted {
  readonly revision: number;
  readonly classes: Map<string, boolean>;
  any: boolean | undefined;
}

/** What is known of one client. */
export class ClientState {
  /** The user is closing it: what is cut off by that is cancelled, not failed. */
  closing = false;
  /** It was closed while it waited to connect again: it keeps what it is given, and answers it only if it is made to connect after all. */
  closed = false;
  /** The application has logged in as another user than its options say: what he is told is his. */
  isSomebodyElse = false;
  /** Between MULTI and EXEC sent one by one. */
  inTransaction = false;
  /** The refusal of a MULTI, for what is sent in one breath with it. */
  refusedTransaction: Error | undefined;
  /** Calls wait for an attempt to connect that an open circuit knows nothing of. */
  onTrial = false;
  readonly resends: Resend[] = [];
  /** What was given within transactions before the client was ready. */
  parts: WeakSet<CommandLike> | undefined;
  /** How much is kept back until the queue of its server's writes is open. */
  held = 0;
  /** What was kept back goes on now. */
  letsGo = false;
  /** It puts its connection in order. */
  arranging = false;
  /** Calls that meet an injected hang. */
  readonly hung = new Set<HungCall>();
  /** A node of a Cluster: what concerns the logical call is the Cluster's business. */
  ofCluster = false;
  isCluster = false;
  /** Where its writes may wait. */
  writes: WriteQueue | undefined;
  /** What makes them afterwards. */
  replay: QueueReplay | undefined;
  /** Of plain commands; `undefined` before the first one. */
  commandType: CommandType | undefined;
  /** Of the client's own copy of ioredis. */
  readonly classes: CommandClasses;
  /** When it was first seen, in ms of the registry's clock; `undefined` once it has been connected. */
  #newSince: number | undefined = Number.NaN;
  #group: ServerGroup | undefined;
  /** Of calls that were made before the sentinels had told who the master is. */
  #awaited: ServerGroup | undefined;
  #registry: Registry | undefined;
  /** Which classes of operation have policies. */
  #wanted: Wanted | undefined;

  constructor(classes: CommandClasses) {
    this.classes = classes;
  }

  /** The breakers of the server that the client talks to. */
  group(client: RedisLike, registry: Registry): ServerGroup {
    if (this.#group === undefined || this.#registry !== registry) {
      this.#registry = registry;
      const server = describe(client);
      this.#group = serverGroup(registry, server);
      if (hasSentinels(client) && server.port === undefined) this.#awaited = this.#group;
      releaseOnOutage(client, this, this.#group, registry.clock);
      this.ofCluster ||= isHelper(client);
      openQueue(client, this, this.#group);
    }
    return this.#group;
  }

  /** The one last asked for. */
  get lastGroup(): ServerGroup | undefined {
    return this.#group;
  }

  /** Whether calls of a class have policies. Asked without making a breaker of what may never be called. */
  isWanted(operation: string, group: ServerGroup, registry: Registry): boolean {
    const { classes } = this.#wantedNow(registry);
    let is = classes.get(operation);
    if (is === undefined) {
      is = group.hasPolicies(operation);
      classes.set(operation, is);
    }
    return is;
  }

  /** Whether calls of any class have. */
  isWantedAtAll(group: ServerGroup, registry: Registry): boolean {
    const wanted = this.#wantedNow(registry);
    wanted.any ??= commandClasses.some((operation) => this.isWanted(operation, group, registry));
    return wanted.any;
  }

  #wantedNow({ revision }: Registry): Wanted {
    if (this.#wanted?.revision !== revision) this.#wanted = { revision, classes: new Map(), any: undefined };
    return this.#wanted;
  }

  /** Whether its server may still be starting: then a refused connection is none of ours to judge. */
  isStarting(registry: Registry): boolean {
    if (this.#newSince === undefined) return false;
    const now = registry.clock.now();
    if (Number.isNaN(this.#newSince)) this.#newSince = now;
    return now - this.#newSince < redisStartMs;
  }

  ready(): void {
    this.#newSince = undefined;
    this.#awaited?.reached(true);
    this.#awaited = undefined;
  }

  /** The client has connected, with sentinels perhaps to another server than before. */
  connected(client: RedisLike): void {
    if (hasSentinels(client)) this.#group = undefined;
  }
}

const states = new WeakMap<RedisLike, ClientState>();

export function stateOf(client: RedisLike, classes: CommandClasses): ClientState {
  let state = states.get(client);
  if (state === undefined) {
    state = new ClientState(classes);
    states.set(client, state);
  }
  return state;
}

/** A connection that a Cluster makes for itself, to hear of messages or to ask for its slots: no call of the application's goes over it. */
function isHelper({ options: { connectionName } }: RedisLike): boolean {
  return typeof connectionName === 'string' && connectionName.startsWith('ioredis-cluster(');
}

function hasSentinels({ options }: Pick<RedisLike, 'options'>): boolean {
  return options.sentinels !== undefined && options.sentinels !== null;
}

/**
 * PING needs no login: a refusal is an answer, too. Not being able to work is none. In the form that clients use: proxies
 * and stand-ins for Redis may not know the short one.
 */
const ping: Omit<LivenessQuestion, 'to'> = {
  ask: '*1\r\n$4\r\nPING\r\n',
  timeoutMs: redisAnswerMs,
  accepts: (answer) => !/^-(LOADING|MASTERDOWN|BUSY)\b/.test(answer.toString('latin1', 0, 16)),
};

function describe(given: RedisLike): Parameters<typeof serverGroup>[1] {
  const client = given.startupNodes === undefined ? given : firstNode(given);
  const { options, stream } = client;
  const common = { scheme: 'redis', defaults: redisDefaults, startMs: redisStartMs };
  // Through a connector of the user's own, a connection of ours might end elsewhere.
  const reachable = options.Connector === undefined || options.Connector === null;
  if (hasSentinels(client)) {
    const { remoteAddress, remotePort } = stream ?? {};
    if (remoteAddress === undefined || remotePort === undefined) return { ...common, address: options.name ?? 'sentinel' };
    return { ...common, address: remoteAddress, port: remotePort, liveness: { ...ping, tls: tlsOf(client) } };
  }
  const liveness = reachable ? { liveness: { ...ping, tls: tlsOf(client) } } : {};
  if (typeof options.path === 'string' && options.path !== '') return { ...common, ...liveness, address: options.path };
  return { ...common, ...liveness, address: options.host ?? 'localhost', port: options.port ?? 6379 };
}

/** A Cluster stands, for its policies, under the name of the first node that it was given. */
function firstNode({ startupNodes, options }: RedisLike): Pick<RedisLike, 'options' | 'stream'> {
  const [first] = startupNodes ?? [];
  return { options: { ...options.redisOptions, ...addressOf(first) } };
}

/** As ioredis takes it: a port, an address as text or URL, or options. */
function addressOf(node: unknown): { readonly host?: string; readonly port?: number } {
  if (typeof node === 'object' && node !== null) return node;
  if (typeof node === 'number') return { port: node };
  const text = String(node);
  const address = text.includes('://') ? text : `redis://${text}`;
  if (!URL.canParse(address)) return {};
  const { hostname, port } = new URL(address);
  return { host: hostname, ...(port !== '' && { port: Number(port) }) };
}

function tlsOf({ options }: Pick<RedisLike, 'options'>): LivenessQuestion['tls'] {
  const { tls } = options;
  if (tls === undefined || tls === null || tls === false) return undefined;
  if (hasSentinels({ options }) && options.enableTLSForSentinelMode !== true) return undefined;
  return tls === true ? {} : tls;
}
