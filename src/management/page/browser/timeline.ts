import type { BreakerView, StateView, TransitionView } from '../../wire.ts';
import { fill, h } from './dom.ts';
import { clockTime, stateNames, stateShapes, why } from './format.ts';
import { span } from './series.ts';
import type { Store } from './store.ts';

const maxListed = 40;
const ticks = 4;

interface Stretch {
  readonly state: StateView;
  /** ms. */
  readonly from: number;
  readonly to: number;
  readonly cause: string;
}

/**
 * In which state a circuit was when, as far as its transitions and its present state tell.
 * @param known since when anything is known of the process
 */
export function stretches(
  { state, sinceMs }: BreakerView,
  transitions: readonly TransitionView[],
  start: number,
  known: number,
  now: number,
): Stretch[] {
  const moves = transitions.filter(({ shadow }) => shadow !== true);
  const found: Stretch[] = [];
  const add = (each: StateView, from: number, to: number, cause: string): void => {
    if (to > start && to > from) found.push({ state: each, from: Math.max(from, start), to: Math.min(to, now), cause });
  };
  const [first] = moves;
  if (first === undefined) {
    add(state, now - sinceMs, now, '');
    return found;
  }
  add(first.from, known, Date.parse(first.at), '');
  moves.forEach((move, index) => {
    const next = moves[index + 1];
    add(move.to, Date.parse(move.at), next === undefined ? now : Date.parse(next.at), why(move));
  });
  return found;
}

/** A lane for each circuit, and all transitions as a list. */
export class Timeline {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #lanes = h('div', {
    class: 'lanes',
    role: 'img',
    'aria-label': 'States of the circuits over the last ten minutes; the list below says the same',
  });
  readonly #list = h('tbody');

  constructor(store: Store) {
    this.#store = store;
    const legend = (['closed', 'half_open', 'open', 'forced_open', 'disabled', 'shadow'] as const).map((state) =>
      h('span', { class: `key ${state}` }, stateNames[state]),
    );
    const head = ['Time', 'Circuit', 'Change', 'Why'].map((name) => h('th', { scope: 'col' }, name));
    this.element = h(
      'section',
      { class: 'card', 'aria-labelledby': 'timeline-title' },
      h(
        'div',
        { class: 'bar' },
        h('h2', { id: 'timeline-title' }, 'Last ten minutes'),
        h('div', { class: 'legend', 'aria-hidden': 'true' }, ...legend),
      ),
      this.#lanes,
      h(
        'div',
        { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Transitions' },
        h(
          'table',
          { class: 'transitions' },
          h('caption', { class: 'unseen' }, 'Transitions, the latest first'),
          h('thead', {}, h('tr', {}, ...head)),
          this.#list,
        ),
      ),
    );
  }

  update(): void {
    const { overview, transitions, now } = this.#store;
    const start = now - span * 1_000;
    const views = [...(overview?.breakers ?? [])].sort((a, b) => a.name.localeCompare(b.name));
    this.#lanes.replaceChildren(...views.map((view) => this.#lane(view, start, now)), axis(start, now));
    const latest = transitions.slice(-maxListed).reverse();
    fill(this.#list, JSON.stringify(latest), () =>
      latest.length === 0 ? [h('tr', {}, h('td', { colspan: 4, class: 'none' }, 'No transition yet.'))] : latest.map(item),
    );
  }

  #known(now: number): number {
    const { overview, transitions } = this.#store;
    const began = (overview?.breakers ?? []).map(({ sinceMs }) => now - sinceMs);
    return Math.min(now, ...began, ...transitions.map(({ at }) => Date.parse(at)));
  }

  #lane(view: BreakerView, start: number, now: number): HTMLElement {
    const own = this.#store.transitions.filter(({ breaker }) => breaker === view.name);
    const track = h('div', { class: 'track' });
    for (const { state, from, to, cause } of stretches(view, own, start, this.#known(now), now)) {
      const names = `${stateNames[state]} from ${clockTime(new Date(from).toISOString())}`;
      const piece = h('div', { class: `piece ${state}`, title: cause === '' ? names : `${names}: ${cause}` });
      place(piece, (from - start) / (now - start), (to - start) / (now - start));
      track.append(piece);
    }
    return h('div', { class: 'lane' }, h('span', { class: 'label', title: view.name }, view.name), track);
  }
}

function place(element: HTMLElement, from: number, to: number): void {
  element.style.left = `${from * 100}%`;
  element.style.width = `${(to - from) * 100}%`;
}

function axis(start: number, now: number): HTMLElement {
  const track = h('div', { class: 'track' });
  for (let index = 0; index <= ticks; index += 1) {
    const mark = h(
      'span',
      { class: 'tick' },
      index === ticks ? 'now' : clockTime(new Date(start + ((now - start) * index) / ticks).toISOString()).slice(0, 5),
    );
    mark.style.left = `${(index / ticks) * 100}%`;
    track.append(mark);
  }
  return h('div', { class: 'lane axis' }, h('span', { class: 'label' }), track);
}

function item(move: TransitionView): HTMLElement {
  const change = [
    h('span', { class: `state ${move.from}` }, `${stateShapes[move.from]} ${stateNames[move.from]}`),
    h('span', { class: 'to', 'aria-label': 'to' }, ' → '),
    h('span', { class: `state ${move.to}` }, `${stateShapes[move.to]} ${stateNames[move.to]}`),
  ];
  return h(
    'tr',
    {},
    h('td', {}, h('time', { datetime: move.at }, clockTime(move.at))),
    h('td', { class: 'circuit-name' }, move.breaker),
    h('td', { class: 'change' }, ...change, move.shadow ? h('span', { class: 'badge' }, 'shadow') : undefined),
    h('td', {}, why(move)),
  );
}
