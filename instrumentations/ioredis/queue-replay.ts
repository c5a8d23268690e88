import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import type { AttemptContext, AttemptVerdict } from '../../src/policies/durable-queue/handlers.ts';
import type { ServerGroup } from '../shared/admission.ts';
import type { ClientState } from './client-state.ts';
import { replayOf } from './own-command.ts';
import { replayed } from './queued-commands.ts';
import { queuedVerdict } from './queued-verdict.ts';
import type { CommandType, RedisLike } from './types.ts';
import type { QueuedPayload, WriteQueue } from './write-queue.ts';

/** Longest time, in ms, for one queued write: whoever closes the queue waits for those under way. */
const longestMs = 10_000;
/** When nobody has told that the server is back: try again after so long, in ms. */
const againMs = 5_000;
/** A connection of our own is closed after so long, in ms, without a use. */
const idleMs = 10_000;

/** No client of the application can take a write now. */
class NobodyConnected extends Error {}

interface Ready {
  readonly client: RedisLike;
  readonly state: ClientState;
  readonly group: ServerGroup;
  readonly type: CommandType;
}

interface Known {
  readonly client: WeakRef<RedisLike>;
  readonly state: ClientState;
  readonly group: ServerGroup;
}

/**
 * Makes the queued writes of a server, by the clients that the application has for it. While it is away nobody is registered
 * for them, so that they hold up no other server's.
 */
export class QueueReplay {
  readonly #writes: WriteQueue;
  readonly #clock: Clock;
  readonly #known = new Map<ClientState, Known>();
  /** Of our own, for databases that no client of the application has selected. */
  readonly #own = new Map<number, { readonly client: RedisLike; idle: Timer | undefined }>();
  readonly #watched = new WeakSet<Breaker>();
  #registered: Disposable | undefined;
  #again: Timer | undefined;

  constructor(writes: WriteQueue, clock: Clock) {
    this.#writes = writes;
    this.#clock = clock;
    // A reload opens it too, where it could not be opened before.
    writes.slot.onOpen(() => this.back());
  }

  /** A client of the server. Not held on to. */
  add(client: RedisLike, state: ClientState, group: ServerGroup): void {
    if (this.#known.has(state)) return;
    for (const [its, { client: reference }] of this.#known) if (reference.deref() === undefined) this.#known.delete(its);
    this.#known.set(state, { client: new WeakRef(client), state, group });
  }

  /** Its circuits tell when to go on. */
  watch(breaker: Breaker): void {
    if (this.#watched.has(breaker)) return;
    this.#watched.add(breaker);
    breaker.on('transition', ({ to }) => {
      if (to !== 'open') this.back();
    });
  }

  /** The server may be back. */
  back(): void {
    const { queue, handler } = this.#writes;
    if (queue === undefined || !this.#anyReady()) return;
    this.#again?.cancel();
    this.#again = undefined;
    this.#registered ??= queue.handle<QueuedPayload>(handler, {
      deliver: (payload, context) => this.#deliver(payload, context),
      classify: (error) => this.#judge(error),
      healthy: () => this.#healthy(),
    });
    queue.resume();
  }

  #away(): void {
    this.#registered?.[Symbol.dispose]();
    this.#registered = undefined;
    this.#again ??= this.#clock.setTimer(() => {
      this.#again = undefined;
      this.back();
    }, againMs);
  }

  #judge(error: unknown): AttemptVerdict {
    const verdict = error instanceof NobodyConnected ? 'unavailable' : queuedVerdict(error);
    if (verdict === 'unavailable') this.#away();
    return verdict;
  }

  async #deliver({ db, ...command }: QueuedPayload, { ageMs }: AttemptContext): Promise<void> {
    const { client, state, group, type } = this.#clientFor(db);
    const { name, args } = replayed(command, ageMs);
    // Asked without being counted: the caller's own call has been counted when it was made.
    const refusal = state.isCluster ? undefined : group.breaker(name === 'del' ? 'delete' : 'write').refusal();
    if (refusal !== undefined) throw refusal;
    const made = replayOf(type, name, args);
    client.sendCommand(made);
    await this.#inTime(made.promise, group.key);
  }

  #inTime(answer: Promise<unknown>, server: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => reject(new CallTimeoutError(server, longestMs)), longestMs);
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #clientFor(db: number): Ready {
    let other: Ready | undefined;
    for (const found of this.#ready()) {
      if (connectedTo(found.client) === db) return found;
      other ??= found;
    }
    if (other !== undefined) this.#connect(other.client, db);
    throw new NobodyConnected(`no client has database ${db} selected`);
  }

  *#ready(): Iterable<Ready> {
    for (const { client: reference, state, group } of this.#known.values()) {
      const client = reference.deref();
      if (client?.status !== 'ready' || state.inTransaction || state.closing || client.condition?.subscriber) continue;
      const type = state.commandType ?? (client.constructor as { Command?: CommandType }).Command;
      if (type !== undefined) yield { client, state, group, type };
    }
  }

  #anyReady(): boolean {
    for (const _ of this.#ready()) return true;
    return false;
  }

  #healthy(): boolean {
    for (const { group } of this.#ready()) return group.breaker('write').state === 'closed';
    return false;
  }

  /** The application's own clients stay where they are: another connection for another database, for as long as it is needed. */
  #connect(like: RedisLike, db: number): void {
    const known = this.#own.get(db);
    if (known !== undefined) return;
    const client = like.duplicate({ db, lazyConnect: false });
    const entry = { client, idle: undefined as Timer | undefined };
    this.#own.set(db, entry);
    // What it has to say is heard by the guard as it is.
    client.on('error', () => undefined);
    client.on('connect', () => (client as { stream?: { unref?(): void } }).stream?.unref?.());
    const close = (): void => {
      if (this.#writes.queue?.depth) {
        entry.idle = this.#clock.setTimer(close, idleMs);
        return;
      }
      this.#own.delete(db);
      client.disconnect();
    };
    entry.idle = this.#clock.setTimer(close, idleMs);
  }
}

/** Which database a connection is at. */
function connectedTo(client: RedisLike): number {
  return client.condition?.select ?? client.options.db ?? 0;
}

/** Which database a command given now is meant for. While a client reconnects, it goes back to the first one for a moment. */
export function selectedBy({ condition, prevCondition, options: { db = 0 } }: RedisLike): number {
  const select = condition?.select ?? db;
  return select === db ? (prevCondition?.select ?? select) : select;
}
