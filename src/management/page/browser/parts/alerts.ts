import type { AlertView, Overview } from '../../../wire.ts';
import type { Store } from '../facts/store.ts';
import { length, moment } from '../words/format.ts';
import { fill, h, setHidden, setText } from './dom.ts';
import { circuitLink } from './link.ts';

const severities = ['critical', 'warning', 'info'] as const;
const maxLinks = 6;
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
    const { name, severity, state, summary, since, resolvedAt, breaker, breakers = [], consequences = [], runbook } = alert;
    const circuits = breaker === undefined ? breakers : [breaker];
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
        ...links(circuits),
        ...(runbook === undefined ? [] : [todo(runbook, consequences)]),
      ),
    );
  }
}

function links(circuits: readonly string[]): HTMLElement[] {
  const [first] = circuits;
  if (first === undefined) return [];
  return circuits.length === 1 ? [circuitLink(first, 'Show the circuit')] : circuits.slice(0, maxLinks).map((each) => circuitLink(each));
}

function todo(runbook: string, consequences: readonly string[]): HTMLElement {
  const also = consequences.length === 0 ? undefined : h('p', {}, `Because of it: ${consequences.join('; ')}`);
  return h('details', { class: 'runbook' }, h('summary', {}, 'What to do'), h('p', {}, runbook), also);
}

function worstFirst(one: AlertView, other: AlertView): number {
  return severities.indexOf(one.severity) - severities.indexOf(other.severity) || Date.parse(one.since) - Date.parse(other.since);
}
