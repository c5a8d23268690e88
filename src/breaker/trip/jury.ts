import type { ResolvedOptions } from '../../core/options.ts';
import type { TripRule } from '../../core/trip-rule.ts';
import type { InFlight } from '../in-flight.ts';
import { askIsolated } from '../isolated.ts';
import type { Cause } from '../move.ts';
import type { WindowCounts } from '../window/window.ts';
import { tripRules } from './rules.ts';

/** The trip rules of a circuit together: the first that fires is the verdict. */
export class Jury {
  /** Made when there is something to judge. */
  #rules: readonly TripRule[] | undefined;

  constructor(private readonly options: ResolvedOptions) {}

  /** Whether there is anything for a rule to find: into a window without a blemish most successes come. A user's rule may look for anything. */
  isNeeded({ failures, slow }: WindowCounts, { overdue }: InFlight): boolean {
    return failures > 0 || slow > 0 || overdue > 0 || this.options.rules.length > 0;
  }

  verdict({ recorded, failures, slow }: WindowCounts, consecutiveFailures: number, calls: InFlight): Cause | undefined {
    const { minimumCalls } = this.options;
    const view = { recorded, failures, slow, minimumCalls, consecutiveFailures, inFlight: calls.count, overdue: calls.overdue };
    this.#rules ??= tripRules(this.options);
    for (const rule of this.#rules) {
      const verdict = askIsolated(rule, view);
      if (verdict !== undefined) return { trigger: rule.name, ...verdict };
    }
    return undefined;
  }
}
