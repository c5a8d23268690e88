import type { TransitionView } from '../../../wire.ts';
import { type Entry, entriesOf } from '../facts/log-entries.ts';
import type { Store } from '../facts/store.ts';
import { moment, percent, plural } from '../words/format.ts';
import { stateNames, stateShapes, why } from '../words/names.ts';
import { fill, h, setHidden } from './dom.ts';
import { circuitLink } from './link.ts';

const maxListed = 60;

/** What has happened, the latest first: moves of circuits, alerts, and what people have done. */
export class Log {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #list = h('tbody');
  readonly #none = h('p', { class: 'none' }, 'Nothing has happened yet.');
  readonly #scroll: HTMLElement;

  constructor(store: Store) {
    this.#store = store;
    const head = ['Time', 'Circuit', 'What', 'Why'].map((name) => h('th', { scope: 'col' }, name));
    const table = h('table', { class: 'log' }, h('thead', {}, h('tr', {}, ...head)), this.#list);
    this.#scroll = h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'The list, to be scrolled' }, table);
    this.element = h(
      'section',
      { class: 'card', 'aria-labelledby': 'log-title' },
      h('div', { class: 'bar' }, h('h2', { id: 'log-title' }, 'What happened')),
      this.#scroll,
      this.#none,
    );
  }

  update(): void {
    const { overview, transitions, done, changes, now } = this.#store;
    const alerts = overview?.alerts ?? [];
    const key = `${changes} ${JSON.stringify(alerts.map(({ id, since, resolvedAt }) => [id, since, resolvedAt]))}`;
    fill(this.#list, key, () => {
      const entries = entriesOf(transitions, alerts, done, maxListed);
      setHidden(this.#none, entries.length > 0);
      setHidden(this.#scroll, entries.length === 0);
      return entries.map((entry) => line(entry, now));
    });
  }
}

function line(entry: Entry, now: number): HTMLElement {
  const { circuit, what, why } = said(entry);
  return h(
    'tr',
    { class: `entry-${entry.kind}` },
    h('td', {}, h('time', { datetime: new Date(entry.at).toISOString() }, moment(entry.at, now))),
    h('td', { class: 'circuit-name' }, circuit),
    h('td', { class: 'change' }, ...what),
    h('td', {}, why),
  );
}

interface Said {
  readonly circuit?: HTMLElement | string;
  readonly what: readonly (HTMLElement | string)[];
  readonly why: string;
}

/** An entry in words and signs. */
export function said(entry: Entry): Said {
  switch (entry.kind) {
    case 'move':
      return { circuit: circuitLink(entry.move.breaker), what: change(entry.move), why: why(entry.move) };
    case 'probes': {
      const { move, times } = entry;
      return { circuit: circuitLink(move.breaker), what: [state('open'), ` still: ${plural(times, 'probe')} failed`], why: why(move) };
    }
    case 'alert': {
      const { severity, summary, name, breaker } = entry.alert;
      const label = entry.resolved ? 'resolved' : severity;
      const what = [badge(label, `alert ${label}`)];
      return { ...(breaker !== undefined && { circuit: circuitLink(breaker) }), what, why: entry.resolved ? name : `${name}: ${summary}` };
    }
    case 'admin': {
      const { action, actor, reason, changes, faults } = entry.data;
      const now =
        faults === undefined
          ? ''
          : `, now ${faults.length === 0 ? 'none' : faults.map(({ kind, share, scope }) => `${kind} into ${percent(share)} of ${scope}`).join('; ')}`;
      const [first] = changes;
      const one = changes.length === 1 && first !== undefined;
      const circuit = one ? circuitLink(first.breaker) : changes.length === 0 ? '' : plural(changes.length, 'circuit');
      return { circuit, what: [badge('hand', action.replaceAll('-', ' '))], why: `by ${actor}${reason === undefined ? '' : `: ${reason}`}${now}` };
    }
    default: {
      const { applied, changes, error } = entry.data;
      const what = [badge(applied ? 'hand' : 'critical', 'configuration')];
      return { what, why: error ?? (changes.join('; ') || 'read again, nothing has changed') };
    }
  }
}

function badge(kind: string, text: string): HTMLElement {
  return h('strong', { class: `badge ${kind}` }, text);
}

function state(each: keyof typeof stateNames): HTMLElement {
  return h('span', { class: `state ${each}` }, h('span', { 'aria-hidden': 'true' }, `${stateShapes[each]} `), stateNames[each]);
}

function change({ from, to, shadow }: TransitionView): (HTMLElement | string)[] {
  const arrow = h('span', { class: 'to' }, h('span', { 'aria-hidden': 'true' }, ' → '), h('span', { class: 'unseen' }, ' to '));
  return [state(from), arrow, state(to), ...(shadow ? [badge('', 'would')] : [])];
}
