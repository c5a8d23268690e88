import type { Breaker } from '../../src/breaker/breaker.ts';
import { reportFault } from '../../src/core/fault.ts';
import type { ClientState } from './client-state.ts';
import type { CommandLike, RedisLike } from './types.ts';

// While the queue of a server's writes is being opened, nobody knows what an earlier process has left, and what is given to a client has to wait for it:
// all of it, in its order, also what begins a transaction or selects another database.

/** Of the handshake, which comes later than in the breath in which the client connects. */
const handshake: ReadonlySet<string> = new Set(['auth', 'hello', 'info', 'client']);

/** Where nothing is refused nothing is kept waiting either: there the order of what an earlier process has left may be lost. */
export function waitsForQueue(breaker: Breaker | undefined): boolean {
  return breaker !== undefined && breaker.mode === 'enforce' && !breaker.onlyWatches;
}

/** Whether what a client is given now is kept back. */
export function holdsBack(state: ClientState): boolean {
  const { writes } = state;
  // Of a Cluster each call waits for itself: there is no order between nodes.
  if (writes === undefined || state.isCluster || state.letsGo) return false;
  return state.held > 0 || (!writes.slot.settled && waitsForQueue(state.lastGroup?.breaker('write')));
}

/** The client's own, as it puts its connection in order: what it waits for itself must not wait for anything of ours. */
export function isItsOwn({ status }: RedisLike, state: ClientState, { name }: CommandLike): boolean {
  return state.arranging || (status === 'connect' && handshake.has(name.toLowerCase()));
}

/** Lets something go on when the queue is open or cannot be opened, after what was kept back before it and in the async context of its own caller. */
export function holdBack(state: ClientState, go: () => void): void {
  state.held += 1;
  void state.writes?.slot.opened.then(() => {
    state.held -= 1;
    state.letsGo = true;
    try {
      go();
    } catch (fault) {
      reportFault(fault, 'a Redis command that was kept back');
    } finally {
      state.letsGo = false;
    }
  });
}

/** What a client sends in the breath of such a change of its status is its own, or has been kept back before. */
export function noteArranging(state: ClientState): void {
  state.arranging = true;
  const over = (): void => {
    state.arranging = false;
  };
  // Whichever comes first: what is given by the listeners of the client's events comes later than both.
  process.nextTick(over);
  queueMicrotask(over);
}
