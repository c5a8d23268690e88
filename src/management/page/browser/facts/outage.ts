import type { BreakerView, StateView, TransitionView } from '../../../wire.ts';

/** A circuit that is not closed: since when in one go, and why at first. Probes that fail begin nothing new. */
export interface Outage {
  /** Epoch ms. */
  readonly since: number;
  /** The move that began it; absent: it began before anything is known. */
  readonly cause?: TransitionView;
  /** Probes that have failed since. */
  readonly failedProbes: number;
}

/** Open and half-open are one trouble. */
function kindOf(state: StateView): string {
  return state === 'half_open' ? 'open' : state;
}

/** @param moves of this circuit, oldest first; @param now the server's, epoch ms */
export function outageOf(view: BreakerView, moves: readonly TransitionView[], now: number): Outage | undefined {
  // In shadow the machine runs beside the traffic, and tells its own moves.
  const beside = view.circuit !== undefined;
  const state = view.circuit ?? view.state;
  if (state === 'closed') return undefined;
  const own = moves.filter(({ shadow = false }) => shadow === beside);
  let failedProbes = 0;
  for (let index = own.length - 1; index >= 0; index -= 1) {
    const move = own[index] as TransitionView;
    if (kindOf(move.to) !== kindOf(state)) break;
    if (kindOf(move.from) !== kindOf(move.to)) return { since: Date.parse(move.at), cause: move, failedProbes };
    if (move.from === 'half_open' && move.to === 'open') failedProbes += 1;
  }
  const oldest = own[0];
  return { since: Math.min(now - view.sinceMs, oldest === undefined ? now : Date.parse(oldest.at)), failedProbes };
}
