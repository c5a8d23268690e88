import type { BreakerView, Overview } from '../../../wire.ts';
import { attention, attentionOf } from '../facts/order.ts';
import type { Store } from '../facts/store.ts';
import { count, length, plural, rate, sum } from '../words/format.ts';
import { systemNames, systemShapes } from '../words/names.ts';
import { recover, reload } from './actions.ts';
import { fill, h, setAttribute, setHidden, setText } from './dom.ts';
import { askDegraded, askMode } from './mode-dialogs.ts';

/** Reasons that are shown at once. */
const maxReasons = 3;
const figures = ['Open', 'Refused', 'By fallback', 'Calls', 'Failing', 'In flight', 'Dependencies'] as const;
type Figure = (typeof figures)[number];

export function refusing(views: readonly BreakerView[]): number {
  return views.filter((view) => attentionOf(view) <= attention.probing).length;
}

/** The state of the whole and why, in figures what that means, and what can be done to all circuits. */
export class System {
  readonly element = h('section', { class: 'card system', 'aria-labelledby': 'system-title' });
  readonly #store: Store;
  readonly #title = h('h2', { id: 'system-title' });
  readonly #since = h('span', { class: 'hint' });
  readonly #reasons = h('ul', { class: 'reasons' });
  readonly #values = new Map<Figure, readonly [HTMLElement, HTMLElement]>();
  readonly #tools = h('div', { class: 'buttons tools', role: 'group', 'aria-label': 'Control of all circuits' });

  constructor(store: Store) {
    this.#store = store;
    const list = figures.map((name) => {
      const pair = [h('span', { class: 'value' }), h('span', { class: 'aside' })] as const;
      this.#values.set(name, pair);
      return h('div', { class: `figure-${name.toLowerCase().replace(' ', '-')}` }, h('dt', {}, name), h('dd', {}, ...pair));
    });
    this.element.append(
      h('div', { class: 'says' }, h('div', { class: 'verdict' }, this.#title, this.#since), this.#reasons),
      h('dl', { class: 'figures' }, ...list),
      this.#tools,
    );
  }

  update(overview: Overview): void {
    const { system, features, adminEnabled } = overview;
    setAttribute(this.element, 'data-system', system.state);
    const shape = h('span', { 'aria-hidden': 'true' }, `${systemShapes[system.state]} `);
    fill(this.#title, system.state, () => [shape, systemNames[system.state]]);
    setText(this.#since, system.sinceMs === undefined ? '' : `for ${length(system.sinceMs)}`);
    fill(this.#reasons, JSON.stringify(system.reasons), () => reasonItems(system.reasons, overview.breakers.length));
    this.#showFigures(overview);
    fill(this.#tools, features.join(), () => this.#toolButtons(overview));
    setHidden(this.#tools, !adminEnabled);
  }

  #showFigures({ breakers, system }: Overview): void {
    const total = (of: (view: BreakerView) => number): number => breakers.reduce((all, view) => all + of(view), 0);
    const open = refusing(breakers);
    const refused = this.#store.rate('rejected');
    const failing = this.#store.rate('failed');
    this.#set('Open', String(open), `of ${plural(breakers.length, 'circuit')}`, open > 0);
    this.#set('Refused', rate(refused), `${count(total(({ rejections }) => sum(rejections)))} in all`, refused > 0);
    this.#set('By fallback', rate(this.#store.rate('fallback')), `${count(total(({ fallbacks }) => sum(fallbacks)))} in all`);
    this.#set('Calls', rate(this.#store.rate('served') + failing), `${count(total(({ calls }) => sum(calls)))} in all`);
    this.#set('Failing', rate(failing), `${count(total(({ calls }) => calls['failure'] ?? 0))} in all`, failing > 0);
    this.#set('In flight', count(total(({ inFlight }) => inFlight)), 'calls');
    const { total: all, up, unknown = 0 } = system.dependencies;
    this.#set('Dependencies', all === 0 ? '–' : `${up} of ${all}`, unknown === 0 ? 'up' : `up, ${unknown} not known`, up + unknown < all);
  }

  #set(figure: Figure, value: string, aside: string, loud = false): void {
    const [one, other] = this.#values.get(figure) as readonly [HTMLElement, HTMLElement];
    setText(one, value);
    one.classList.toggle('loud', loud);
    setText(other, aside);
  }

  #toolButtons({ features }: Overview): HTMLElement[] {
    const button = (label: string, title: string, act: () => Promise<void>) =>
      h('button', { type: 'button', title, onclick: () => void act() }, label);
    return [
      button('Probe now …', 'Every open circuit lets probes out now', recover),
      ...(features.includes('mode') ? [button('Mode …', 'Of all circuits, or of those that match', () => askMode(this.#store))] : []),
      ...(features.includes('degrade') ? [button('Degraded mode …', 'How calls are served for the time being', askDegraded)] : []),
      ...(features.includes('reload') ? [button('Reload configuration', 'Reads file and environment again', reload)] : []),
    ];
  }
}

function reasonItems(reasons: readonly string[], circuits: number): HTMLElement[] {
  if (reasons.length === 0) return [h('li', {}, circuits === 0 ? 'Nothing is guarded yet.' : 'Every dependency answers.')];
  const item = (reason: string) => h('li', {}, reason);
  if (reasons.length <= maxReasons) return reasons.map(item);
  const more = h(
    'details',
    {},
    h('summary', {}, `and ${reasons.length - maxReasons + 1} more`),
    h('ul', {}, ...reasons.slice(maxReasons - 1).map(item)),
  );
  return [...reasons.slice(0, maxReasons - 1).map(item), h('li', {}, more)];
}
