import type { TransitionView } from '../../../wire.ts';
import { plural } from '../words/format.ts';
import { spoken } from '../words/names.ts';

/** More at once are counted, not named. */
const maxNamed = 3;

/** Between open and half-open nothing is news. */
function isNews({ from, to }: TransitionView): boolean {
  return to !== 'half_open' && !(from === 'half_open' && to === 'open');
}

/** What is to be said of moves that came together, to who cannot see them. */
export function textsOf(moves: readonly TransitionView[]): string[] {
  const news = moves.filter(isNews);
  if (news.length <= maxNamed) return news.map(spoken);
  const opened = news.filter(({ to }) => to === 'open' || to === 'forced_open').length;
  const closed = news.filter(({ to }) => to === 'closed').length;
  const others = news.length - opened - closed;
  const said = (number: number, what: string): string[] => (number === 0 ? [] : [`${plural(number, 'circuit')} ${what}`]);
  return [[...said(opened, 'opened'), ...said(closed, 'closed'), ...said(others, 'moved otherwise')].join(', ')];
}
