import { type BreakerAction, type BreakerView, breakerActions } from '../../../wire.ts';
import { entriesOf } from '../facts/log-entries.ts';
import { isHeld } from '../facts/order.ts';
import type { Store } from '../facts/store.ts';
import { adviceOf, meaningOf } from '../words/advice.ts';
import { clockTime, count, sum } from '../words/format.ts';
import { actions, control } from './actions.ts';
import { CircuitFacts } from './circuit-facts.ts';
import { fill, h, setHidden, setText } from './dom.ts';
import { askFault } from './fault-dialog.ts';
import { said } from './log.ts';
import { askMode } from './mode-dialogs.ts';
import { Plots } from './plots.ts';

const maxMoves = 8;
const noAdmin = 'Nobody can control anything here: set OTEL_BREAKER_ADMIN_TOKEN=name:secret for the service and start it again.';

/** All that is known of one circuit, and what can be done about it. */
export class Details {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #plots: Plots;
  readonly #facts = new CircuitFacts();
  readonly #errors = h('ul', { class: 'errors' });
  readonly #moves = h('ol', { class: 'moves' });
  readonly #advice = h('div', { class: 'advice' });
  readonly #note = h('p', { class: 'hint' }, noAdmin);
  readonly #buttons: ReadonlyMap<BreakerAction, HTMLButtonElement>;
  readonly #mode: HTMLButtonElement;
  readonly #faults: HTMLButtonElement;
  #view: BreakerView;

  constructor(view: BreakerView, store: Store) {
    this.#view = view;
    this.#store = store;
    this.#plots = new Plots(view, store);
    const { name } = view;
    this.#buttons = new Map(
      breakerActions.map((action) => {
        const { label, text } = actions[action];
        const kind = action === 'force-open' ? 'harm' : action === 'release' ? 'main' : '';
        return [action, h('button', { type: 'button', class: kind, title: text, onclick: () => void control(action, this.#view) }, label)];
      }),
    );
    this.#mode = h('button', { type: 'button', onclick: () => void askMode(this.#store, { name }) }, 'Mode …');
    this.#faults = h('button', { type: 'button', onclick: () => void askFault(this.#view) }, 'Inject faults …');
    const buttons = [...this.#buttons.values(), this.#mode, this.#faults];
    this.element = h(
      'div',
      { class: 'details', role: 'group', 'aria-label': `Details of ${name}` },
      h('div', { class: 'buttons controls', role: 'group', 'aria-label': `Control of ${name}` }, ...buttons),
      this.#note,
      this.#advice,
      this.#plots.element,
      h('section', {}, h('h3', {}, 'Now'), this.#facts.element),
      h('section', {}, h('h3', {}, 'Errors, since the start'), this.#errors),
      h('section', {}, h('h3', {}, 'What happened, the latest first'), this.#moves),
    );
  }

  update(view: BreakerView): void {
    this.#view = view;
    this.#plots.draw(view);
    this.#facts.update(view);
    this.#control();
    this.#advise();
    fill(this.#errors, JSON.stringify(view.lastErrors), () => this.#errorItems());
    const moves = this.#store.movesOf(view.name);
    fill(this.#moves, `${moves.length} ${moves.at(-1)?.at}`, () => {
      const entries = entriesOf(moves, [], [], maxMoves);
      if (entries.length === 0) return [h('li', { class: 'none' }, 'Nothing yet.')];
      return entries.map((entry) => {
        const { what, why } = said(entry);
        return h('li', {}, h('time', {}, clockTime(entry.at)), h('span', {}, ...what), h('span', { class: 'cause' }, why));
      });
    });
  }

  dispose(): void {
    this.#plots.dispose();
  }

  #control(): void {
    const { adminEnabled = false, features = [] } = this.#store.overview ?? {};
    const held = isHeld(this.#view);
    for (const [action, button] of this.#buttons) button.disabled = !adminEnabled || (action === 'release' && !held);
    this.#mode.disabled = !adminEnabled;
    setHidden(this.#mode, !features.includes('mode'));
    this.#faults.disabled = !adminEnabled;
    setText(this.#faults, this.#view.injected ? 'Stop faults …' : 'Inject faults …');
    setHidden(this.#faults, !features.includes('faults'));
    setHidden(this.#note, adminEnabled);
  }

  #advise(): void {
    const { state, lastTrip, lastErrors } = this.#view;
    const advice = adviceOf(this.#view);
    const error = state === 'closed' ? undefined : (lastTrip?.errorType ?? lastErrors[0]?.errorType);
    const meaning = meaningOf(error);
    fill(this.#advice, JSON.stringify([advice, error, meaning]), () => [
      meaning === undefined ? undefined : h('p', {}, h('strong', {}, error), ` ${meaning}`),
      advice === undefined ? undefined : h('p', {}, advice),
    ]);
    setHidden(this.#advice, advice === undefined && meaning === undefined);
  }

  #errorItems(): HTMLElement[] {
    const { lastErrors, calls } = this.#view;
    if (lastErrors.length === 0) return [h('li', { class: 'none' }, 'None yet.')];
    const listed = sum(Object.fromEntries(lastErrors.map((each) => [each.errorType, each.count])));
    const all = Math.max(1, calls['failure'] ?? 0, listed);
    return lastErrors.map(({ errorType, count: number }) =>
      h(
        'li',
        {},
        h('span', { class: 'type', title: meaningOf(errorType) }, errorType),
        h('progress', { max: all, value: number, 'aria-hidden': 'true' }),
        h('span', { class: 'figure' }, count(number)),
      ),
    );
  }
}
