import type { Overview, TransitionView } from '../../wire.ts';
import { Series } from './series.ts';

const maxTransitions = 500;

/** What the page knows. */
export class Store {
  overview: Overview | undefined;
  /** Oldest first. */
  transitions: TransitionView[] = [];
  readonly series = new Map<string, Series>();
  #skewMs = 0;

  /** The server's clock, in ms. */
  get now(): number {
    return Date.now() + this.#skewMs;
  }

  seriesOf(name: string): Series {
    let found = this.series.get(name);
    if (found === undefined) {
      found = new Series();
      this.series.set(name, found);
    }
    return found;
  }

  take(overview: Overview): void {
    const at = Date.parse(overview.at);
    const before = this.overview;
    if (before !== undefined && (before.pid !== overview.pid || before.service !== overview.service)) {
      // Another process now: what was seen is not its past.
      this.series.clear();
      this.transitions = [];
    }
    this.#skewMs = at - Date.now();
    this.overview = overview;
    const names = new Set<string>();
    for (const view of overview.breakers) {
      names.add(view.name);
      this.seriesOf(view.name).add(view, at / 1_000);
    }
    for (const name of this.series.keys()) if (!names.has(name)) this.series.delete(name);
  }

  /** Some come twice: from the history, and as they happen. */
  remember(transitions: readonly TransitionView[]): void {
    const key = ({ breaker, at, from, to, shadow }: TransitionView): string =>
      // Their time is worked out anew each time it is told, to a millisecond.
      `${breaker} ${Math.round(Date.parse(at) / 20)} ${from} ${to} ${shadow ?? false}`;
    const all = new Map([...this.transitions, ...transitions].map((each) => [key(each), each]));
    this.transitions = [...all.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at)).slice(-maxTransitions);
  }
}
