import type { Clock } from '../../src/core/clock.ts';
import { CallTimeoutError } from '../../src/core/errors.ts';
import type { Outage, ServerGroup } from '../shared/admission.ts';
import { type Call, callOf, isolated } from './call.ts';
import type { ClientState } from './client-state.ts';
import { redisAnswerMs } from './defaults.ts';
import { isOwn } from './own-command.ts';
import type { CommandLike, CommandQueue, RedisLike } from './types.ts';

/**
 * Calls that were admitted just before their circuit opened. ioredis would keep them for ten seconds when the server is
 * gone, and for ever when it is frozen; their callers are answered now. What has not been sent is taken out of the queues,
 * so that nothing is carried out later that its caller was told had failed. An answer that is still to come on a living
 * connection stays expected, and is nobody's. A command that may itself be what keeps the server busy is let finish.
 */
function releaseWaiting(client: RedisLike, state: ClientState, group: ServerGroup, outage: Outage): void {
  if (client.offlineQueue !== undefined) takeOut(client.offlineQueue, group, refusal);
  // A connection is lost, and these were sent over it: they may have been carried out.
  if (client.status !== 'ready' && client.prevCommandQueue) takeOut(client.prevCommandQueue, group, timedOut);
  if (outage === 'silent' && client.commandQueue !== undefined) answerSent(client.commandQueue, group);
  if (outage === 'silent') answerHung(state, group);
}

/** Calls that meet an injected hang are in no queue; they are answered as those are whose server is silent. */
function answerHung({ hung }: ClientState, group: ServerGroup): void {
  for (const call of hung) {
    const { admission } = call;
    if (admission.group === group && admission.breaker.state === 'open') isolated(() => call.release(timedOut(call)));
  }
}

/** The client is closed: nothing that it was given will be answered. */
export function closeHung({ hung }: ClientState): void {
  for (const call of hung) call.failed(connectionClosed());
}

/** As ioredis says it. */
export function connectionClosed(): Error {
  return new Error('Connection is closed.');
}

/**
 * A client was closed while it waited to connect again. It says no more that it has ended, and keeps what waits in it: should it be made to
 * connect after all, that is carried out. So it stays where it is; its permits come back. Attempts of our policies are told at once, since
 * there is somebody who knows what to do instead.
 */
export function closeWaiting({ offlineQueue, prevCommandQueue, commandQueue }: RedisLike): void {
  for (const queue of new Set([offlineQueue, prevCommandQueue, commandQueue])) {
    if (!queue) continue;
    const told: CommandLike[] = [];
    const over: Call[] = [];
    removeAll(queue, (command) => {
      const call = callOf(command);
      const isOut = call?.admission.breaker.mode === 'enforce' && isOwn(command);
      if (isOut) told.push(command);
      else if (call !== undefined) over.push(call);
      return isOut;
    });
    for (const call of over) isolated(() => call.cancel());
    for (const command of told) command.reject(connectionClosed());
  }
}

/** Longest time, in ms, that a silent server may be at work on a command of ours. */
const longestWorkMs = 30_000;

function answerSent(queue: CommandQueue, group: ServerGroup): void {
  for (const [call, commands] of callsIn(queue, group)) {
    const { permit, breaker, state } = call.admission;
    if (permit === undefined || permit.untimed) continue;
    const mayBeWorkedOn = commands.some(({ name }) => !state.classes.isQuick(name));
    if (mayBeWorkedOn && breaker.clock.now() - permit.startedAt < longestWorkMs) continue;
    isolated(() => call.release(timedOut(call), false));
  }
}

function refusal({ admission: { breaker, permit } }: Call): Error {
  // One that had waited for a connection on trial has not been counted yet.
  if (permit === undefined) breaker.tryAcquire({ faults: 'none' })?.cancel();
  // One that was admitted has not been refused: only the circuit as it is now can say for how long.
  return breaker.refusal() ?? breaker.rejection();
}

function timedOut({ admission: { breaker, permit } }: Call): Error {
  return new CallTimeoutError(breaker.name, Math.round(breaker.clock.now() - (permit?.startedAt ?? 0)));
}

function takeOut(queue: CommandQueue, group: ServerGroup, errorFor: (call: Call) => Error): void {
  const calls = callsIn(queue, group);
  if (calls.size === 0) return;
  removeAll(queue, (command) => {
    const call = callOf(command);
    return call !== undefined && calls.has(call);
  });
  for (const call of calls.keys()) isolated(() => call.release(errorFor(call), true));
}

/**
 * All at once, and nothing else may happen meanwhile: to take a command out from between others the queue moves all that are behind it, or before it, and there may be tens of thousands of
 * each.
 */
function removeAll(queue: CommandQueue, isOut: (command: CommandLike) => boolean): void {
  for (let left = queue.length; left > 0; left -= 1) {
    const item = queue.shift();
    if (item !== undefined && !isOut(item.command)) queue.push(item);
  }
}

/** The calls of a server whose circuit refuses by now; in shadow mode and the like none does, and nothing changes. */
function callsIn(queue: CommandQueue, group: ServerGroup): Map<Call, CommandLike[]> {
  const calls = new Map<Call, CommandLike[]>();
  for (let index = 0; index < queue.length; index += 1) {
    const command = queue.peekAt(index)?.command;
    const call = command === undefined ? undefined : callOf(command);
    if (command === undefined || call === undefined || call.indivisible || call.admission.group !== group) continue;
    const known = calls.get(call);
    if (known !== undefined) known.push(command);
    else if (call.admission.breaker.state === 'open') calls.set(call, [command]);
  }
  return calls;
}

/**
 * What was sent over a connection that closed before it was ready (PUBLISH and others may be) is forgotten by ioredis when it
 * connects again: nobody would ever hear of it. Its callers are answered; where nothing may change, permits come back.
 */
export function releaseForgotten({ commandQueue, prevCommandQueue }: RedisLike): void {
  // What will be sent again.
  if (commandQueue === undefined || commandQueue === prevCommandQueue) return;
  for (let index = 0; index < commandQueue.length; index += 1) {
    const command = commandQueue.peekAt(index)?.command;
    const call = command === undefined ? undefined : callOf(command);
    if (call === undefined) continue;
    if (call.admission.breaker.mode === 'enforce') isolated(() => call.release(timedOut(call), true));
    else isolated(() => call.cancel());
  }
}

/** Takes a call out of where it waits for a connection. `false`: it has been sent, and its answer may yet come. */
export function takeOutCall(client: RedisLike, call: Call): boolean {
  const sentBefore = client.status !== 'ready' ? client.prevCommandQueue : undefined;
  let found = 0;
  for (const queue of [client.offlineQueue, sentBefore]) {
    if (!queue) continue;
    for (let index = 0; index < queue.length; ) {
      const command = queue.peekAt(index)?.command;
      if (command === undefined || callOf(command) !== call) index += 1;
      else {
        queue.remove(index, 1);
        found += 1;
        if (found === call.size) return true;
      }
    }
  }
  return found > 0;
}

const connecting: ReadonlySet<string> = new Set(['wait', 'connecting', 'connect']);

/**
 * Whether a client is just connecting: that a connection was refused to another, or to itself before, says nothing of this
 * attempt. What waits for it goes on waiting until it succeeds or fails.
 */
export function mayWait(client: RedisLike): boolean {
  return connecting.has(client.status) && client.options.enableOfflineQueue !== false;
}

/** What waits in a client that is connecting is left there, for as long as the attempt may take. */
export function beginTrial(client: RedisLike, state: ClientState, group: ServerGroup, clock: Clock): void {
  if (state.onTrial) return;
  state.onTrial = true;
  clock.setTimer(() => endTrial(client, state, group), redisAnswerMs);
}

/** The attempt to connect has failed, or takes too long. */
export function endTrial(client: RedisLike, state: ClientState, group: ServerGroup): void {
  if (!state.onTrial) return;
  state.onTrial = false;
  isolated(() => releaseWaiting(client, state, group, 'refused'));
}

/** The clients of a server. Holds on to none of them. */
class Clients {
  readonly #known = new Map<ClientState, WeakRef<RedisLike>>();
  #sweepAt = 64;

  add(client: RedisLike, state: ClientState): void {
    this.#known.set(state, new WeakRef(client));
    if (this.#known.size < this.#sweepAt) return;
    for (const [its, reference] of this.#known) if (reference.deref() === undefined) this.#known.delete(its);
    this.#sweepAt = Math.max(64, this.#known.size * 2);
  }

  each(tell: (client: RedisLike, state: ClientState) => void): void {
    for (const [its, reference] of this.#known) {
      const client = reference.deref();
      if (client !== undefined) isolated(() => tell(client, its));
    }
  }
}

const clients = new WeakMap<ServerGroup, Clients>();

/** From now on, what waits in a client when its server fails is released. */
export function releaseOnOutage(client: RedisLike, state: ClientState, group: ServerGroup, clock: Clock): void {
  let known = clients.get(group);
  if (known === undefined) {
    const created = new Clients();
    known = created;
    clients.set(group, created);
    group.onOutage((outage) =>
      created.each((each, its) => {
        if (outage === 'refused' && mayWait(each)) beginTrial(each, its, group, clock);
        else releaseWaiting(each, its, group, outage);
      }),
    );
  }
  known.add(client, state);
}
