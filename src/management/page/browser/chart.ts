import uPlot from 'uplot';
import type { StateView } from '../../wire.ts';
import { percent } from './format.ts';
import type { Point } from './series.ts';

const look = matchMedia('(prefers-color-scheme: dark)');
const live = new Set<Chart>();
look.addEventListener('change', () => {
  for (const chart of live) chart.redraw();
});

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The band behind the lines while it is not closed. */
const bands: Readonly<Partial<Record<StateView, string>>> = {
  open: 'band-open',
  half_open: 'band-half',
  forced_open: 'band-forced',
  disabled: 'band-disabled',
  shadow: 'band-shadow',
};

interface Line {
  readonly label: string;
  readonly colour: string;
  readonly of: (point: Point) => number | null;
  readonly fill?: string;
}

export interface ChartOptions {
  readonly lines: readonly Line[];
  /** Drawn across, broken. */
  readonly limits?: readonly { readonly colour: string; readonly of: () => number | undefined }[];
  readonly height: number;
  /** A row's: no axes, no legend. */
  readonly small?: boolean;
  /** The y axis is in parts of one. */
  readonly ratio?: boolean;
  /** How much time it shows, in seconds. */
  readonly seconds: number;
}

/** Lines over time, with the circuit's states as bands behind. Draws only while it can be seen. */
export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #size: ResizeObserver;
  #plot: uPlot | undefined;
  #points: readonly Point[] = [];
  #end = 0;

  constructor(element: HTMLElement, options: ChartOptions) {
    this.element = element;
    this.#options = options;
    // A hidden element has no width, and gets no plot.
    this.#size = new ResizeObserver(() => this.#resize());
    this.#size.observe(element);
    live.add(this);
  }

  draw(points: readonly Point[], now: number): void {
    this.#points = points;
    this.#end = now;
    if (this.#plot === undefined) return;
    this.#plot.setData(this.#data(), false);
    this.#plot.setScale('x', { min: now - this.#span(), max: now });
  }

  redraw(): void {
    this.#plot?.redraw();
  }

  dispose(): void {
    live.delete(this);
    this.#size.disconnect();
    this.#plot?.destroy();
  }

  #resize(): void {
    const width = Math.floor(this.element.clientWidth);
    if (width < 20) return;
    this.#plot?.setSize({ width, height: this.#options.height });
    if (this.#plot !== undefined) return;
    this.#plot = new uPlot(this.#plotOptions(width), this.#data(), this.element);
    this.draw(this.#points, this.#end);
  }

  #data(): uPlot.AlignedData {
    return [this.#points.map(({ at }) => at), ...this.#options.lines.map(({ of }) => this.#points.map(of))];
  }

  #plotOptions(width: number): uPlot.Options {
    const { lines, height, small = false, ratio = false } = this.#options;
    const axis = {
      stroke: () => colour('muted'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: () => colour('grid'), width: 1 },
      ticks: { show: false },
    };
    const time = (at: number): string => new Date(at * 1_000).toLocaleTimeString(undefined, { hour12: false });
    const value = (each: number | null): string =>
      each === null || each === undefined ? '–' : ratio ? percent(each) : String(Math.round(each * 10) / 10);
    return {
      width,
      height,
      pxAlign: 1,
      cursor: small ? { show: false } : { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      legend: { show: !small, live: !small },
      padding: small ? [2, 0, 2, 0] : [8, 24, 0, 0],
      scales: {
        x: { time: true },
        y: { range: ratio ? [0, 1] : (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
      },
      axes: small
        ? [{ show: false }, { show: false }]
        : [
            {
              ...axis,
              space: 70,
              size: 24,
              gap: 4,
              values: (_plot, splits) => splits.map((at) => time(at).slice(0, 5 + (this.#span() < 200 ? 3 : 0))),
            },
            { ...axis, size: 46, gap: 4, space: 32, values: (_plot, splits) => splits.map((each) => (ratio ? percent(each) : String(each))) },
          ],
      series: [
        { value: (_plot, at) => (at === null ? '–' : time(at)), label: 'at' },
        ...lines.map(
          ({ label, colour: name, fill }): uPlot.Series => ({
            label,
            stroke: () => colour(name),
            width: small ? 1.5 : 2,
            points: { show: false },
            spanGaps: false,
            value: (_plot, each) => value(each),
            ...(fill !== undefined && { fill: () => colour(fill) }),
          }),
        ),
      ],
      hooks: { drawClear: [(plot) => this.#bands(plot)], draw: [(plot) => this.#limits(plot)] },
    };
  }

  /** Never mostly empty: what is known, a minute at least. */
  #span(): number {
    return Math.min(this.#options.seconds, Math.max(60, this.#end - (this.#points[0]?.at ?? this.#end)));
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
    const points = this.#points;
    for (let from = 0; from < points.length; ) {
      const state = (points[from] as Point).state;
      let to = from;
      while (points[to + 1]?.state === state) to += 1;
      const band = bands[state];
      if (band !== undefined) {
        const left = plot.valToPos((points[from] as Point).at, 'x', true);
        const right = plot.valToPos(points[to + 1]?.at ?? this.#end, 'x', true);
        ctx.fillStyle = colour(band);
        ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
      }
      from = to + 1;
    }
    ctx.restore();
  }
}
