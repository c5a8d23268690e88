import type { AcquireOptions } from '../../src/breaker/environment.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { policyPorts } from '../../src/policies/ports.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { type Before, goOn, type Original } from '../shared/guard.ts';
import { CommandCall, callOf, canEnd, isolated, type Resent } from './call.ts';
import { type ClientState, stateOf } from './client-state.ts';
import { batchOf } from './cluster-batch.ts';
import type { CommandClass, CommandClasses } from './command-class.ts';
import { limitTime } from './deadlines.ts';
import { holdBack, holdsBack, isItsOwn } from './hold.ts';
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
    current: (prototype) => (prototype as Partial<RedisLike>).sendCommand,
    before(self, command, pipelined, original) {
      if (!isCommand(command) || callOf(command) !== undefined || !canEnd(command)) return goOn;
      const client = self as RedisLike;
      const state = stateOf(client, classes);
      const inPipeline = pipelined !== undefined;
      if (!inPipeline && mustWait(client, state, command)) return keepWaiting(client, state, command, original);
      return take(client, state, command, inPipeline, original) ? command.promise : goOn;
    },
    threw(_self, command) {
      if (isCommand(command)) callOf(command)?.abandon?.();
    },
  };

  /** Apart from `before`: a function made there would cost every command an object for what it captures. */
  function keepWaiting(client: RedisLike, state: ClientState, command: CommandLike, original: Original): Promise<unknown> {
    holdBack(state, () => goAfterwards(client, state, command, original));
    return command.promise;
  }

  /** Whether its caller is answered by somebody else. */
  function take(client: RedisLike, state: ClientState, command: CommandLike, inPipeline: boolean, original: Original): boolean {
    const decision = decide(client, state, command, inPipeline, original);
    if (decision === undefined) return false;
    if (decision === taken) return true;
    // As the client itself rejects a command that it cannot send: by the command's own promise or callback.
    if (classes.of(command) === 'blocking') source.registry.clock.setTimer(() => command.reject(decision), blockingRefusalMs);
    else command.reject(decision);
    return true;
  }

  function mustWait(client: RedisLike, state: ClientState, command: CommandLike): boolean {
    // The first command of a client opens the queue.
    if (policyPorts().mayQueue === true && state.lastGroup === undefined && classes.of(command) !== undefined) state.group(client, source.registry);
    return holdsBack(state) && !isOwn(command) && !isItsOwn(client, state, command);
  }

  function goAfterwards(client: RedisLike, state: ClientState, command: CommandLike, original: Original): void {
    try {
      if (!take(client, state, command, false, original)) sendOn(original, client, command);
    } catch (error) {
      // Its caller has his promise by now.
      command.reject(error);
    }
  }

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
    sendOn(original, client, command);
    return undefined;
  }

  function sendOn(original: Original, client: RedisLike, command: CommandLike): void {
    let answered: unknown;
    try {
      answered = original(client, [command]);
    } catch (error) {
      isolated(() => callOf(command)?.abandon?.());
      throw error;
    }
    // Whoever traces commands may hand out a promise of his own.
    if (answered !== command.promise && answered instanceof Promise) answered.catch(() => undefined);
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
    // A closed client, which goes on taking commands, and answers them if it is made to connect after all: none of them is a call.
    if (state.closed && isOwn(command)) return breaker.mode === 'enforce' ? connectionClosed() : undefined;
    const policies = policiesOf(breaker);
    let place: GuardedCommand['place'];
    if ((policies !== undefined || state.writes !== undefined) && again !== undefined && !inPipeline && !state.ofCluster && !isOwn(command)) {
      const send = sender(again, client, state);
      const call: GuardedCommand = { client, state, command, operation, server: group.key, db: selectedBy(client), send, place: undefined };
      if (runWithPolicies(breaker, policies, call)) return taken;
      place = call.place;
    }
    if (state.closed) {
      place?.leave();
      return undefined;
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

function isCommand(value: unknown): value is CommandLike {
  return typeof value === 'object' && value !== null;
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
    // It comes again when the client sends what waits for a connection; by then EXEC has been given, too.
    if (client.status !== 'ready') {
      state.parts ??= new WeakSet();
      state.parts.add(command);
    }
    return true;
  }
  if (state.parts?.has(command) === true) return true;
  // The ready check; a user's own INFO in that short time goes along with it.
  return client.status !== 'ready' && command.name === 'info';
}
