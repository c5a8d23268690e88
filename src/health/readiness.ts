import type { CheckStatus, HealthState } from '../registry/health-board.ts';
import { healthStates } from '../registry/health-board.ts';

/** When the process should be sent no requests. */
export interface ReadinessRules {
  /** At which state of the system, or a worse one. Default `never`. */
  readonly failOn?: 'never' | 'critical' | 'emergency' | undefined;
  /** Checks that must be up, by name; one that there is not is no reason. */
  readonly failOnChecks?: readonly string[] | undefined;
}

export interface Readiness {
  readonly status: 'ready' | 'not_ready';
  readonly reasons: readonly string[];
}

/** An open circuit or a failed check is a reason only where it was said to be one. */
export function readinessOf(
  { failOn = 'never', failOnChecks = [] }: ReadinessRules,
  system: { readonly state: HealthState; readonly reasons: readonly string[] },
  checks: readonly { readonly name: string; readonly status: CheckStatus; readonly error?: string | undefined }[],
): Readiness {
  const { state, reasons } = system;
  const unwell = failOn !== 'never' && healthStates.indexOf(state) >= healthStates.indexOf(failOn);
  const failed = checks
    .filter(({ name, status }) => status !== 'up' && failOnChecks.includes(name))
    .map(
      ({ name, status, error }) => `the check ${name} is ${status === 'unknown' ? 'not up yet' : 'down'}${error === undefined ? '' : `: ${error}`}`,
    );
  const why = [...(unwell ? [`the state of the system is ${state}`, ...reasons] : []), ...failed];
  return { status: why.length === 0 ? 'ready' : 'not_ready', reasons: why };
}
