import type { ResolvedOptions } from '../../core/options.ts';
import type { TripRule } from '../../core/trip-rule.ts';
import type { InFlight } from '../in-flight.ts';
import { askIsolated } from '../isolated.ts';
import type { Cause } from '../move.ts';
import type { WindowCounts } from '../window/window.ts';
import { tripRules } from './rules.ts';

/** The trip rules of a circuit together: the first that fires is the verdict. */
export class Jury {
  readonly #rules: readonly TripRule[];
  readonly #minimumCalls: number;

  constructor(options: ResolvedOptions) {
    this.#rules = tripRules(options);
    this.#minimumCalls = options.minimumCalls;
  }

  /** @param spared the name of a rule that is not asked */
  verdict({ recorded, failures, slow }: WindowCounts, consecutiveFailures: number, calls: InFlight, spared?: TripRule['name']): Cause | undefined {
    const view = { recorded, failures, slow, minimumCalls: this.#minimumCalls, consecutiveFailures, inFlight: calls.count, overdue: calls.overdue };
    for (const rule of this.#rules) {
      if (rule.name === spared) continue;
      const verdict = askIsolated(rule, view);
      if (verdict !== undefined) return { trigger: rule.name, ...verdict };
    }
    return undefined;
  }
}
