import type { BreakerView } from '../../../wire.ts';
import type { Point } from '../facts/series.ts';
import type { Store } from '../facts/store.ts';
import { stretchesOf } from '../facts/stretches.ts';
import { count, percent, rate } from '../words/format.ts';
import { Chart } from './chart.ts';
import { h } from './dom.ts';

/** What a circuit saw and did over the last quarter of an hour. */
export class Plots {
  readonly element = h('div', { class: 'plots' });
  readonly #store: Store;
  readonly #ratio: Chart;
  readonly #rates: Chart;
  readonly #flight: Chart;
  #view: BreakerView;

  constructor(view: BreakerView, store: Store) {
    this.#view = view;
    this.#store = store;
    const slow = view.slowRatioLimit !== undefined;
    this.#ratio = new Chart({
      title: 'In the window, against its limit',
      say: percent,
      ratio: true,
      lines: [
        { label: 'failed', colour: 'line-ratio', of: ({ ratio }) => ratio, fill: 'fill-ratio' },
        ...(slow ? [{ label: 'slow', colour: 'line-slow', of: (point: Point) => point.slow, dash: [2, 3] }] : []),
      ],
      limits: [
        { label: 'limit', colour: 'line-limit', of: () => this.#view.failureRatioLimit },
        ...(slow ? [{ label: 'limit of slow', colour: 'line-slow', of: () => this.#view.slowRatioLimit }] : []),
      ],
    });
    this.#rates = new Chart({
      title: 'Calls a second',
      say: rate,
      lines: [
        { label: 'succeeded', colour: 'line-good', of: ({ served }) => served },
        { label: 'failed', colour: 'line-ratio', of: ({ failed }) => failed, dash: [6, 2] },
        { label: 'refused', colour: 'line-rejected', of: ({ rejected }) => rejected, fill: 'fill-rejected' },
        { label: 'by fallback', colour: 'line-fallback', of: ({ fallback }) => fallback, dash: [2, 3] },
      ],
    });
    this.#flight = new Chart({
      title: 'In flight',
      say: count,
      whole: true,
      lines: [{ label: 'calls', colour: 'line-flight', of: ({ inFlight }) => inFlight, fill: 'fill-flight' }],
    });
    this.element.append(...this.#all.map(({ element }) => element));
  }

  draw(view: BreakerView): void {
    this.#view = view;
    const { now, start, minutes } = this.#store;
    const { name, failureRatio, failureRatioLimit, inFlight } = view;
    const series = this.#store.seriesOf(name);
    const stretches = stretchesOf(view, this.#store.movesOf(name), this.#store.knownSince, now);
    const show = (chart: Chart, label: string): void => chart.draw({ points: series.points, stretches, from: start / 1_000, to: now / 1_000, label });
    const most = (of: (point: Point) => number | null): number => series.points.reduce((top, point) => Math.max(top, of(point) ?? 0), 0);
    const ratio = failureRatio === undefined ? 'too few calls to tell' : `${percent(failureRatio)} now`;
    const limit = failureRatioLimit === undefined ? 'no limit' : `limit ${percent(failureRatioLimit)}`;
    show(this.#ratio, `Failure ratio of ${name}: ${ratio}, at most ${percent(most((point) => point.ratio))} in ${minutes} minutes, ${limit}`);
    const [served, failed, refused, fallback] = (['served', 'failed', 'rejected', 'fallback'] as const).map((kind) => rate(series.rate(kind) ?? 0));
    show(this.#rates, `Calls of ${name}: ${served} succeed, ${failed} fail, ${refused} are refused, ${fallback} are answered by fallback`);
    show(this.#flight, `Calls of ${name} in flight: ${inFlight} now, at most ${most((point) => point.inFlight)} in ${minutes} minutes`);
  }

  dispose(): void {
    for (const chart of this.#all) chart.dispose();
  }

  get #all(): readonly Chart[] {
    return [this.#ratio, this.#rates, this.#flight];
  }
}
