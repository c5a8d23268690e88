import type { BreakerView } from '../../wire.ts';
import { Chart } from './chart.ts';
import { Details } from './details.ts';
import { fill, h, setAttribute, setText } from './dom.ts';
import { age, count, length, nameParts, percent, stateNames, stateShapes, sum } from './format.ts';
import { span } from './series.ts';
import type { Store } from './store.ts';

export const columns = ['Circuit', 'State', 'Failure ratio', 'In flight', 'Rejected', 'By fallback', 'Last error', 'Next probe'] as const;

let ids = 0;

/** A circuit: a row of the table, and below it, when asked for, all that is known of it. */
export class Row {
  readonly elements: readonly [HTMLTableRowElement, HTMLTableRowElement];
  readonly #store: Store;
  readonly #cells = new Map<(typeof columns)[number], HTMLElement>();
  readonly #button: HTMLButtonElement;
  readonly #below: HTMLTableCellElement;
  readonly #chart: Chart;
  readonly #ratio = h('span', { class: 'number' });
  readonly #badges = h('span', { class: 'badges' });
  #view: BreakerView;
  #details: Details | undefined;

  constructor(view: BreakerView, store: Store) {
    this.#view = view;
    this.#store = store;
    const id = `circuit-${ids++}`;
    const { scheme, rest, operation } = nameParts(view);
    this.#button = h(
      'button',
      { type: 'button', class: 'name', 'aria-expanded': 'false', 'aria-controls': id, 'aria-label': view.name, onclick: () => this.toggle() },
      h('span', { class: 'arrow', 'aria-hidden': 'true' }, '›'),
      h(
        'span',
        { class: 'texts' },
        h('span', { class: 'rest' }, rest),
        h('span', { class: 'kind' }, [scheme, operation].filter(Boolean).join(' · ')),
      ),
    );
    const canvas = h('div', { class: 'spark', 'aria-hidden': 'true' });
    const cells = columns.map((column, index) => {
      const cell = h(index === 0 ? 'th' : 'td', {
        role: index === 0 ? 'rowheader' : 'cell',
        'data-label': column,
        ...(index === 0 && { scope: 'row' }),
      });
      this.#cells.set(column, cell);
      return cell;
    });
    this.#cells.get('Circuit')?.append(this.#button, this.#badges);
    this.#cells.get('Failure ratio')?.append(canvas, this.#ratio);
    this.#below = h('td', { id, colspan: columns.length, role: 'cell' });
    this.elements = [h('tr', { role: 'row', class: 'circuit' }, ...cells), h('tr', { role: 'row', class: 'below', hidden: true }, this.#below)];
    this.#chart = new Chart(canvas, {
      height: 34,
      small: true,
      ratio: true,
      seconds: span / 2,
      lines: [{ label: 'failure ratio', colour: 'line-ratio', of: ({ ratio }) => ratio, fill: 'fill-ratio' }],
      limits: [{ colour: 'line-limit', of: () => this.#view.failureRatioLimit }],
    });
  }

  toggle(open = this.#details === undefined): void {
    setAttribute(this.#button, 'aria-expanded', String(open));
    this.elements[1].hidden = !open;
    if (!open) {
      this.#details?.dispose();
      this.#details = undefined;
      this.#below.replaceChildren();
    } else if (this.#details === undefined) {
      this.#details = new Details(this.#view, this.#store);
      this.#below.append(this.#details.element);
      this.update(this.#view);
    }
  }

  show(visible: boolean): void {
    this.elements[0].hidden = !visible;
    this.elements[1].hidden = !visible || this.#details === undefined;
  }

  update(view: BreakerView): void {
    this.#view = view;
    const { state, sinceMs, failureRatio, failureRatioLimit, window: seen, minimumCalls, lastErrors, retryAfterMs } = view;
    const set = (column: (typeof columns)[number], text: string): void => setText(this.#cells.get(column) as HTMLElement, text);
    const cell = this.#cells.get('State') as HTMLElement;
    fill(cell, `${state} ${view.circuit}`, () => [
      h('span', { class: `state ${state}` }, h('span', { 'aria-hidden': 'true' }, `${stateShapes[state]} `), stateNames[state]),
      h('span', { class: 'since' }),
    ]);
    const would = view.circuit === undefined || view.circuit === 'closed' ? '' : `would be ${stateNames[view.circuit].toLowerCase()}, `;
    setText(cell.lastElementChild as Element, `${would}for ${age(sinceMs)}`);
    setAttribute(this.elements[0], 'data-state', state);
    const limit = failureRatioLimit === undefined ? 'no limit' : `limit ${percent(failureRatioLimit)}`;
    const few = seen.recorded === 0 ? 'no calls' : `${seen.recorded} of ${minimumCalls} calls`;
    setText(this.#ratio, `${failureRatio === undefined ? few : percent(failureRatio)} · ${limit}`);
    this.#ratio.classList.toggle('over', failureRatio !== undefined && failureRatioLimit !== undefined && failureRatio >= failureRatioLimit);
    set('In flight', count(view.inFlight));
    set('Rejected', count(sum(view.rejections)));
    set('By fallback', view.fallbacks === undefined ? '–' : count(sum(view.fallbacks)));
    const error = view.lastTrip?.errorType ?? lastErrors[0]?.errorType;
    set('Last error', error ?? '–');
    setAttribute(
      this.#cells.get('Last error') as HTMLElement,
      'title',
      lastErrors.map(({ errorType, count: n }) => `${errorType} × ${n}`).join('\n'),
    );
    set('Next probe', retryAfterMs === undefined ? (state === 'half_open' ? 'probing' : '–') : `in ${length(retryAfterMs)}`);
    fill(this.#badges, `${view.mode} ${view.injected} ${view.degraded}`, () => [
      view.mode === 'enforce' ? undefined : h('span', { class: 'badge' }, `mode ${view.mode}`),
      view.injected ? h('span', { class: 'badge loud' }, 'faults injected') : undefined,
      view.degraded === undefined ? undefined : h('span', { class: 'badge loud' }, view.degraded),
    ]);
    this.draw();
    this.#details?.update(view);
  }

  draw(): void {
    this.#chart.draw(this.#store.seriesOf(this.#view.name).points, this.#store.now / 1_000);
  }

  dispose(): void {
    this.#chart.dispose();
    this.#details?.dispose();
    for (const each of this.elements) each.remove();
  }
}
