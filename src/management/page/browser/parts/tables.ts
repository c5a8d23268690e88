import type { CheckView, Overview, PoolView } from '../../../wire.ts';
import { count, duration, length } from '../words/format.ts';
import { fill, h, setHidden } from './dom.ts';

type Cell = string | HTMLElement;

/** A table of its own, which is not there while it is empty. */
class Panel {
  readonly element: HTMLElement;
  readonly #body = h('tbody');

  constructor(id: string, title: string, columns: readonly string[]) {
    const head = columns.map((name, index) => h('th', { scope: 'col', class: index === 0 ? '' : 'figure' }, name));
    const table = h('table', { 'aria-labelledby': `${id}-title` }, h('thead', {}, h('tr', {}, ...head)), this.#body);
    this.element = h(
      'section',
      { class: `card ${id}`, 'aria-labelledby': `${id}-title`, hidden: true },
      h('h2', { id: `${id}-title` }, title),
      h('div', { class: 'scroll wide', tabindex: '0', role: 'group', 'aria-label': `${title}, to be scrolled` }, table),
    );
  }

  show(rows: readonly (readonly Cell[])[], key: string): void {
    setHidden(this.element, rows.length === 0);
    fill(this.#body, key, () =>
      rows.map(([first = '', ...rest]) => h('tr', {}, h('th', { scope: 'row' }, first), ...rest.map((each) => h('td', { class: 'figure' }, each)))),
    );
  }
}

/** Whether connections are to be had. */
export class Pools {
  readonly #panel = new Panel('pools', 'Connection pools', ['Pool', 'In use', 'Waiting', 'Gave up']);
  readonly element = this.#panel.element;

  update({ pools }: Overview): void {
    this.#panel.show(pools.map(poolRow), JSON.stringify(pools));
  }
}

function poolRow({ name, used, idle, limit, waiting, timeouts }: PoolView): Cell[] {
  const bar = limit < 0 ? undefined : h('progress', { max: Math.max(1, limit), value: used, 'aria-hidden': 'true' });
  const use = h('span', { class: 'use' }, ...(bar === undefined ? [] : [bar]), `${used} of ${limit < 0 ? 'any' : limit}, ${idle} idle`);
  const loud = (value: number): Cell => (value === 0 ? '0' : h('strong', { class: 'loud' }, count(value)));
  return [name, use, loud(waiting), loud(timeouts)];
}

const shapes = { up: '●', down: '■', unknown: '○' } as const;
const states = { up: 'closed', down: 'open', unknown: 'disabled' } as const;

/** What the active checks of dependencies say. */
export class Checks {
  readonly #panel = new Panel('checks', 'Health checks', ['Check', 'Status', 'Answered in', 'Why']);
  readonly element = this.#panel.element;

  update({ checks }: Overview): void {
    // Ages alone are no reason to make it anew.
    const key = JSON.stringify(checks, (name, value) => (name === 'sinceMs' || name === 'lastCheckAt' ? undefined : value));
    this.#panel.show(checks.map(checkRow), key);
  }
}

function checkRow({ name, kind, status, critical, durationMs, sinceMs, error, because }: CheckView): Cell[] {
  const title = h('span', {}, name, h('span', { class: 'kind' }, critical ? `${kind} · critical` : kind));
  const pill = h('span', { class: `state ${states[status]}` }, h('span', { 'aria-hidden': 'true' }, `${shapes[status]} `), status);
  const said = h('span', {}, pill, h('span', { class: 'aside' }, `for ${length(sinceMs)}`));
  const reason = status === 'up' ? '' : because === undefined ? (error ?? '') : `because ${because} is down`;
  return [title, said, durationMs === undefined ? '–' : duration(durationMs), reason];
}
