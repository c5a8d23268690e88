/** A figure of many rounds: the median, and the quartiles as its spread. */
export interface Figure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function figure(samples: readonly number[]): Figure {
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/** Round by round, so that what disturbs the machine disturbs both sides. */
export function ratio(samples: readonly number[], base: readonly number[]): Figure {
  return figure(samples.map((sample, round) => sample / (base[round] ?? Number.NaN)));
}

/** @param sorted ascending, not empty */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}
