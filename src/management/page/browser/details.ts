import { type BreakerAction, type BreakerView, breakerActions } from '../../wire.ts';
import { actions, control } from './actions.ts';
import { Chart, type ChartOptions } from './chart.ts';
import { fill, h, setText } from './dom.ts';
import { age, clockTime, count, percent, stateNames, why } from './format.ts';
import { type Point, span } from './series.ts';
import type { Store } from './store.ts';

const maxMoves = 8;

/** All that is known of one circuit, and what can be done about it. */
export class Details {
  readonly element: HTMLElement;
  readonly #store: Store;
  readonly #charts: readonly Chart[];
  readonly #facts = h('dl', { class: 'facts' });
  readonly #errors = h('ul', { class: 'errors' });
  readonly #moves = h('ol', { class: 'moves' });
  readonly #note = h('p', { class: 'hint' });
  readonly #buttons: ReadonlyMap<BreakerAction, HTMLButtonElement>;
  #view: BreakerView;

  constructor(view: BreakerView, store: Store) {
    this.#view = view;
    this.#store = store;
    const { name } = view;
    this.#buttons = new Map(
      breakerActions.map((action) => {
        const { label, text } = actions[action];
        const kind = action === 'force-open' ? 'harm' : action === 'release' ? 'main' : '';
        return [action, h('button', { type: 'button', class: kind, title: text, onclick: () => void control(action, name) }, label)];
      }),
    );
    const ratio = h('div', { class: 'chart', role: 'img', 'aria-label': `Failure ratio of ${name} against its limit over the last ten minutes` });
    const rates = h('div', { class: 'chart', role: 'img', 'aria-label': `Calls of ${name} a second over the last ten minutes` });
    this.element = h(
      'div',
      { class: 'details', role: 'group', 'aria-label': `Details of ${name}` },
      h('div', { class: 'buttons controls', role: 'group', 'aria-label': `Control of ${name}` }, ...this.#buttons.values()),
      this.#note,
      h('section', {}, h('h3', {}, 'Ratio in the window, and its limit (broken line)'), ratio),
      h('section', {}, h('h3', {}, 'Calls a second'), rates),
      h('section', {}, h('h3', {}, 'Now'), this.#facts),
      h('section', {}, h('h3', {}, 'Errors'), this.#errors, h('h3', {}, 'Transitions'), this.#moves),
    );
    this.#charts = [new Chart(ratio, this.#ratioOptions()), new Chart(rates, rateOptions)];
  }

  update(view: BreakerView): void {
    this.#view = view;
    const { points } = this.#store.seriesOf(view.name);
    for (const chart of this.#charts) chart.draw(points, this.#store.now / 1_000);
    this.#control();
    const facts = factsOf(view);
    fill(this.#facts, JSON.stringify(facts), () => facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
    fill(this.#errors, JSON.stringify(view.lastErrors), () => this.#errorItems());
    const moves = this.#store.transitions.filter(({ breaker }) => breaker === view.name).slice(-maxMoves);
    fill(this.#moves, JSON.stringify(moves), () =>
      moves.length === 0
        ? [h('li', { class: 'none' }, 'none yet')]
        : moves.reverse().map((move) => {
            const names = `${stateNames[move.from]} → ${stateNames[move.to]}`;
            return h(
              'li',
              {},
              h('time', { datetime: move.at }, clockTime(move.at)),
              h('strong', {}, move.shadow ? `${names} (shadow)` : names),
              h('span', {}, why(move)),
            );
          }),
    );
  }

  dispose(): void {
    for (const chart of this.#charts) chart.dispose();
  }

  #control(): void {
    const enabled = this.#store.overview?.adminEnabled === true;
    const { state } = this.#view;
    const held = state === 'forced_open' || state === 'disabled' || state === 'shadow';
    for (const [action, button] of this.#buttons) button.disabled = !enabled || (action === 'release' && !held);
    setText(this.#note, enabled ? '' : 'Nobody can control anything: set OTEL_BREAKER_ADMIN_TOKEN=name:secret for the service and start it again.');
    this.#note.hidden = enabled;
  }

  #errorItems(): HTMLElement[] {
    const { lastErrors } = this.#view;
    if (lastErrors.length === 0) return [h('li', { class: 'none' }, 'none yet')];
    const most = Math.max(...lastErrors.map((each) => each.count));
    return lastErrors.map(({ errorType, count: number }) =>
      h(
        'li',
        {},
        h('span', { class: 'type' }, errorType),
        h('meter', { min: 0, max: most, value: number, 'aria-hidden': 'true' }),
        h('span', { class: 'number' }, count(number)),
      ),
    );
  }

  #ratioOptions(): ChartOptions {
    return {
      height: 190,
      ratio: true,
      seconds: span,
      lines: [
        { label: 'failed', colour: 'line-ratio', of: ({ ratio }) => ratio, fill: 'fill-ratio' },
        ...(this.#view.slowRatioLimit === undefined ? [] : [{ label: 'slow', colour: 'line-slow', of: ({ slow }: Point) => slow }]),
      ],
      limits: [
        { colour: 'line-limit', of: () => this.#view.failureRatioLimit },
        { colour: 'line-slow', of: () => this.#view.slowRatioLimit },
      ],
    };
  }
}

const rateOptions: ChartOptions = {
  height: 190,
  seconds: span,
  lines: [
    { label: 'answered', colour: 'line-good', of: ({ served }) => served },
    { label: 'failed', colour: 'line-ratio', of: ({ failed }) => failed },
    { label: 'rejected', colour: 'line-rejected', of: ({ rejected }) => rejected },
  ],
};

function list(counts: Readonly<Record<string, number>> = {}): string {
  const found = Object.entries(counts).filter(([, number]) => number > 0);
  return found.length === 0 ? 'none' : found.map(([name, number]) => `${name.replaceAll('_', ' ')} ${count(number)}`).join(', ');
}

function factsOf(view: BreakerView): (readonly [string, string])[] {
  const { window: seen, lastTrip } = view;
  const trip = lastTrip === undefined ? 'never' : `${age(lastTrip.agoMs)} ago: ${why({ ...lastTrip, trigger: lastTrip.trigger })}`;
  return [
    ['Window', `${seen.recorded} calls, ${seen.failures} failed, ${seen.slow} slow; decides from ${view.minimumCalls} on`],
    ['Last opening', trip],
    ['Openings in a row', String(view.openings)],
    ['Failures in a row', String(view.consecutiveFailures)],
    ['In flight', `${view.inFlight}, of them ${view.probesInFlight} probes`],
    ['Calls', list(view.calls)],
    ['Rejected', list(view.rejections)],
    ...(view.mode === 'shadow' || Object.keys(view.shadowRejections).length > 0 ? [['Would be rejected', list(view.shadowRejections)] as const] : []),
    ['By fallback', list(view.fallbacks)],
    ['Limits', [limit('failed', view.failureRatioLimit), limit('slow', view.slowRatioLimit)].filter(Boolean).join(', ') || 'none by ratio'],
    ['Mode', view.mode],
    ['Rule', view.rule ?? 'defaults'],
  ];
}

function limit(name: string, ratio: number | undefined): string {
  return ratio === undefined ? '' : `${percent(ratio)} ${name}`;
}
