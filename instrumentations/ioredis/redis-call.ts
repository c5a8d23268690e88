import type { Breaker } from '../../src/breaker/breaker.ts';
import { isRejection } from '../../src/breaker/judge.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { overtaken } from '../../src/policies/limits.ts';
import type { Attempt, PolicyCall } from '../../src/policies/policy-call.ts';
import type { QueueHook, StaleHook } from '../../src/policies/ports.ts';
import { redisCacheKey } from '../../src/policies/stale-cache/keys.ts';
import { staleStoreOf } from '../../src/policies/stale-store.ts';
import { judge } from '../shared/admission.ts';
import { classifyRedisError } from './classify.ts';
import type { ClientState } from './client-state.ts';
import type { CommandClass } from './command-class.ts';
import { emptyReply } from './empty-reply.ts';
import { attemptOf, type ReplyContext, replyContextOf, transformed } from './own-command.ts';
import { queueFor } from './queues.ts';
import type { CommandLike, RedisLike } from './types.ts';
import { isElsewhere, wayHome } from './way-home.ts';

/** Their answers are of the moment, or of chance: the last one is no answer to the next. */
const neverStale: ReadonlySet<string> = new Set([
  ...['srandmember', 'hrandfield', 'zrandmember', 'randomkey', 'xread', 'xpending', 'object', 'touch', 'time', 'dbsize', 'memory'],
]);

/** For who has waited, and for nobody else: what is not kept waiting comes before all that. */
export const elsewhere = 'a transaction was begun or another database selected on its connection';

/** What a stale answer is made of again: the reply as it was sent, so that each caller gets it in the form he asks for. */
interface Kept {
  readonly reply: unknown;
  readonly context: ReplyContext | undefined;
}

/** The class of operation that policies know a command by: PING and INFO leave what is stored as it is; so do scripts that say so. */
export function policyOperation({ name }: CommandLike, operation: CommandClass): string {
  return operation === 'admin' || /_ro$/i.test(name) ? 'read' : operation;
}

/** Sends a command of ours on the guarded way. Returns the refusal, if it is refused. */
export type Send = (command: CommandLike) => Error | undefined;

/** One command of the application's as the policies see it: its own command stays unsent, each attempt has one of its own. */
export class RedisCall implements PolicyCall<unknown> {
  readonly keepsErrors = true;
  readonly #client: RedisLike;
  readonly #state: ClientState;
  readonly #command: CommandLike;
  readonly #class: CommandClass;
  readonly #server: string;
  /** Selected when the command was given. */
  readonly #db: number;
  readonly #send: Send;
  #last: Kept | undefined;
  #error: unknown;
  #over = false;
  #queue: { readonly hook: QueueHook<unknown> | undefined } | undefined;

  constructor(
    readonly breaker: Breaker,
    of: { client: RedisLike; state: ClientState; command: CommandLike; operation: CommandClass; server: string; db: number; send: Send },
  ) {
    this.#client = of.client;
    this.#state = of.state;
    this.#command = of.command;
    this.#class = of.operation;
    this.#server = of.server;
    this.#db = of.db;
    this.#send = of.send;
  }

  get operation(): string {
    return policyOperation(this.#command, this.#class);
  }

  get idempotent(): boolean {
    return this.#class === 'read' || this.#class === 'scan';
  }

  /** As `call(name, ...args)` takes them, for tiers and handlers. */
  get args(): readonly unknown[] {
    return [this.#command.name, ...this.#command.args];
  }

  async attempt({ number }: Attempt): Promise<unknown> {
    let go = (send: () => void): void => send();
    if (isElsewhere(this.#client, this.#state, this.#db)) {
      this.#over = true;
      if (number > 1) throw this.#error;
      if (this.#isBounded) throw overtaken(this.breaker, elsewhere);
      go = await wayHome(this.breaker, this.#client, this.#state, this.#db);
    }
    const command = attemptOf(this.#command);
    const queue = this.#queue?.hook;
    if (queue !== undefined) tellRefusal(command, queue);
    // Heard before it is sent: it may be refused at once.
    const reply = command.promise.then(
      (value) => ({ value }),
      (error: unknown) => {
        this.#error = error;
        throw error;
      },
    );
    go(() => {
      const refusal = this.#send(command);
      if (refusal !== undefined) command.reject(refusal);
    });
    const { value } = await reply;
    const context = replyContextOf(command);
    this.#last = { reply: value, context };
    return transformed(this.#command, value, context);
  }

  /** Whether it may have waited for a place; else its turn behind queued writes is all that it has waited for. */
  get #isBounded(): boolean {
    return !this.breaker.onlyWatches && policiesOf(this.breaker)?.bulkhead !== undefined;
  }

  outcomeOf(error: unknown): Outcome | 'cancelled' {
    const { outcome, ofConnection } = classifyRedisError(error);
    const { status } = this.#client;
    if ((this.#state.closing || status === 'end' || status === 'disconnecting') && ofConnection) return 'cancelled';
    const timedOut = (error as { code?: unknown } | null | undefined)?.code === 'ECALLTIMEOUT';
    return judge(this.breaker, { ok: false, error }, timedOut ? 'failure' : outcome);
  }

  isTransient(): boolean {
    return !this.#over;
  }

  /** A configured text is a Buffer to who asks for Buffers; each caller has an object of its own. */
  served(value: unknown): unknown {
    if (this.#command.replyEncoding === null) return asBuffers(value);
    return typeof value === 'object' && value !== null ? structuredClone(value) : value;
  }

  get empty(): (() => unknown) | undefined {
    const { name, args } = this.#command;
    const empty = this.#class === 'read' || this.#class === 'scan' ? emptyReply(name, args) : undefined;
    return empty && (() => transformed(this.#command, empty.reply, undefined));
  }

  get stale(): StaleHook<unknown> | undefined {
    const { name, args } = this.#command;
    if (this.#class !== 'read' || this.#state.isSomebodyElse || neverStale.has(name.toLowerCase())) return undefined;
    const store = staleStoreOf(this.breaker);
    if (store === undefined) return undefined;
    const { username, dropBufferSupport, protocol, stringNumbers } = this.#client.options;
    const key = redisCacheKey({
      // What the same reply looks like depends on these.
      server: `${this.#server} ${dropBufferSupport === true} ${stringNumbers === true} ${protocol ?? ''}`,
      db: this.#db,
      user: username ?? undefined,
      command: name,
      args,
    });
    if (key === undefined) return undefined;
    return {
      keep: () => {
        if (this.#last !== undefined) store.set(key, this.#last);
      },
      find: async () => {
        // What is kept is older than what this process has been told is written.
        if (this.#state.writes?.concerns(this.#command, this.#db) === true) return undefined;
        const found = await store.get(key);
        if (found === undefined) return undefined;
        const { reply, context } = found.value as Kept;
        return { ...found, value: transformed(this.#command, reply, context) };
      },
    };
  }

  get queue(): QueueHook<unknown> | undefined {
    if (this.#queue !== undefined) return this.#queue.hook;
    const writes = this.#class === 'write' ? queueFor(this.#client, this.#state, this.breaker) : undefined;
    // Of this breaker: several may share a folder and name different commands.
    const hook = writes?.hook(this.#command, this.#db, this.breaker.options.policies?.fallback?.queue?.commands);
    this.#queue = { hook };
    return hook;
  }
}

/** At once, while the next write of the same key may be given in the same breath. Of a Cluster only the node's own refusal tells. */
function tellRefusal(command: CommandLike, queue: QueueHook<unknown>): void {
  const { reject } = command;
  command.reject = (error) => {
    if (isRejection(error)) queue.refused?.();
    return reject.call(command, error);
  };
}

function asBuffers(value: unknown): unknown {
  if (typeof value === 'string') return Buffer.from(value);
  if (Array.isArray(value)) return value.map(asBuffers);
  return typeof value === 'object' && value !== null ? structuredClone(value) : value;
}
