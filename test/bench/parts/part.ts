import type { Report } from '../support/report.ts';

export interface PartOptions {
  /** Fewer and shorter rounds: for a look while developing, not for the README. */
  readonly quick: boolean;
  /** Peers too, where they cost much time. */
  readonly peers: boolean;
}

/** One of the harness's parts, run by its name. */
export type Part = (options: PartOptions) => Promise<Report>;
