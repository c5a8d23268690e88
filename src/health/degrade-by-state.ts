import type { DegradeInput } from '../config/health.ts';
import type { DegradedMode } from '../core/policy-options.ts';
import { type HealthState, healthStates } from '../registry/health-board.ts';

/** How calls are served in a state: what is said of it, or of the nearest that is less bad. */
export function degradedModeIn(state: HealthState, degrade: DegradeInput): DegradedMode | undefined {
  const upTo = healthStates.slice(1, healthStates.indexOf(state) + 1) as Exclude<HealthState, 'healthy'>[];
  // `off` for a state is said as well: `undefined` that stands there.
  const said = upTo.findLast((each) => Object.hasOwn(degrade, each));
  return said === undefined ? undefined : degrade[said];
}
