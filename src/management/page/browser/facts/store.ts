import type { AdminAnswer, BreakerView, Overview, ReloadAnswer, TransitionView } from '../../../wire.ts';
import { type Kind, Series, span } from './series.ts';

const maxTransitions = 1_000;
const maxEvents = 100;
const fewestMinutes = 3;
/** Moves of a kind so close to each other are one: their time is worked out anew each time it is told. */
const sameMs = 50;

/** What people have done, as far as this page was open to hear of it. */
export type Done = { readonly kind: 'admin'; readonly data: AdminAnswer } | { readonly kind: 'config'; readonly data: ReloadAnswer };

/** What the page knows. */
export class Store {
  overview: Overview | undefined;
  /** Oldest first. */
  transitions: readonly TransitionView[] = [];
  /** Counts the changes of what is in the log. */
  changes = 0;
  readonly done: Done[] = [];
  readonly #series = new Map<string, Series>();
  #byName: Map<string, TransitionView[]> | undefined;
  #skewMs = 0;
  #known = Number.POSITIVE_INFINITY;

  /** The server's clock, in ms. */
  get now(): number {
    return Date.now() + this.#skewMs;
  }

  seriesOf(name: string): Series {
    let found = this.#series.get(name);
    if (found === undefined) {
      found = new Series();
      this.#series.set(name, found);
    }
    return found;
  }

  /** Since when anything is known of the process, epoch ms, as far back as the page looks: what was before it began was nothing. */
  get knownSince(): number {
    return Math.max(this.#known, this.now - span * 1_000);
  }

  /** Where time begins on the page, epoch ms: of a process that has just begun it would be mostly empty otherwise. */
  get start(): number {
    return this.now - this.minutes * 60_000;
  }

  /** How many minutes the page shows. */
  get minutes(): number {
    return Math.min(span / 60, Math.max(fewestMinutes, Math.ceil((this.now - this.#known) / 60_000)));
  }

  /** Of one breaker, oldest first. */
  movesOf(name: string): readonly TransitionView[] {
    this.#byName ??= groupBy(this.transitions, ({ breaker }) => breaker);
    return this.#byName.get(name) ?? [];
  }

  view(name: string): BreakerView | undefined {
    return this.overview?.breakers.find((each) => each.name === name);
  }

  /** Of all circuits together, a second. */
  rate(kind: Kind): number {
    let total = 0;
    for (const { name } of this.overview?.breakers ?? []) total += this.seriesOf(name).rate(kind) ?? 0;
    return total;
  }

  /** @returns whether it is another process than before */
  take(overview: Overview): boolean {
    const at = Date.parse(overview.at);
    const before = this.overview;
    const another = before === undefined || before.pid !== overview.pid || before.service !== overview.service;
    if (another) {
      this.#known = Number.POSITIVE_INFINITY;
      // What was seen is not its past.
      this.#series.clear();
      this.#set([]);
      this.done.length = 0;
    }
    this.#skewMs = at - Date.now();
    this.overview = overview;
    const names = new Set<string>();
    for (const view of overview.breakers) {
      names.add(view.name);
      const series = this.seriesOf(view.name);
      series.add(view, at / 1_000);
      this.#known = Math.min(this.#known, at - view.sinceMs, (series.points[0]?.at ?? at / 1_000) * 1_000);
    }
    for (const name of this.#series.keys()) if (!names.has(name)) this.#series.delete(name);
    return another;
  }

  /** Some come twice: from the history, and as they happen. */
  remember(transitions: readonly TransitionView[]): void {
    const all = [...this.transitions, ...transitions].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    const last = new Map<string, number>();
    const once = all.filter(({ breaker, at, from, to, shadow = false }) => {
      const key = `${breaker} ${from} ${to} ${shadow}`;
      const before = last.get(key) ?? Number.NEGATIVE_INFINITY;
      last.set(key, Date.parse(at));
      return Date.parse(at) - before > sameMs;
    });
    this.#set(once.slice(-maxTransitions));
  }

  hear(done: Done): void {
    this.done.push(done);
    if (this.done.length > maxEvents) this.done.shift();
    this.changes += 1;
  }

  #set(transitions: readonly TransitionView[]): void {
    this.#known = Math.min(this.#known, Date.parse(transitions[0]?.at ?? '') || Number.POSITIVE_INFINITY);
    this.transitions = transitions;
    this.#byName = undefined;
    this.changes += 1;
  }
}

function groupBy<T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const group = groups.get(keyOf(each));
    if (group === undefined) groups.set(keyOf(each), [each]);
    else group.push(each);
  }
  return groups;
}
