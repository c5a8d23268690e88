import type { ResolvedCheck } from '../config/health.ts';
import type { CheckStatus, HealthState } from '../registry/health-board.ts';
import type { ActiveCheck } from './active-check.ts';
import { causesOf, type Dependency } from './system-state.ts';
import { isoTime } from './wall-time.ts';

/** How the system is, for people. */
export interface SystemHealth {
  readonly state: HealthState;
  /** Why it is not healthy, one sentence each. */
  readonly reasons: readonly string[];
  readonly dependencies: { readonly total: number; readonly up: number; readonly unknown: number };
  /** How long it has been so. */
  readonly sinceMs: number;
}

/** How one check stands, for people. Nothing secret is in it. */
export interface CheckHealth {
  readonly name: string;
  readonly kind: ResolvedCheck['kind'];
  readonly status: CheckStatus;
  readonly critical: boolean;
  readonly server?: string;
  readonly dependsOn?: readonly string[];
  /** It is down, and so is this that it depends on. */
  readonly because?: string;
  readonly sinceMs: number;
  /** In a row. */
  readonly failures: number;
  /** What the last one asked. */
  readonly asked?: string;
  /** ISO 8601. */
  readonly lastCheckAt?: string;
  readonly durationMs?: number;
  readonly error?: string;
}

export function checkHealthOf(check: ActiveCheck, dependencies: readonly Dependency[], now: number): CheckHealth {
  const { settings, status, target, last, since, failures } = check;
  const { name, kind, critical, dependsOn } = settings;
  const causes = status === 'down' ? dependencies.filter((each) => each.checks.includes(name)).flatMap(causesOf) : [];
  const because = causes.find((each) => !each.checks.includes(name))?.name;
  return {
    name,
    kind,
    status,
    critical,
    ...(target.server !== undefined && { server: target.server }),
    ...(dependsOn.length > 0 && { dependsOn }),
    ...(because !== undefined && { because }),
    sinceMs: Math.round(now - since),
    failures,
    ...(last !== undefined && { lastCheckAt: isoTime(now - last.at), durationMs: Math.round(last.durationMs * 10) / 10 }),
    ...(last?.asked !== undefined && { asked: last.asked }),
    ...(last?.error !== undefined && { error: last.error }),
  };
}
