import type { Point } from '../facts/series.ts';
import type { Stretch } from '../facts/stretches.ts';
import { h } from './dom.ts';
import { bands, colour } from './palette.ts';

/** In CSS pixels. */
const height = 30;
const inset = 2;

export interface Sparkle {
  readonly points: readonly Point[];
  readonly stretches: readonly Stretch[];
  readonly limit: number | undefined;
  /** What it shows, in seconds since 1970. */
  readonly from: number;
  readonly to: number;
}

const widths = new WeakMap<Element, number>();
/** To ask an element for its width, each time, would lay out the page for each row. */
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) widths.set(target, contentRect.width);
});

/** The failure ratio of a row, small: states as bands behind, the limit as a broken line. Drawn by hand, as hundreds of charts would be heavy. */
export class Spark {
  readonly element = h('canvas', { class: 'spark', height, 'aria-hidden': 'true' });
  readonly #context = this.element.getContext('2d');

  constructor() {
    sizes.observe(this.element);
  }

  dispose(): void {
    sizes.unobserve(this.element);
  }

  draw({ points, stretches, limit, from, to }: Sparkle): void {
    const ctx = this.#context;
    const width = widths.get(this.element) ?? this.element.clientWidth;
    if (ctx === null || width === 0) return;
    const scale = devicePixelRatio;
    if (this.element.width !== Math.round(width * scale)) this.element.width = Math.round(width * scale);
    if (this.element.height !== Math.round(height * scale)) this.element.height = Math.round(height * scale);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const x = (at: number): number => ((at - from) / (to - from)) * width;
    const y = (ratio: number): number => inset + (1 - ratio) * (height - 2 * inset);
    for (const { state, from: since, to: until } of stretches) {
      const band = bands[state];
      if (band === undefined) continue;
      ctx.fillStyle = colour(band);
      const left = x(since / 1_000);
      ctx.fillRect(left, 0, Math.max(1, x(until / 1_000) - left), height);
    }
    if (limit !== undefined) {
      ctx.strokeStyle = colour('line-limit');
      ctx.setLineDash([3, 3]);
      ctx.beginPath();
      ctx.moveTo(0, y(limit));
      ctx.lineTo(width, y(limit));
      ctx.stroke();
      ctx.setLineDash([]);
    }
    ctx.fillStyle = colour('fill-ratio');
    ctx.strokeStyle = colour('line-ratio');
    ctx.lineWidth = 1.5;
    for (const run of runsOf(points, from)) {
      ctx.beginPath();
      for (const { at, ratio } of run) ctx.lineTo(x(at), y(ratio ?? 0));
      ctx.stroke();
      ctx.lineTo(x(run.at(-1)?.at ?? 0), y(0));
      ctx.lineTo(x(run[0]?.at ?? 0), y(0));
      ctx.fill();
    }
  }
}

/** Points in a row of which a ratio is known. */
function runsOf(points: readonly Point[], from: number): Point[][] {
  const runs: Point[][] = [];
  let run: Point[] | undefined;
  for (const point of points) {
    if (point.ratio === null || point.at < from) {
      run = undefined;
      continue;
    }
    if (run === undefined) {
      run = [];
      runs.push(run);
    }
    run.push(point);
  }
  return runs;
}
