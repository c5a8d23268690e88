import type { CheckStatus, HealthState } from '../registry/health-board.ts';

/** Share of the dependencies that are up, from which on a state is the system's. */
const healthyFrom = 0.8;
const degradedFrom = 0.5;

/** A server, or whatever else a check asks. */
export interface Dependency {
  /** For the record: a check's name, or a server's key. */
  readonly name: string;
  /** The names of the checks that speak of it. */
  readonly checks: readonly string[];
  readonly status: CheckStatus;
  readonly critical: boolean;
  /** Why it is down, in one sentence. */
  readonly why: string;
  /** What it needs. */
  readonly needs: readonly Dependency[];
}

/** How the system is, by what it depends on. */
export interface Judgement {
  readonly state: HealthState;
  /** A sentence for each dependency that is down, causes first. */
  readonly reasons: readonly string[];
  readonly total: number;
  readonly up: number;
  /** Not judged yet: they count for neither. */
  readonly unknown: number;
}

/**
 * The rules: HEALTHY from 80 % of the dependencies up, DEGRADED from 50 %, else CRITICAL; CRITICAL when a critical one is down,
 * EMERGENCY when several are, for different causes: those that are down because of one and the same count as one.
 */
export function judge(dependencies: readonly Dependency[]): Judgement {
  const down = dependencies.filter(({ status }) => status === 'down');
  const up = dependencies.filter(({ status }) => status === 'up').length;
  const causes = new Set(down.filter(({ critical }) => critical).flatMap(causesOf));
  const ordered = [...down].sort((a, b) => Number(causesOf(a)[0] !== a) - Number(causesOf(b)[0] !== b));
  return {
    state: stateOf(up, down.length, causes.size),
    reasons: ordered.map(reasonOf),
    total: dependencies.length,
    up,
    unknown: dependencies.length - up - down.length,
  };
}

function stateOf(up: number, down: number, causes: number): HealthState {
  const judged = up + down;
  if (causes > 1) return 'emergency';
  if (causes === 1) return 'critical';
  const share = judged === 0 ? 1 : up / judged;
  if (share >= healthyFrom) return 'healthy';
  if (share >= degradedFrom) return 'degraded';
  // Nobody has said that one of these is critical; with none of several left, nothing is.
  return up === 0 && judged > 1 ? 'emergency' : 'critical';
}

/** What a dependency that is down is down for: itself, unless something that it needs is down. */
export function causesOf(dependency: Dependency): Dependency[] {
  const found = new Set<Dependency>();
  const seen = new Set<Dependency>();
  const visit = (each: Dependency): void => {
    if (seen.has(each)) return;
    seen.add(each);
    const below = each.needs.filter(({ status }) => status === 'down');
    if (below.length === 0) found.add(each);
    for (const needed of below) visit(needed);
  };
  visit(dependency);
  // Nothing but a ring of those that need each other: any of them is as good as the others.
  return found.size === 0 ? [dependency] : [...found];
}

function reasonOf(dependency: Dependency): string {
  const { name, critical, why } = dependency;
  const causes = causesOf(dependency).filter((cause) => cause !== dependency);
  const shown = critical ? `${name} (critical)` : name;
  if (causes.length === 0) return `${shown}: ${why}`;
  const { length } = causes;
  return `${shown}: down because ${causes.map((cause) => cause.name).join(' and ')} ${length === 1 ? 'is' : 'are'}`;
}
