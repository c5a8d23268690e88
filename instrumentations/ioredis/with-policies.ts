import type { Breaker } from '../../src/breaker/breaker.ts';
import { reportFault } from '../../src/core/fault.ts';
import type { Policies } from '../../src/policies/compose.ts';
import { isRead } from '../../src/policies/policy-call.ts';
import { watchLimits } from '../../src/policies/watching.ts';
import { isolated, onEnding } from './call.ts';
import type { ClientState } from './client-state.ts';
import type { CommandClass } from './command-class.ts';
import { waitsForQueue } from './hold.ts';
import { answer, transformed } from './own-command.ts';
import { policyOperation, RedisCall, type Send } from './redis-call.ts';
import { turnBehind } from './turn.ts';
import type { CommandLike, RedisLike } from './types.ts';
import type { WriteQueue } from './write-queue.ts';

export interface GuardedCommand {
  readonly client: RedisLike;
  readonly state: ClientState;
  readonly command: CommandLike;
  readonly operation: CommandClass;
  readonly server: string;
  /** Selected when it was given. */
  readonly db: number;
  readonly send: Send;
  /** Taken for a command of a breaker that only watches: for whoever sends it, to be left when it has ended. */
  place: { leave(): void } | undefined;
}

/** Begins what no later attempt could go on with, or waits by its nature. */
const unfit: ReadonlySet<string> = new Set(['multi', 'watch']);

/**
 * Makes a command's call through the policies of its breaker, and in its turn behind queued writes.
 * @returns whether it does: `false` for a command that is to be sent as it is
 */
export function runWithPolicies(breaker: Breaker, policies: Policies | undefined, of: GuardedCommand): boolean {
  const { command, operation, state } = of;
  if (operation === 'blocking' || unfit.has(command.name.toLowerCase())) return false;
  if (policies !== undefined && breaker.onlyWatches) {
    isolated(() => {
      of.place = watchLimits(breaker, policies, isRead(policyOperation(command, operation)));
    });
    // Without policies, then. What an earlier mode has queued keeps its place.
    const made = runWithPolicies(breaker, undefined, of);
    if (made) leaveAtEnd(of);
    return made;
  }
  let made: Promise<unknown> | undefined;
  try {
    // Only of a Cluster: what is given to a client before the queue is open comes here after that.
    const isOpening = state.isCluster && state.writes?.slot.settled === false && waitsForQueue(breaker);
    const opening = isOpening ? state.writes?.slot.opened : undefined;
    made = opening === undefined ? begin(breaker, policies, of) : opening.then(() => begin(breaker, policies, of) ?? once(breaker, of));
  } catch (fault) {
    reportFault(fault, 'the policies of a Redis command');
    return false;
  }
  made?.then(
    (value) => answer(command, value),
    (error: unknown) => command.reject(error),
  );
  return made !== undefined;
}

/** Where nobody else tells when the command has ended. Returns what leaves its place before. */
export function leaveAtEnd({ command, place }: GuardedCommand): (() => void) | undefined {
  if (place === undefined) return undefined;
  let inside = true;
  const leave = (): void => {
    if (inside) place.leave();
    inside = false;
  };
  onEnding(command, { resolved: leave, rejected: leave });
  return leave;
}

/** `undefined` where there is nothing to do but to send it. */
function begin(breaker: Breaker, policies: Policies | undefined, of: GuardedCommand): Promise<unknown> | undefined {
  const call = policies && new RedisCall(breaker, of);
  const make = (): Promise<unknown> => (policies !== undefined && call !== undefined ? policies.run(call) : once(breaker, of));
  const { writes } = of.state;
  const turn = writes && turnOf(writes, breaker, of, call?.queue !== undefined);
  if (turn === undefined) return call && make();
  return 'value' in turn ? Promise.resolve(transformed(of.command, turn.value, undefined)) : turn.then(make);
}

/** Without policies, but behind queued writes. */
function once(breaker: Breaker, of: GuardedCommand): Promise<unknown> {
  return new RedisCall(breaker, of).attempt({ number: 1, signal: undefined });
}

/**
 * What writes that wait mean for a command: its answer, or its turn behind them.
 * @param mayQueue whether it can wait among them itself, and so is in its turn
 */
function turnOf(
  writes: WriteQueue,
  breaker: Breaker,
  { client, db, state, command, operation }: GuardedCommand,
  mayQueue: boolean,
): { value: unknown } | Promise<void> | undefined {
  const keys = writes.keysOf([command], db);
  if (keys === undefined || !(mayQueue ? writes.line.has(keys) : writes.holdsUp(keys))) return undefined;
  const seen = operation === 'read' && !writes.line.has(keys) ? writes.read(command, db) : 'unknown';
  if (seen !== 'unknown') return seen;
  return turnBehind(writes, client, state, breaker, keys, mayQueue)?.then((refusal) => {
    if (refusal !== undefined) throw refusal;
  });
}
