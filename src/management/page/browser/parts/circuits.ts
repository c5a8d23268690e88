import type { BreakerView, Overview } from '../../../wire.ts';
import { attention, attentionOf, type Group, groups, type Order, orders, sorted } from '../facts/order.ts';
import type { Store } from '../facts/store.ts';
import { h, setHidden, setText } from './dom.ts';
import { columns, numeric, Row } from './row.ts';

/** Shown unless somebody asks for all: what is calm, beside everything that is not. */
const maxCalm = 30;
/** Rows out of sight are brought up to date at every so manieth change only: hundreds of them would keep a processor busy. */
const unseenEvery = 10;
/** Rows stay where they are for so long after somebody has pointed at them. */
const holdMs = 3_000;

/** The table of all circuits, those in trouble on top. */
export class Circuits {
  readonly element: HTMLElement;
  /** Hears of the circuits whose past is wanted. */
  wanted: (names: readonly string[]) => void = () => {};
  readonly #store: Store;
  readonly #rows = new Map<string, Row>();
  readonly #body = h('div', { class: 'rows' });
  readonly #table: HTMLElement;
  readonly #none = h('p', { class: 'none' });
  readonly #more = h('button', { type: 'button', class: 'more', onclick: () => this.#showAll() });
  readonly #filter = h('input', {
    type: 'search',
    'aria-label': 'Filter circuits by name or error',
    placeholder: 'Filter  ( / )',
    'aria-keyshortcuts': '/',
    oninput: () => this.#show(),
  });
  readonly #order = h('select', { 'aria-label': 'Order of circuits', onchange: () => this.#show() }, ...orders.map((each) => h('option', {}, each)));
  readonly #tools = h('div', { class: 'tools-of-list' });
  readonly #chips: ReadonlyMap<Group, HTMLButtonElement>;
  readonly #seen: IntersectionObserver;
  #group: Group = 'All';
  #all = false;
  #heldUntil = 0;
  #turn = 0;
  #target: string | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.#seen = new IntersectionObserver((entries) => this.#look(entries), { rootMargin: '200px' });
    this.#chips = new Map(
      (Object.keys(groups) as Group[]).map((group) => [
        group,
        h('button', { type: 'button', class: 'chip', 'aria-pressed': String(group === 'All'), onclick: () => this.#choose(group) }),
      ]),
    );
    const head = columns.map((column) => h('div', { role: 'columnheader', class: numeric.includes(column) ? 'number' : undefined }, column));
    this.#table = h(
      'div',
      { role: 'table', class: 'circuits', 'aria-labelledby': 'circuits-title' },
      h('div', { role: 'rowgroup', class: 'heads' }, h('div', { role: 'row', class: 'columns' }, ...head)),
      this.#body,
    );
    for (const name of ['pointermove', 'pointerdown'])
      this.#table.addEventListener(name, () => (this.#heldUntil = performance.now() + holdMs), { passive: true });
    const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Show' }, ...this.#chips.values());
    this.#tools.append(chips, this.#order, this.#filter);
    this.element = h(
      'section',
      { id: 'circuits', class: 'card', 'aria-labelledby': 'circuits-title', tabindex: '-1' },
      h('div', { class: 'bar' }, h('h2', { id: 'circuits-title' }, 'Circuits'), this.#tools),
      this.#table,
      this.#none,
      this.#more,
    );
    addEventListener('keydown', (event) => this.#hotkey(event));
    addEventListener('hashchange', () => this.#follow());
    this.#follow();
  }

  update({ breakers }: Overview): void {
    for (const [group, chip] of this.#chips) setText(chip, `${group} ${breakers.filter(groups[group]).length}`);
    this.#show();
    if (this.#target !== undefined) this.#go(this.#target);
  }

  /** To where the address of the page leads: `#` and a circuit's name. */
  #follow(): void {
    try {
      const name = decodeURIComponent(location.hash.slice(1));
      if (name !== '' && document.getElementById(name) === null) this.#go(name);
    } catch {
      // Not one of ours.
    }
  }

  #go(name: string): void {
    this.#target = undefined;
    const known = this.#store.view(name) !== undefined;
    // Perhaps the circuits are still to come.
    if (!known) this.#target = this.#store.overview === undefined ? name : undefined;
    if (!known) return;
    if (this.#rows.get(name)?.element.isConnected !== true) {
      this.#filter.value = '';
      this.#all = true;
      this.#choose('All');
    }
    const row = this.#rows.get(name);
    row?.toggle(true);
    row?.focus();
  }

  #toggled(name: string, open: boolean): void {
    const own = `#${encodeURIComponent(name)}`;
    if (open) history.replaceState(null, '', own);
    else if (location.hash === own) history.replaceState(null, '', location.pathname);
    if (open) this.wanted([name]);
  }

  #hotkey(event: KeyboardEvent): void {
    const typing = event.target instanceof Element && event.target.closest('input, select, textarea, dialog') !== null;
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#filter.focus();
  }

  #choose(group: Group): void {
    this.#group = group;
    for (const [each, chip] of this.#chips) chip.setAttribute('aria-pressed', String(each === group));
    this.#heldUntil = 0;
    this.#show();
  }

  #showAll(): void {
    this.#all = !this.#all;
    this.#show();
  }

  #show(): void {
    const { overview } = this.#store;
    if (overview === undefined) return;
    const matching = this.#matching(overview);
    const shown = this.#all ? matching : this.#few(matching);
    this.#arrange(shown);
    this.#turn += 1;
    shown.forEach((view, index) => {
      const row = this.#rows.get(view.name);
      if (row?.seen || row?.open || (index + this.#turn) % unseenEvery === 0) row?.update(view);
      else row?.keep(view);
    });
    const hidden = matching.length - shown.length;
    setText(this.#more, this.#all ? 'Show fewer' : `Show ${hidden} more`);
    setHidden(this.#more, this.#all ? matching.length <= this.#few(matching).length : hidden === 0);
    setHidden(this.#tools, overview.breakers.length === 0);
    const empty = 'No circuit yet. Each appears with the first call that it guards: of ioredis, pg, fetch, undici, or of a breaker made in code.';
    setText(this.#none, overview.breakers.length === 0 ? empty : 'No circuit fits.');
    setHidden(this.#none, shown.length > 0);
    setHidden(this.#table, shown.length === 0);
    this.wanted(shown.map(({ name }) => name));
  }

  #matching({ breakers }: Overview): BreakerView[] {
    const text = this.#filter.value.trim().toLowerCase();
    const fits = (view: BreakerView): boolean =>
      groups[this.#group](view) &&
      (text === '' || view.name.toLowerCase().includes(text) || view.lastErrors.some(({ errorType }) => errorType.toLowerCase().includes(text)));
    return sorted(breakers.filter(fits), this.#order.value as Order, this.#store);
  }

  #few(views: readonly BreakerView[]): BreakerView[] {
    let calm = 0;
    return views.filter((view) => {
      if (attentionOf(view) < attention.calm || this.#rows.get(view.name)?.open === true) return true;
      calm += 1;
      return calm <= maxCalm;
    });
  }

  #arrange(views: readonly BreakerView[]): void {
    const wanted = views.map(({ name, ...rest }) => {
      const known = this.#rows.get(name);
      if (known !== undefined) return known;
      const row = new Row({ name, ...rest }, this.#store, (each, open) => this.#toggled(each, open));
      row.update({ name, ...rest });
      this.#rows.set(name, row);
      return row;
    });
    const gone = new Set([...this.#body.children]);
    for (const { element } of wanted) gone.delete(element);
    for (const [name, row] of this.#rows) {
      if (!gone.has(row.element)) continue;
      this.#seen.unobserve(row.element);
      row.dispose();
      this.#rows.delete(name);
    }
    const added = wanted.filter(({ element }) => !element.isConnected);
    const same = added.length === 0 && wanted.every(({ element }, index) => element === this.#body.children[index]);
    if (same || (added.length === 0 && performance.now() < this.#heldUntil)) return;
    place(
      this.#body,
      wanted.map(({ element }) => element),
    );
    for (const { element } of added) this.#seen.observe(element);
  }

  #look(entries: readonly IntersectionObserverEntry[]): void {
    const rows = new Map([...this.#rows.values()].map((row) => [row.element as Element, row]));
    for (const { target, isIntersecting } of entries) {
      const row = rows.get(target);
      if (row === undefined) continue;
      row.look(isIntersecting);
    }
  }
}

/** Puts elements in their order without moving the one that has the focus: a moved element loses it. */
function place(body: HTMLElement, elements: readonly HTMLElement[]): void {
  const kept = elements.find((each) => each.contains(document.activeElement));
  let before = true;
  for (const element of elements) {
    if (element === kept) before = false;
    else if (before && kept !== undefined) body.insertBefore(element, kept);
    else body.append(element);
  }
}
