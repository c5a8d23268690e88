import type { Jitter } from '../core/policy-options.ts';

export interface BackoffOptions {
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly jitter: Jitter;
}

/** Without jitter, the wait before repetition `n` (from 1), in ms: doubles each time, up to the cap. */
export function ceilingMs({ backoffMs, maxBackoffMs }: BackoffOptions, n: number): number {
  return Math.min(maxBackoffMs, backoffMs * 2 ** (n - 1));
}

/**
 * The wait before repetition `n` (from 1), in ms. Source: AWS architecture blog, "Exponential Backoff And Jitter": `full`
 * takes anything up to the ceiling, `equal` at least half of it, `decorrelated` anything between the first wait and three
 * times the one before.
 * @param random in [0, 1)
 * @param previousMs the wait before the last repetition; only `decorrelated` asks for it
 */
export function backoffMs(options: BackoffOptions, n: number, random: number, previousMs: number = options.backoffMs): number {
  const ceiling = ceilingMs(options, n);
  switch (options.jitter) {
    case 'none':
      return ceiling;
    case 'full':
      return random * ceiling;
    case 'equal':
      return ceiling / 2 + (random * ceiling) / 2;
    case 'decorrelated':
      return Math.min(options.maxBackoffMs, options.backoffMs + random * (Math.max(previousMs, options.backoffMs) * 3 - options.backoffMs));
  }
}
