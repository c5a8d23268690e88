import uPlot from 'uplot';
import type { Point } from '../facts/series.ts';
import type { Stretch } from '../facts/stretches.ts';
import { clockTime } from '../words/format.ts';
import { h, setText } from './dom.ts';
import { bands, colour, coloursChanged } from './palette.ts';

export interface Line {
  readonly label: string;
  readonly colour: string;
  readonly of: (point: Point) => number | null;
  readonly fill?: string;
  /** Broken, so that it can be told from others without its colour. */
  readonly dash?: readonly number[];
}

export interface ChartOptions {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Drawn across, broken. */
  readonly limits?: readonly { readonly label: string; readonly colour: string; readonly of: () => number | undefined }[];
  /** As `50 %`, `12/s`. */
  readonly say: (value: number) => string;
  /** The y axis is in parts of one. */
  readonly ratio?: boolean;
  /** There are no halves of it. */
  readonly whole?: boolean;
}

export interface Shown {
  readonly points: readonly Point[];
  readonly stretches: readonly Stretch[];
  /** Seconds since 1970, as `to`. */
  readonly from: number;
  readonly to: number;
  /** What the picture shows, in words. */
  readonly label: string;
}

const height = 168;

/** Lines over time with a legend that says their values, and the circuit's states as bands behind. Drawn only while it can be seen. */
export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #picture = h('div', { class: 'chart', role: 'img' });
  readonly #time = h('span', { class: 'at' });
  readonly #values: readonly HTMLElement[];
  readonly #size = new ResizeObserver(() => this.#resize());
  readonly #redraw = (): void => this.#plot?.redraw();
  #plot: uPlot | undefined;
  #shown: Shown = { points: [], stretches: [], from: 0, to: 0, label: '' };
  #top = 1;

  constructor(options: ChartOptions) {
    this.#options = options;
    const { title, lines, limits = [] } = options;
    this.#values = [...lines, ...limits].map(() => h('b', {}));
    const keys = [
      ...lines.map(({ dash, ...each }) => ({ ...each, kind: dash === undefined ? 'line' : 'dashed' })),
      ...limits.map((each) => ({ ...each, kind: 'dotted' })),
    ];
    const legend = h(
      'div',
      { class: 'chart-legend', 'aria-hidden': 'true' },
      ...keys.map((each, index) => h('span', { class: `swatch ${each.kind} ${each.colour}` }, `${each.label} `, this.#values[index])),
      this.#time,
    );
    this.element = h('section', { class: 'plot' }, h('h3', {}, title), legend, this.#picture);
    // A hidden element has no width, and gets no plot.
    this.#size.observe(this.#picture);
    coloursChanged.addEventListener('change', this.#redraw);
  }

  draw(shown: Shown): void {
    this.#shown = shown;
    this.#picture.setAttribute('aria-label', shown.label);
    if (this.#plot !== undefined) {
      this.#plot.setData(this.#data(), false);
      this.#scale(this.#plot);
    }
    this.#legend();
  }

  dispose(): void {
    coloursChanged.removeEventListener('change', this.#redraw);
    this.#size.disconnect();
    this.#plot?.destroy();
  }

  #resize(): void {
    const width = Math.floor(this.#picture.clientWidth);
    if (width < 20) return;
    if (this.#plot !== undefined) this.#plot.setSize({ width, height });
    else {
      this.#plot = new uPlot(this.#plotOptions(width), this.#data(), this.#picture);
      this.#scale(this.#plot);
    }
  }

  #scale(plot: uPlot): void {
    plot.setScale('x', { min: this.#shown.from, max: this.#shown.to });
  }

  #data(): uPlot.AlignedData {
    const { points } = this.#shown;
    return [points.map(({ at }) => at), ...this.#options.lines.map(({ of }) => points.map(of))];
  }

  /** Under the pointer, or the latest. */
  #legend(): void {
    const index = this.#plot?.cursor.idx ?? undefined;
    const { points } = this.#shown;
    const point = index === undefined ? points.at(-1) : points[index];
    const { lines, limits = [], say } = this.#options;
    const values = [...lines.map(({ of }) => (point === undefined ? null : of(point))), ...limits.map(({ of }) => of())];
    values.forEach((value, at) => {
      setText(this.#values[at] as HTMLElement, value === null || value === undefined ? '–' : say(value));
    });
    setText(this.#time, index === undefined || point === undefined ? 'now' : clockTime(point.at * 1_000));
  }

  /** Goes up at once, and down only when far too high: an axis that moves all the time cannot be read. */
  #range(max: number | null): [number, number] {
    if (this.#options.ratio) return [0, 1];
    const wanted = nice((max ?? 0) * 1.1);
    if (wanted > this.#top || wanted < this.#top / 3) this.#top = wanted;
    return [0, this.#top];
  }

  #plotOptions(width: number): uPlot.Options {
    const { lines, say, whole = false } = this.#options;
    const axis = {
      stroke: () => colour('muted'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: () => colour('grid'), width: 1 },
      ticks: { show: false },
    };
    return {
      width,
      height,
      pxAlign: 1,
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      legend: { show: false },
      padding: [6, 8, 0, 0],
      scales: { x: { time: true }, y: { range: (_plot, _min, max) => this.#range(max) } },
      axes: [
        {
          ...axis,
          space: 70,
          size: 22,
          gap: 4,
          incrs: [60, 180, 300],
          values: (_plot, splits) => splits.map((at) => clockTime(at * 1_000).slice(0, 5)),
        },
        { ...axis, size: 46, gap: 4, space: 34, ...(whole && { incrs: wholeSteps }), values: (_plot, splits) => splits.map(say) },
      ],
      series: [
        {},
        ...lines.map(
          ({ colour: name, fill, dash }): uPlot.Series => ({
            stroke: () => colour(name),
            width: 1.75,
            points: { show: false },
            spanGaps: false,
            ...(dash !== undefined && { dash: [...dash] }),
            ...(fill !== undefined && { fill: () => colour(fill) }),
          }),
        ),
      ],
      hooks: { drawClear: [(plot) => this.#bands(plot)], draw: [(plot) => this.#limits(plot)], setCursor: [() => this.#legend()] },
    };
  }

  #limits(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const { colour: name, of } of this.#options.limits ?? []) {
      const limit = of();
      if (limit === undefined) continue;
      const y = plot.valToPos(limit, 'y', true);
      ctx.strokeStyle = colour(name);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  #bands(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { state, from, to } of this.#shown.stretches) {
      const band = bands[state];
      if (band === undefined) continue;
      const left = plot.valToPos(from / 1_000, 'x', true);
      ctx.fillStyle = colour(band);
      ctx.fillRect(left, bbox.top, Math.max(1, plot.valToPos(to / 1_000, 'x', true) - left), bbox.height);
    }
    ctx.restore();
  }
}

const wholeSteps = Array.from({ length: 7 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** The next of 1, 2, 5, 10, 20, 50, ... */
function nice(value: number): number {
  if (value <= 1) return 1;
  const ten = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * ten >= value) ?? 10) * ten;
}
