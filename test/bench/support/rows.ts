import type { Figure } from './statistics.ts';

/** What a figure has to be. */
export interface Target {
  readonly limit: number;
  readonly atLeast?: boolean;
  readonly text: string;
}

/** One line of the report: a figure and, where there is one, its target. */
export interface Row {
  readonly part: string;
  readonly what: string;
  readonly value: number;
  /** As a reader wants it, with its spread. */
  readonly shown: string;
  readonly target?: Target;
}

export function holds({ value, target }: Row): boolean | undefined {
  if (target === undefined) return undefined;
  return target.atLeast === true ? value >= target.limit : value <= target.limit;
}

/** The row of a ratio or a measure that must not be more than its limit. */
export function atMost(part: string, what: string, measured: Figure | number, limit: number, unit = ''): Row {
  return { part, what, ...shown(measured, unit), target: { limit, text: `≤ ${amount(limit)}${unit}` } };
}

export function atLeast(part: string, what: string, measured: Figure | number, limit: number, unit = ''): Row {
  return { part, what, ...shown(measured, unit), target: { limit, atLeast: true, text: `≥ ${amount(limit)}${unit}` } };
}

/** A figure that is told, with no target. */
export function told(part: string, what: string, measured: Figure | number, unit = ''): Row {
  return { part, what, ...shown(measured, unit) };
}

function shown(measured: Figure | number, unit: string): Pick<Row, 'value' | 'shown'> {
  if (typeof measured === 'number') return { value: measured, shown: `${amount(measured)}${unit}` };
  const { median, low, high } = measured;
  return { value: median, shown: `${amount(median)}${unit} (${amount(low)} to ${amount(high)})` };
}

/** Three digits that matter. */
export function amount(value: number): string {
  if (!Number.isFinite(value)) return 'never';
  if (value !== 0 && Math.abs(value) < 100) return String(Number(value.toPrecision(value < 10 ? 3 : 2)));
  return Math.round(value).toLocaleString('en-US');
}
