import type { AcquireOptions } from '../../src/breaker/environment.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type Before, goOn, type Original } from '../shared/guard.ts';
import { CommandCall, callOf, canEnd, isolated, type Resent } from './call.ts';
import { type ClientState, stateOf } from './client-state.ts';
import { batchOf } from './cluster-batch.ts';
import type { CommandClass, CommandClasses } from './command-class.ts';
import { limitTime } from './deadlines.ts';
import { delayReply, hangCommand } from './injected.ts';
import { isOwn } from './own-command.ts';
import { selectedBy } from './queue-replay.ts';
import type { Send } from './redis-call.ts';
import { connectionClosed } from './release.ts';
import { expectResend, scriptKey, takeResend } from './resend.ts';
import { heedsFaults, sparesFaults } from './settle.ts';
import { admitFor } from './trial.ts';
import type { CommandLike, CommandType, RedisLike } from './types.ts';
import { type GuardedCommand, runWithPolicies } from './with-policies.ts';

/** Where an instrumentation's breakers live; may change while it is enabled. */
export interface RegistrySource {
  readonly registry: Registry;
}

/**
 * A worker that waits for its next job asks again as soon as it is answered. Refused at once, its loop would spin; so the
 * refusal takes this long, in ms: less than the command itself was ready to wait.
 */
const blockingRefusalMs = 500;

/** The command's caller is answered by somebody else. */
const taken = Symbol('taken');

/** The guard of `Redis.prototype.sendCommand`: one admission per logical call, or per attempt where policies make several. */
export function beforeSendCommand(source: RegistrySource, classes: CommandClasses): Before {
  return {
    before(self, args, original) {
      const command = args[0] as CommandLike | null | undefined;
      if (typeof command !== 'object' || command === null || callOf(command) !== undefined || !canEnd(command)) return goOn;
      const client = self as RedisLike;
      const state = stateOf(client, classes);
      const decision = decide(client, state, command, args.length > 1 && args[1] !== undefined, original);
      if (decision === undefined) return goOn;
      if (decision === taken) return command.promise;
      // As the client itself rejects a command that it cannot send: by the command's own promise or callback.
      if (classes.of(command) === 'blocking') source.registry.clock.setTimer(() => command.reject(decision), blockingRefusalMs);
      else command.reject(decision);
      return command.promise;
    },
    threw(_self, [command]) {
      if (typeof command === 'object' && command !== null) callOf(command)?.abandon?.();
    },
  };

  /** Made where there are policies: a function made in `decide` would cost every command an object for what it captures. */
  function sender(original: Original, client: RedisLike, state: ClientState): Send {
    return (command) => send(original, client, state, command);
  }

  /** An attempt of ours, or a command that has waited: on the way that it would have gone. */
  function send(original: Original, client: RedisLike, state: ClientState, command: CommandLike): Error | undefined {
    const refusal = decide(client, state, command, false, undefined);
    if (refusal instanceof Error) return refusal;
    // It meets an injected hang.
    if (refusal === taken) return undefined;
    let answered: unknown;
    try {
      answered = original(client, [command]);
    } catch (error) {
      isolated(() => callOf(command)?.abandon?.());
      throw error;
    }
    // Whoever traces commands may hand out a promise of his own.
    if (answered !== command.promise && answered instanceof Promise) answered.catch(() => undefined);
    return undefined;
  }

  function decide(
    client: RedisLike,
    state: ClientState,
    command: CommandLike,
    inPipeline: boolean,
    /** To send it again, for policies; `undefined` where it is an attempt of theirs. */
    again: Original | undefined,
  ): Error | typeof taken | undefined {
    const batch = batchOf(command);
    if (batch !== undefined) return batch.send(command, client, state, state.group(client, source.registry));
    const resend = state.resends.length > 0 ? takeResend(state, command) : undefined;
    if (resend !== undefined) {
      if (resend.admission !== undefined) new CommandCall(command, resend.admission, resent);
      return undefined;
    }
    if (state.refusedTransaction !== undefined) return state.refusedTransaction;
    if (state.commandType === undefined && scriptKey(command) === undefined) state.commandType = command.constructor as CommandType;
    if (passes(client, state, command)) return undefined;
    const operation = classes.of(command);
    if (operation === undefined) {
      noteUncounted(client, state, command.name.toLowerCase());
      return undefined;
    }
    const group = state.group(client, source.registry);
    const breaker = group.breaker(operation);
    // A closed client that ioredis goes on taking commands for, and never answers: none of them is a call.
    if (state.closed) return breaker.mode === 'enforce' ? connectionClosed() : undefined;
    const policies = policiesOf(breaker);
    let place: GuardedCommand['place'];
    if ((policies !== undefined || state.writes !== undefined) && again !== undefined && !inPipeline && !state.ofCluster && !isOwn(command)) {
      const send = sender(again, client, state);
      const call: GuardedCommand = { client, state, command, operation, server: group.key, db: selectedBy(client), send, place: undefined };
      if (runWithPolicies(breaker, policies, call)) return taken;
      place = call.place;
    }
    const admission = admitFor(client, state, group, operation, breaker, faultsFor(command, operation, inPipeline));
    if (admission instanceof Error) {
      place?.leave();
      if (command.name === 'multi') refuseTransaction(state, admission);
      return admission;
    }
    const injection = admission.permit?.injection;
    if (injection?.kind === 'hang') {
      hangCommand(client, command, admission, injection, place);
      return taken;
    }
    if (operation === 'write' && command.name === 'multi') state.inTransaction = true;
    const call = new CommandCall(command, admission, resent);
    if (place !== undefined) call.place = place;
    if (breaker.options.timeoutMs !== undefined && !call.indivisible) call.deadlines = limitTime(call, client);
    if (injection !== undefined) delayReply(command, injection);
    return undefined;
  }
}

function noteUncounted(client: RedisLike, state: ClientState, name: string): void {
  if (name === 'quit') state.closing = true;
  // The client's own comes before it is ready.
  if ((name === 'auth' || name === 'hello') && client.status === 'ready') state.isSomebodyElse = true;
}

/** What begins something on the connection, all of them writes, may be refused, but not kept waiting: what follows it would come first. */
const beginnings: ReadonlySet<string> = new Set(['multi', 'watch']);

function faultsFor({ name }: CommandLike, operation: CommandClass, inPipeline: boolean): AcquireOptions | undefined {
  if (inPipeline) return sparesFaults;
  return operation === 'write' && beginnings.has(name.toLowerCase()) ? undefined : heedsFaults;
}

const resent: Resent = (command, error, admission) => {
  if (command.name === 'multi') admission.state.inTransaction = false;
  return expectResend(admission.state, command, error, admission);
};

/**
 * What is sent in one breath with a refused MULTI was meant for its transaction: run by itself it would do what should have
 * been done together or not at all. Who waits for the answer to MULTI knows by then that there is none.
 */
function refuseTransaction(state: ClientState, refusal: Error): void {
  state.refusedTransaction = refusal;
  queueMicrotask(() => {
    state.refusedTransaction = undefined;
  });
}

/** Commands that pass unasked because of where the connection stands. */
function passes(client: RedisLike, state: ClientState, command: CommandLike): boolean {
  if (state.inTransaction) {
    const name = command.name.toLowerCase();
    if (name === 'exec' || name === 'discard') state.inTransaction = false;
    return true;
  }
  // The ready check; a user's own INFO in that short time goes along with it.
  return client.status !== 'ready' && command.name === 'info';
}
