import type { BreakerView, Overview } from '../../wire.ts';
import { h, setText } from './dom.ts';
import { columns, Row } from './row.ts';
import type { Store } from './store.ts';

const groups = {
  All: () => true,
  'Not closed': ({ state, circuit }: BreakerView) => (circuit ?? state) !== 'closed',
  'By hand': ({ state }: BreakerView) => state === 'forced_open' || state === 'disabled',
  Closed: ({ state }: BreakerView) => state === 'closed',
} as const;
type Group = keyof typeof groups;

/** The table of all circuits, by name: a row does not run away from under a finger because its state changes. */
export class Circuits {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #rows = new Map<string, Row>();
  readonly #body = h('tbody', { role: 'rowgroup' });
  readonly #none = h('p', { class: 'none' });
  readonly #filter = h('input', { type: 'search', 'aria-label': 'Filter circuits by name', placeholder: 'Filter', oninput: () => this.#show() });
  readonly #chips: ReadonlyMap<Group, HTMLButtonElement>;
  #group: Group = 'All';

  constructor(store: Store) {
    this.#store = store;
    this.#chips = new Map(
      (Object.keys(groups) as Group[]).map((group) => [
        group,
        h('button', { type: 'button', class: 'chip', 'aria-pressed': String(group === 'All'), onclick: () => this.#choose(group) }),
      ]),
    );
    const head = columns.map((column) => h('th', { scope: 'col', role: 'columnheader' }, column));
    this.element = h(
      'section',
      { id: 'circuits', class: 'card', 'aria-labelledby': 'circuits-title', tabindex: '-1' },
      h(
        'div',
        { class: 'bar' },
        h('h2', { id: 'circuits-title' }, 'Circuits'),
        h('div', { class: 'chips', role: 'group', 'aria-label': 'Show' }, ...this.#chips.values()),
        this.#filter,
      ),
      h(
        'table',
        { role: 'table', 'aria-labelledby': 'circuits-title' },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...head)),
        this.#body,
      ),
      this.#none,
    );
  }

  update({ breakers }: Overview): void {
    const views = [...breakers].sort((a, b) => a.name.localeCompare(b.name));
    const names = new Set(views.map(({ name }) => name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.dispose();
      this.#rows.delete(name);
    }
    let added = false;
    for (const view of views) {
      if (this.#rows.has(view.name)) continue;
      this.#rows.set(view.name, new Row(view, this.#store));
      added = true;
    }
    // Only then: moving an element takes the focus from it.
    if (added) this.#body.append(...views.flatMap(({ name }) => this.#rows.get(name)?.elements ?? []));
    for (const view of views) this.#rows.get(view.name)?.update(view);
    for (const [group, chip] of this.#chips) setText(chip, `${group} ${views.filter(groups[group]).length}`);
    this.#show();
  }

  #choose(group: Group): void {
    this.#group = group;
    for (const [each, chip] of this.#chips) chip.setAttribute('aria-pressed', String(each === group));
    this.#show();
  }

  #show(): void {
    const text = this.#filter.value.trim().toLowerCase();
    const breakers = this.#store.overview?.breakers ?? [];
    let shown = 0;
    for (const view of breakers) {
      const visible = groups[this.#group](view) && view.name.toLowerCase().includes(text);
      this.#rows.get(view.name)?.show(visible);
      if (visible) shown += 1;
    }
    setText(this.#none, breakers.length === 0 ? 'No circuit yet: each appears with the first call that it guards.' : 'None of these.');
    this.#none.hidden = shown > 0;
  }
}
