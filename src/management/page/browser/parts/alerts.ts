import type { AlertView } from '../../../wire.ts';
import type { Store } from '../facts/store.ts';
import type { Overview } from '../server/ahead.ts';
import { length, moment } from '../words/format.ts';
import { fill, h, setHidden, setText } from './dom.ts';
import { circuitLink } from './link.ts';

const severities = ['critical', 'warning', 'info'] as const;
const shapes = { critical: '■', warning: '▲', info: '●', resolved: '✓' } as const;

/** Alerts that fire, the worst first; those that are over, folded. Not there while there is none of either. */
export class Alerts {
  readonly element = h('section', { class: 'card alerts', 'aria-labelledby': 'alerts-title', hidden: true });
  readonly #store: Store;
  readonly #title = h('h2', { id: 'alerts-title' });
  readonly #firing = h('ul', {});
  readonly #over = h('details', { class: 'over' });
  readonly #summary = h('summary', {});
  readonly #resolved = h('ul', {});
  #ages: (() => void)[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.#over.append(this.#summary, this.#resolved);
    this.element.append(this.#title, this.#firing, this.#over);
  }

  update({ alerts }: Overview): void {
    const firing = alerts.filter(({ state }) => state === 'firing').sort(worstFirst);
    const resolved = alerts
      .filter(({ state }) => state === 'resolved')
      .sort((a, b) => Date.parse(b.resolvedAt ?? b.since) - Date.parse(a.resolvedAt ?? a.since));
    setHidden(this.element, alerts.length === 0);
    setText(this.#title, firing.length === 0 ? 'No alert is firing' : `Alerts: ${firing.length} firing`);
    const key = (each: readonly AlertView[]): string =>
      JSON.stringify(each.map(({ id, severity, state, summary }) => [id, severity, state, summary]));
    if (fill(this.#firing, key(firing), () => [])) {
      this.#ages = [];
      this.#firing.append(...firing.map((alert) => this.#item(alert)));
    }
    for (const show of this.#ages) show();
    fill(this.#resolved, key(resolved), () => resolved.map((alert) => this.#item(alert)));
    setText(this.#summary, `${resolved.length} resolved of late`);
    setHidden(this.#over, resolved.length === 0);
  }

  #item(alert: AlertView): HTMLElement {
    const { name, severity, state, summary, since, resolvedAt, breaker } = alert;
    const { now } = this.#store;
    const label = state === 'resolved' ? 'resolved' : severity;
    const age = h('span', { class: 'hint' });
    const show = (): void => setText(age, `${name} · since ${moment(since, now)} (${length(this.#store.now - Date.parse(since))})`);
    if (resolvedAt === undefined) this.#ages.push(show);
    else setText(age, `${name} · ${moment(since, now)} to ${moment(resolvedAt, now)}`);
    return h(
      'li',
      { class: `alert ${label}` },
      h('strong', { class: `badge ${label}` }, h('span', { 'aria-hidden': 'true' }, `${shapes[label]} `), label),
      h(
        'div',
        { class: 'texts' },
        h('p', { class: 'summary' }, summary),
        age,
        breaker === undefined ? undefined : circuitLink(breaker, 'Show the circuit'),
      ),
    );
  }
}

function worstFirst(one: AlertView, other: AlertView): number {
  return severities.indexOf(one.severity) - severities.indexOf(other.severity) || Date.parse(one.since) - Date.parse(other.since);
}
