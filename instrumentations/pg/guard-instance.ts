import type { Registry } from '../../src/registry/registry.ts';
import { type Around, type Guard, guardMethod, type Through } from '../shared/guard.ts';
import type { Undo } from '../shared/hook.ts';
import type { InstanceGuard } from '../shared/protect-client.ts';
import { Databases } from './database.ts';
import { type PgGuards, pgGuards } from './guards.ts';
import { Transactions } from './transaction.ts';
import { isFunction, type PgClient, type PgConnectionParametersClass, type PgPool } from './types.ts';

type PoolInstance = PgPool & { readonly Client: new (options: unknown) => PgClient };
type ClientInstance = PgClient & { query: unknown; connect: unknown };

/** One pool or client that was given to be protected; the clients of a pool share it. */
interface Membership {
  readonly guards: PgGuards;
  over: boolean;
}

/**
 * Guards a pg pool with the clients that it has and makes, or a client, whatever copy of pg made it. Its class is shared
 * with pools and clients that nobody asked to protect, so the guards let those pass.
 */
export const guardPgInstance: InstanceGuard = (client, source) => {
  if (isPool(client)) return guardPool(client, guardsOf(source));
  return isClient(client) ? guardClient(client, guardsOf(source)) : undefined;
};

const members = new WeakMap<object, Membership>();
/** The guard of a method, and for how many members it is there. */
interface Shared {
  readonly guard: Guard;
  members: number;
}

const installed = new WeakMap<object, Map<string, Shared>>();
const bySource = new WeakMap<object, PgGuards>();
/** Set while a protected pool makes a client connect. */
let making: Membership | undefined;

function guardsOf(source: { readonly registry: Registry }): PgGuards {
  let guards = bySource.get(source);
  if (guards === undefined) {
    guards = pgGuards(new Databases(() => source.registry), new Transactions());
    bySource.set(source, guards);
  }
  return guards;
}

const membershipOf = (holder: unknown): Membership | undefined => {
  const membership = members.get(holder as object);
  return membership?.over === true ? undefined : membership;
};

function guardPool(pool: PoolInstance, guards: PgGuards): Undo {
  if (membershipOf(pool) !== undefined) return () => undefined;
  const membership = { guards, over: false };
  members.set(pool, membership);
  for (const client of pool._clients ?? []) members.set(client, membership);
  if (guards.databases.ofPool(pool) === undefined) learnParameters(pool, guards.databases);
  return leave(membership, [...share(pool, poolArounds), ...share(pool.Client.prototype, clientArounds)]);
}

function guardClient(client: ClientInstance, guards: PgGuards): Undo {
  if (membershipOf(client) !== undefined) return () => undefined;
  const membership = { guards, over: false };
  members.set(client, membership);
  return leave(membership, share(client, clientArounds));
}

function leave(membership: Membership, undo: readonly Undo[]): Undo {
  return () => {
    membership.over = true;
    for (const each of undo) each();
  };
}

/**
 * Only a client knows what connection strings and PG* variables come to, and a new pool has none. One is made to be asked:
 * on a stream of ours, so that neither a socket nor a stream of the application's is.
 */
function learnParameters(pool: PoolInstance, databases: Databases): void {
  const { PassThrough } = process.getBuiltinModule('node:stream');
  const { connectionParameters } = new pool.Client({ ...pool.options, stream: new PassThrough() });
  if (connectionParameters !== undefined) databases.useParameters(connectionParameters.constructor as PgConnectionParametersClass);
}

type Chosen<Kind> = (guards: PgGuards) => Kind;

const forMembers =
  (choose: Chosen<Around>): Around =>
  (original, self, args) => {
    const membership = membershipOf(self);
    return membership === undefined ? original(self, args) : choose(membership.guards)(original, self, args);
  };

const throughForMembers = (choose: Chosen<Through>): Through => ({
  through: (self, args) => {
    const membership = membershipOf(self);
    return membership && choose(membership.guards).through(self, args);
  },
  around: forMembers((guards) => choose(guards).around),
});

type Arounds = Readonly<Record<string, Around | Through>>;

const poolArounds: Arounds = {
  query: forMembers((guards) => guards.poolQuery),
  connect: throughForMembers((guards) => guards.poolConnect),
  end: forMembers((guards) => guards.poolEnd),
  newClient: (original, self, args) => {
    const membership = membershipOf(self);
    if (membership === undefined) return original(self, args);
    const outer = making;
    making = membership;
    try {
      return membership.guards.poolNewClient(original, self, args);
    } finally {
      making = outer;
    }
  },
};

const guardConnect = forMembers((guards) => guards.clientConnect);

const clientArounds: Arounds = {
  query: throughForMembers((guards) => guards.clientQuery),
  connect: (original, self, args) => {
    if (making !== undefined) members.set(self as object, making);
    return guardConnect(original, self, args);
  },
};

/** Guards methods where they are first defined: a subclass calls inward, and would count twice if both were guarded. */
function share(holder: object, arounds: Arounds): Undo[] {
  const undo: Undo[] = [];
  for (const [name, around] of Object.entries(arounds)) undo.push(shareMethod(ownerOf(holder, name), name, around));
  return undo;
}

/** A function of its own: what it returns must not keep the holder alive. */
function shareMethod(owner: object, name: string, around: Around | Through): Undo {
  const methods = installed.get(owner) ?? new Map<string, Shared>();
  installed.set(owner, methods);
  const shared = methods.get(name) ?? { guard: guardMethod(owner, name, around), members: 0 };
  methods.set(name, shared);
  shared.members += 1;
  return () => {
    shared.members -= 1;
    if (shared.members > 0) return;
    methods.delete(name);
    shared.guard.remove();
  };
}

function ownerOf(holder: object, name: string): object {
  let owner = holder;
  for (let at: object | null = holder; at !== null; at = Object.getPrototypeOf(at)) if (Object.hasOwn(at, name)) owner = at;
  return owner;
}

function isPool(client: object): client is PoolInstance {
  return has(client, 'query', 'connect', 'end', 'newClient', 'Client') && Array.isArray((client as PgPool)._clients);
}

function isClient(client: object): client is ClientInstance {
  return has(client, 'query', 'connect', 'end') && 'connectionParameters' in client;
}

function has(client: object, ...methods: string[]): boolean {
  return methods.every((method) => isFunction((client as Record<string, unknown>)[method]));
}
