import type { AlertView, Overview } from '../../wire.ts';
import { recover, reload, setMode } from './actions.ts';
import { fill, h, setAttribute, setText } from './dom.ts';
import { clockTime, count, sum } from './format.ts';

const titles = { healthy: 'Healthy', degraded: 'Degraded', critical: 'Critical', emergency: 'Emergency' } as const;
const modes = ['configured', 'enforce', 'shadow', 'off'] as const;

/** The state of the whole, in figures; its alerts; and what can be done to all circuits. */
export class System {
  readonly elements: readonly HTMLElement[];
  readonly #card = h('section', { class: 'card system', 'aria-labelledby': 'system-title' });
  readonly #title = h('h2', { id: 'system-title' });
  readonly #reasons = h('ul', { class: 'reasons' });
  readonly #figures = h('dl', { class: 'figures' });
  readonly #alerts = h('section', { class: 'card alerts', 'aria-labelledby': 'alerts-title', hidden: true });
  readonly #pools = h('section', { class: 'card pools', 'aria-labelledby': 'pools-title', hidden: true });
  readonly #tools = h('div', { class: 'buttons tools', role: 'group', 'aria-label': 'Control of all circuits' });

  constructor() {
    this.#card.append(h('div', { class: 'says' }, this.#title, this.#reasons), this.#figures, this.#tools);
    this.elements = [this.#card, this.#alerts, this.#pools];
  }

  get top(): readonly HTMLElement[] {
    return [this.#card, this.#alerts];
  }

  get bottom(): readonly HTMLElement[] {
    return [this.#pools];
  }

  update(overview: Overview): void {
    const { system, breakers, alerts, features } = overview;
    setAttribute(this.#card, 'data-system', system.state);
    setText(this.#title, titles[system.state]);
    fill(this.#reasons, JSON.stringify(system.reasons), () => system.reasons.map((reason) => h('li', {}, reason)));
    const open = breakers.filter(({ state, circuit }) => (circuit ?? state) === 'open' || state === 'forced_open').length;
    const figures = [
      ['Circuits', String(breakers.length)],
      ['Open', String(open)],
      ['In flight', count(breakers.reduce((total, { inFlight }) => total + inFlight, 0))],
      ['Rejected', count(breakers.reduce((total, { rejections }) => total + sum(rejections), 0))],
      ['By fallback', count(breakers.reduce((total, { fallbacks }) => total + sum(fallbacks), 0))],
      ...(system.dependencies.total > 0 ? [['Dependencies up', `${system.dependencies.up} of ${system.dependencies.total}`]] : []),
    ];
    fill(this.#figures, JSON.stringify(figures), () => figures.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
    fill(this.#tools, `${overview.mode} ${features.join()}`, () => tools(overview));
    this.#tools.hidden = !overview.adminEnabled;
    this.#alerts.hidden = alerts.length === 0;
    fill(this.#alerts, JSON.stringify(alerts), () => [h('h2', { id: 'alerts-title' }, 'Alerts'), h('ul', {}, ...alerts.map(alertItem))]);
    this.#showPools(overview);
  }

  #showPools({ pools }: Overview): void {
    this.#pools.hidden = pools.length === 0;
    fill(this.#pools, JSON.stringify(pools), () => [
      h('h2', { id: 'pools-title' }, 'Pools'),
      h(
        'div',
        { class: 'scroll' },
        h(
          'table',
          {},
          h('thead', {}, h('tr', {}, ...['Pool', 'Used', 'Idle', 'Limit', 'Waiting', 'Gave up'].map((name) => h('th', { scope: 'col' }, name)))),
          h(
            'tbody',
            {},
            ...pools.map(({ name, used, idle, limit, waiting, timeouts }) =>
              h(
                'tr',
                {},
                h('th', { scope: 'row' }, name),
                ...[used, idle, limit < 0 ? 'none' : limit, waiting, timeouts].map((each) => h('td', {}, String(each))),
              ),
            ),
          ),
        ),
      ),
    ]);
  }
}

function alertItem({ name, severity, state, summary, since, resolvedAt }: AlertView): HTMLElement {
  const label = state === 'resolved' ? 'resolved' : severity;
  return h(
    'li',
    { class: `alert ${label}` },
    h('strong', { class: 'badge' }, label),
    h('span', { class: 'summary' }, summary),
    h('span', { class: 'hint' }, `${name}, since ${clockTime(since)}${resolvedAt === undefined ? '' : `, resolved ${clockTime(resolvedAt)}`}`),
  );
}

function tools({ mode, features }: Overview): HTMLElement[] {
  const select = h('select', { 'aria-label': 'Mode of all circuits' }, h('option', { value: '' }, `Mode (default ${mode}) …`));
  for (const each of modes) select.append(h('option', { value: each }, each === 'configured' ? 'as configured' : each));
  select.addEventListener('change', () => {
    const chosen = modes.find((each) => each === select.value);
    select.value = '';
    if (chosen !== undefined) void setMode(chosen);
  });
  return [
    h('button', { type: 'button', title: 'Every open circuit lets probes out now', onclick: () => void recover() }, 'Probe now'),
    ...(features.includes('reload') ? [h('button', { type: 'button', onclick: () => void reload() }, 'Reload configuration')] : []),
    ...(features.includes('mode') ? [select] : []),
  ];
}
