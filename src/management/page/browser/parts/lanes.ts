import type { BreakerView } from '../../../wire.ts';
import { sorted } from '../facts/order.ts';
import type { Store } from '../facts/store.ts';
import { type Stretch, stretchesOf } from '../facts/stretches.ts';
import { clockTime, plural } from '../words/format.ts';
import { stateNames, states, why } from '../words/names.ts';
import { h, setHidden, setText } from './dom.ts';
import { circuitLink } from './link.ts';

/** Lanes that are shown unless somebody asks for all. */
const maxLanes = 12;
/** Time goes by: how often lanes move on, in ms. A pixel is about a second. */
const everyMs = 2_000;
const ticks = 5;

interface Lane {
  readonly element: HTMLElement;
  readonly track: HTMLElement;
  readonly pieces: Map<string, HTMLElement>;
}

/** A lane for each circuit that has not been closed all the time: its states of late. */
export class Lanes {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #lanes = new Map<string, Lane>();
  readonly #title = h('h2', { id: 'lanes-title' });
  readonly #list = h('div', { class: 'lanes' });
  readonly #calm = h('p', { class: 'none' });
  readonly #more = h('button', { type: 'button', class: 'more', onclick: () => this.#showAll() });
  readonly #marks = h('div', { class: 'track', 'aria-hidden': 'true' });
  readonly #axis = h('div', { class: 'lane axis', 'aria-hidden': 'true' }, h('span', { class: 'label' }), this.#marks);
  #all = false;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #changes = -1;

  constructor(store: Store) {
    this.#store = store;
    const legend = states.map((state) => h('span', { class: `key ${state}` }, stateNames[state]));
    this.element = h(
      'section',
      { class: 'card', 'aria-labelledby': 'lanes-title' },
      h('div', { class: 'bar' }, this.#title, h('div', { class: 'legend', 'aria-hidden': 'true' }, ...legend)),
      this.#list,
      this.#axis,
      h('div', { class: 'foot' }, this.#calm, this.#more),
    );
  }

  update(): void {
    const { overview, changes } = this.#store;
    if (overview === undefined) return;
    if (changes === this.#changes && performance.now() < this.#drawnAt + everyMs) return;
    this.#changes = changes;
    this.#drawnAt = performance.now();
    const { now } = this.#store;
    const { start, minutes, knownSince: known } = this.#store;
    setText(this.#title, `Last ${minutes} minutes`);
    setHidden(this.element, overview.breakers.length === 0);
    const moved = sorted(overview.breakers, 'Trouble first', this.#store)
      .map((view) => ({ view, stretches: stretchesOf(view, this.#store.movesOf(view.name), known, now) }))
      .filter(({ stretches }) => stretches.some(({ state }) => state !== 'closed' && state !== 'shadow') || stretches.length > 1);
    const shown = this.#all ? moved : moved.slice(0, maxLanes);
    this.#arrange(shown, start, now);
    this.#showAxis(start, now, shown.length > 0);
    const calm = overview.breakers.length - moved.length;
    const all = calm === 1 ? 'The circuit has' : `All ${calm} circuits have`;
    setText(
      this.#calm,
      calm === 0 ? '' : moved.length === 0 ? `${all} been calm.` : `${plural(calm, 'circuit')} more ${calm === 1 ? 'has' : 'have'} been calm.`,
    );
    setHidden(this.#more, moved.length <= maxLanes);
    setText(this.#more, this.#all ? 'Show fewer' : `Show ${moved.length - maxLanes} more`);
  }

  #showAll(): void {
    this.#all = !this.#all;
    this.#changes = -1;
    this.update();
  }

  #arrange(shown: readonly { view: BreakerView; stretches: readonly Stretch[] }[], start: number, now: number): void {
    const names = new Set(shown.map(({ view }) => view.name));
    for (const [name, { element }] of this.#lanes) {
      if (names.has(name)) continue;
      element.remove();
      this.#lanes.delete(name);
    }
    shown.forEach(({ view: { name }, stretches }, index) => {
      const lane = this.#lanes.get(name) ?? newLane(name);
      this.#lanes.set(name, lane);
      if (this.#list.children[index] !== lane.element && !lane.element.contains(document.activeElement))
        this.#list.insertBefore(lane.element, this.#list.children[index] ?? null);
      draw(lane, name, stretches, start, now);
    });
  }

  #showAxis(start: number, now: number, shown: boolean): void {
    setHidden(this.#axis, !shown);
    const mark = (at: number, label: string) => {
      const element = h('span', { class: 'tick' }, label);
      element.style.left = `${((at - start) / (now - start)) * 100}%`;
      return element;
    };
    const step = (now - start) / ticks;
    this.#marks.replaceChildren(
      ...Array.from({ length: ticks }, (_, index) => mark(start + index * step, clockTime(start + index * step).slice(0, 5))),
      mark(now, 'now'),
    );
  }
}

function newLane(name: string): Lane {
  const track = h('div', { class: 'track', role: 'img' });
  const label = circuitLink(name);
  label.classList.add('label');
  label.title = name;
  return { element: h('div', { class: 'lane' }, label, track), track, pieces: new Map() };
}

function draw({ track, pieces }: Lane, name: string, stretches: readonly Stretch[], start: number, now: number): void {
  const gone = new Set(pieces.keys());
  for (const { state, from, to, move } of stretches) {
    const key = `${state} ${move?.at ?? 'first'}`;
    gone.delete(key);
    let piece = pieces.get(key);
    if (piece === undefined) {
      const begun = move === undefined ? stateNames[state] : `${stateNames[state]} from ${clockTime(move.at)}: ${why(move)}`;
      piece = h('div', { class: `piece ${state}`, title: begun });
      pieces.set(key, piece);
      track.append(piece);
    }
    piece.style.left = `${((from - start) / (now - start)) * 100}%`;
    piece.style.width = `${((to - from) / (now - start)) * 100}%`;
  }
  for (const key of gone) {
    pieces.get(key)?.remove();
    pieces.delete(key);
  }
  track.setAttribute('aria-label', spokenLane(name, stretches));
}

/** The share of time in each state: the log says the rest. */
function spokenLane(name: string, stretches: readonly Stretch[]): string {
  const shares = new Map<string, number>();
  const all = stretches.reduce((total, { from, to }) => total + to - from, 0);
  for (const { state, from, to } of stretches) shares.set(stateNames[state], (shares.get(stateNames[state]) ?? 0) + (to - from) / all);
  return `${name}: ${[...shares].map(([state, share]) => `${state} ${Math.round(share * 100)} %`).join(', ')} of the time shown`;
}
