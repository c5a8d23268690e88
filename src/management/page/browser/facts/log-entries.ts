import type { AlertView, TransitionView } from '../../../wire.ts';
import type { Done } from './store.ts';

/** A line of the log. Times are epoch ms. */
export type Entry = { readonly at: number } & (
  | { readonly kind: 'move'; readonly move: TransitionView }
  /** Probes that have failed, one after the other: `move` is the last re-opening. */
  | { readonly kind: 'probes'; readonly move: TransitionView; readonly times: number }
  | { readonly kind: 'alert'; readonly alert: AlertView; readonly resolved: boolean }
  | Done
);

/**
 * What has happened, the latest first. An open circuit moves twice each time it probes: of those moves one line is made, and
 * none of the step before a closing.
 */
export function entriesOf(transitions: readonly TransitionView[], alerts: readonly AlertView[], done: readonly Done[], most: number): Entry[] {
  const entries: Entry[] = [
    ...movesOf(transitions),
    ...alerts.flatMap((alert): Entry[] => [
      { kind: 'alert', at: Date.parse(alert.since), alert, resolved: false },
      ...(alert.resolvedAt === undefined ? [] : [{ kind: 'alert', at: Date.parse(alert.resolvedAt), alert, resolved: true } as const]),
    ]),
    // What somebody did and what came of it often have the same moment: the deed first.
    ...done.map((each): Entry => ({ ...each, at: Date.parse(each.data.at) - 1 })),
  ];
  return entries.sort((a, b) => b.at - a.at).slice(0, most);
}

function movesOf(transitions: readonly TransitionView[]): Entry[] {
  const circuits = new Map<string, Entry[]>();
  for (const move of transitions) {
    const key = `${move.breaker} ${move.shadow ?? false}`;
    const entries = circuits.get(key) ?? [];
    circuits.set(key, entries);
    add(entries, move);
  }
  return [...circuits.values()].flat();
}

/** @param entries of one circuit */
function add(entries: Entry[], move: TransitionView): void {
  const at = Date.parse(move.at);
  const last = entries.at(-1);
  const probed = last?.kind === 'move' && last.move.to === 'half_open' && move.from === 'half_open';
  // Its end says all that the step in between does.
  if (probed) entries.pop();
  if (!probed || move.to !== 'open') {
    entries.push({ kind: 'move', at, move });
    return;
  }
  const run = entries.at(-1);
  if (run?.kind === 'probes') entries[entries.length - 1] = { kind: 'probes', at, move, times: run.times + 1 };
  else entries.push({ kind: 'probes', at, move, times: 1 });
}
