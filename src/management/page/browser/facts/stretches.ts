import type { BreakerView, StateView, TransitionView } from '../../../wire.ts';

/** For how long a circuit was in one state. */
export interface Stretch {
  readonly state: StateView;
  /** Epoch ms, as `to`. */
  readonly from: number;
  readonly to: number;
  /** What began it, where that is known. */
  readonly move?: TransitionView;
}

/**
 * In which state a circuit was when, as far as its moves and its present state tell.
 * @param moves of this circuit, oldest first
 * @param start where to begin, epoch ms: not before anything is known; before its first move a circuit is taken to have been as that move found it
 */
export function stretchesOf({ state, sinceMs }: BreakerView, moves: readonly TransitionView[], start: number, now: number): Stretch[] {
  const real = moves.filter(({ shadow }) => shadow !== true);
  const found: Stretch[] = [];
  const add = (each: StateView, from: number, to: number, move?: TransitionView): void => {
    if (to > start && to > from) found.push({ state: each, from: Math.max(from, start), to: Math.min(to, now), ...(move !== undefined && { move }) });
  };
  const [first] = real;
  if (first === undefined) {
    add(state, Math.max(start, now - sinceMs), now);
    return found;
  }
  add(first.from, start, Date.parse(first.at));
  real.forEach((move, index) => {
    const next = real[index + 1];
    add(move.to, Date.parse(move.at), next === undefined ? now : Date.parse(next.at), move);
  });
  return found;
}
