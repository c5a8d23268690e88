import type { BreakerView } from '../../../wire.ts';
import { attentionOf, isHeld } from '../facts/order.ts';
import type { Store } from '../facts/store.ts';
import { stretchesOf } from '../facts/stretches.ts';
import { count, countdown, length, percent, plural, rate, sum } from '../words/format.ts';
import { nameParts, stateName, stateNames, stateShapes } from '../words/names.ts';
import { actions, control } from './actions.ts';
import { Details } from './details.ts';
import { fill, h, setAttribute, setHidden, setText } from './dom.ts';
import { Spark } from './spark.ts';
import { whyLine } from './why-line.ts';

export const columns = ['Circuit', 'State', 'Failure ratio', 'Calls', 'Refused', 'By fallback', 'In flight', 'Last error', 'Next probe'] as const;
type Column = (typeof columns)[number];
/** Whose figures stand below each other. */
export const numeric: readonly Column[] = ['Calls', 'Refused', 'By fallback', 'In flight'];

let ids = 0;

/** A circuit: a row of the table; a line that says why, where something is wrong; and, when asked for, all that is known of it. */
export class Row {
  readonly element: HTMLElement;
  #seen = false;
  readonly #store: Store;
  readonly #toggled: (name: string, open: boolean) => void;
  /** A figure and what is to be said of it, each in an element of its own. */
  readonly #cells = new Map<Column, readonly [HTMLElement, HTMLElement]>();
  readonly #button: HTMLButtonElement;
  readonly #badges = h('span', { class: 'badges' });
  readonly #spark = new Spark();
  readonly #why = h('div', { role: 'cell', 'aria-colspan': columns.length });
  readonly #below: HTMLElement;
  readonly #rows: readonly [main: HTMLElement, why: HTMLElement, below: HTMLElement];
  #view: BreakerView;
  #details: Details | undefined;

  /** @param toggled hears when details come and go */
  constructor(view: BreakerView, store: Store, toggled: (name: string, open: boolean) => void) {
    this.#view = view;
    this.#store = store;
    this.#toggled = toggled;
    const id = `circuit-${ids++}`;
    this.#button = nameButton(view.name, id, () => this.toggle());
    const cells = columns.map((column, index) => {
      const pair = [h('span', { class: 'figure' }), h('span', { class: 'aside' })] as const;
      this.#cells.set(column, pair);
      const cell = h('div', {
        role: index === 0 ? 'rowheader' : 'cell',
        'data-label': column,
        class: numeric.includes(column) ? 'number' : undefined,
      });
      if (column === 'Circuit') cell.append(this.#button, this.#badges);
      else if (column === 'Failure ratio') cell.append(h('div', { class: 'ratio' }, this.#spark.element, h('span', { class: 'texts' }, ...pair)));
      else cell.append(...pair);
      return cell;
    });
    this.#below = h('div', { id, role: 'cell', 'aria-colspan': columns.length });
    this.#rows = [
      h('div', { role: 'row', class: 'circuit-row columns', onclick: (event) => this.#clicked(event) }, ...cells),
      h('div', { role: 'row', class: 'why', hidden: true }, this.#why),
      h('div', { role: 'row', class: 'below', hidden: true }, this.#below),
    ];
    this.element = h('div', { role: 'rowgroup', class: 'circuit' }, ...this.#rows);
  }

  get seen(): boolean {
    return this.#seen;
  }

  get open(): boolean {
    return this.#details !== undefined;
  }

  focus(): void {
    this.#button.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: 'start' });
  }

  toggle(open = !this.open): void {
    if (open === this.open) return;
    setAttribute(this.#button, 'aria-expanded', String(open));
    this.#rows[2].hidden = !open;
    if (open) {
      this.#details = new Details(this.#view, this.#store);
      this.#below.append(this.#details.element);
      this.#details.update(this.#view);
    } else {
      this.#details?.dispose();
      this.#details = undefined;
      this.#below.replaceChildren();
    }
    this.#toggled(this.#view.name, open);
  }

  /** Comes into sight, or goes: draws nothing while it is out of it. */
  look(seen: boolean): void {
    this.#seen = seen;
    if (seen) this.update(this.#view);
  }

  /** To be shown when it is in sight again. */
  keep(view: BreakerView): void {
    this.#view = view;
  }

  update(view: BreakerView): void {
    this.#view = view;
    setAttribute(this.element, 'data-state', view.state);
    setAttribute(this.element, 'data-attention', String(attentionOf(view)));
    this.#showState();
    this.#showRatio();
    this.#showFigures();
    this.#showWhy();
    const badge = (text: string, loud = false) => h('span', { class: loud ? 'badge loud' : 'badge' }, text);
    fill(this.#badges, `${view.mode} ${view.injected} ${view.degraded}`, () => [
      view.mode === 'enforce' ? undefined : badge(`mode ${view.mode}`),
      view.injected ? badge('faults injected', true) : undefined,
      view.degraded === undefined ? undefined : badge(view.degraded, true),
    ]);
    this.#draw();
    this.#details?.update(view);
  }

  #draw(): void {
    if (!this.#seen) return;
    const { name, failureRatioLimit: limit } = this.#view;
    const { now } = this.#store;
    const from = this.#store.start / 1_000;
    const stretches = stretchesOf(this.#view, this.#store.movesOf(name), this.#store.knownSince, now);
    this.#spark.draw({ points: this.#store.seriesOf(name).points, stretches, limit, from, to: now / 1_000 });
  }

  dispose(): void {
    this.#spark.dispose();
    this.#details?.dispose();
    this.element.remove();
  }

  #clicked({ target }: Event): void {
    const elsewhere = target instanceof Element && target.closest('button, a') !== null;
    // Who marks a text to copy it wants nothing else.
    if (!elsewhere && getSelection()?.isCollapsed !== false) this.toggle();
  }

  #set(column: Column, figure: string, aside = ''): void {
    const [one, other] = this.#cells.get(column) as readonly [HTMLElement, HTMLElement];
    setText(one, figure);
    setText(other, aside);
  }

  #showState(): void {
    const view = this.#view;
    const { state, circuit, sinceMs } = view;
    const [pill, aside] = this.#cells.get('State') as readonly [HTMLElement, HTMLElement];
    const shape = h('span', { 'aria-hidden': 'true' }, `${stateShapes[state]} `);
    fill(pill, `${state} ${view.mode}`, () => [shape, stateName(view)]);
    setAttribute(pill, 'class', `state ${state}`);
    const would = circuit === undefined || circuit === 'closed' ? '' : `would be ${stateNames[circuit].toLowerCase()}, `;
    setText(aside, `${would}for ${length(sinceMs)}`);
  }

  #showRatio(): void {
    const { failureRatio, failureRatioLimit, window: seen, minimumCalls } = this.#view;
    const [figure] = this.#cells.get('Failure ratio') as readonly [HTMLElement, HTMLElement];
    const limit = failureRatioLimit === undefined ? 'no limit' : `limit ${percent(failureRatioLimit)}`;
    if (failureRatio !== undefined) this.#set('Failure ratio', percent(failureRatio), limit);
    else this.#set('Failure ratio', '–', seen.recorded === 0 ? 'no calls' : `${seen.recorded} of ${minimumCalls} calls`);
    figure.classList.toggle('over', failureRatio !== undefined && failureRatioLimit !== undefined && failureRatio >= failureRatioLimit);
  }

  #showFigures(): void {
    const { name, inFlight, rejections, fallbacks, lastErrors, lastTrip, retryAfterMs, state, probesInFlight } = this.#view;
    const series = this.#store.seriesOf(name);
    const [served, failed, refused, fallback] = [series.rate('served'), series.rate('failed'), series.rate('rejected'), series.rate('fallback')];
    const some = (value: number | undefined, what = ''): string => (value === undefined || value === 0 ? '' : rate(value) + what);
    this.#set('Calls', served === undefined || failed === undefined ? '–' : rate(served + failed), some(failed, ' fail'));
    this.#set('Refused', count(sum(rejections)), some(refused));
    this.#set('By fallback', fallbacks === undefined ? '–' : count(sum(fallbacks)), some(fallback));
    this.#set('In flight', count(inFlight), probesInFlight > 0 ? plural(probesInFlight, 'probe') : '');
    const error = (state === 'closed' ? undefined : lastTrip?.errorType) ?? lastErrors[0]?.errorType;
    this.#set('Last error', error ?? '–', lastErrors.length > 1 ? `and ${lastErrors.length - 1} more` : '');
    const [shown] = this.#cells.get('Last error') as readonly [HTMLElement, HTMLElement];
    setAttribute(shown, 'title', lastErrors.map(({ errorType, count: n }) => `${errorType} × ${n}`).join('\n'));
    this.#set('Next probe', retryAfterMs === undefined ? (state === 'half_open' ? 'probing' : '–') : `in ${countdown(retryAfterMs)}`);
  }

  #showWhy(): void {
    const line = whyLine(this.#view, this.#store);
    const { name, state } = this.#view;
    setHidden(this.#rows[1], line === undefined);
    const held = isHeld(this.#view) && this.#store.overview?.adminEnabled === true;
    fill(this.#why, JSON.stringify([line, held, state]), () => {
      if (line === undefined) return [];
      const release = h('button', { type: 'button', title: actions.release.text, onclick: () => void control('release', this.#view) }, 'Release');
      if (held) setAttribute(release, 'aria-label', `Release ${name}`);
      const text = h('p', {}, h('strong', {}, line.lead), ...line.rest.map((each) => h('span', {}, each)));
      return [h('div', { class: 'why-line' }, text, held ? release : undefined)];
    });
  }
}

function nameButton(name: string, controls: string, onclick: () => void): HTMLButtonElement {
  const { scheme, rest, operation } = nameParts(name);
  return h(
    'button',
    { type: 'button', class: 'name', 'aria-expanded': 'false', 'aria-controls': controls, title: name, onclick },
    h('span', { class: 'arrow', 'aria-hidden': 'true' }),
    h('span', {}, h('span', { class: 'scheme' }, scheme), h('span', { class: 'rest' }, rest), h('span', { class: 'operation' }, operation)),
  );
}
