import type { ConfigIssue } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { DegradedMode } from '../core/policy-options.ts';
import { type AskedKind, allowedUrl, askedKinds, endpointOf, isPlainText } from './check-url.ts';

/** Resolves or returns when what it asks is well, throws or rejects when it is not. Should heed its signal, which ends it. */
export type CheckFunction = (signal: AbortSignal) => unknown;

/** How often and how patiently to ask. */
export interface CheckTiming {
  /** From the end of one to the beginning of the next, in ms. Default 10,000. */
  readonly intervalMs?: number;
  /** How long an answer may take, in ms. Default 2,000. */
  readonly timeoutMs?: number;
  /** Failures in a row until it is down. Default 2. */
  readonly failures?: number;
  /** Successes in a row until it is up. Default 1. */
  readonly successes?: number;
}

/** A check as written: one of `redis`, `postgresql`, `http`, `tcp` and, from code only, `check`. */
export interface CheckInput extends CheckTiming {
  /** For people and metrics; no two have the same. */
  readonly name: string;
  readonly redis?: string;
  readonly postgresql?: string;
  readonly http?: string;
  /** `host:port` */
  readonly tcp?: string;
  readonly check?: CheckFunction;
  /** Of `http`: which statuses are good, as `200` or `2xx`. Default 2xx and 3xx. */
  readonly status?: readonly (string | number)[];
  /** Whether a server that speaks TLS must have a certificate that is right. Default true. */
  readonly verifyTls?: boolean;
  /** One that is down makes the system critical, several an emergency. Default false. */
  readonly critical?: boolean;
  /** Other checks, or servers by their key: when one of them is down, it is the cause. */
  readonly dependsOn?: readonly string[];
  /** The key of the breakers' server that it speaks of, where its address is another. */
  readonly server?: string;
}

/** From which state of the system on calls are served in another way. */
export interface DegradeInput {
  readonly degraded?: DegradedMode | undefined;
  readonly critical?: DegradedMode | undefined;
  readonly emergency?: DegradedMode | undefined;
}

/** The health monitor as written. */
export interface HealthInput extends CheckTiming {
  readonly checks?: readonly CheckInput[];
  /** Servers known from traffic that are critical: `host`, `host:port` or a server's key, with `*` and `?`. */
  readonly critical?: readonly string[];
  /** Random share of an interval added or taken. Default 0.1. */
  readonly jitter?: number;
  /** How long a better state of the system must last before it counts, in ms. Default 5,000. */
  readonly steadyMs?: number;
  readonly degrade?: DegradeInput;
}

export interface ResolvedCheck extends Required<CheckTiming> {
  readonly name: string;
  readonly kind: AskedKind | 'function';
  /** As written, variables and all; of a function, none. */
  readonly url: string | undefined;
  readonly check: CheckFunction | undefined;
  readonly status: readonly string[];
  readonly verifyTls: boolean;
  readonly critical: boolean;
  readonly dependsOn: readonly string[];
  readonly server: string | undefined;
}

export interface ResolvedHealth {
  readonly checks: readonly ResolvedCheck[];
  readonly critical: readonly string[];
  readonly jitter: number;
  readonly steadyMs: number;
  readonly degrade: DegradeInput;
}

export const healthDefaults = { intervalMs: 10_000, timeoutMs: 2_000, failures: 2, successes: 1, jitter: 0.1, steadyMs: 5_000 } as const;
/** In ms: more often says nothing more, and is a load of its own. */
const leastIntervalMs = 100;
const goodStatus = ['2xx', '3xx'];

/** Sources are given from the weakest to the strongest. `undefined`: none of them speaks of health. */
export function resolveHealth(sources: readonly (HealthInput | undefined)[]): ResolvedHealth | undefined {
  const given = sources.filter((source) => source !== undefined);
  if (given.length === 0) return undefined;
  const strongest = <K extends keyof typeof healthDefaults>(key: K): number =>
    given.reduce<number>((below, source) => source[key] ?? below, healthDefaults[key]);
  const timing = {
    intervalMs: strongest('intervalMs'),
    timeoutMs: strongest('timeoutMs'),
    failures: strongest('failures'),
    successes: strongest('successes'),
  };
  // By name: what a stronger source says of a check replaces what a weaker one does.
  const checks = new Map(given.flatMap((source) => source.checks ?? []).map((check) => [check.name, check]));
  return {
    checks: [...checks.values()].map((check) => resolveCheck(check, timing)),
    critical: given.flatMap((source) => source.critical ?? []),
    jitter: strongest('jitter'),
    steadyMs: strongest('steadyMs'),
    degrade: Object.assign({}, ...given.map((source) => source.degrade)) as DegradeInput,
  };
}

function resolveCheck(check: CheckInput, timing: Required<CheckTiming>): ResolvedCheck {
  const kind = askedKinds.find((each) => check[each] !== undefined) ?? 'function';
  return {
    name: check.name,
    kind,
    url: kind === 'function' ? undefined : check[kind],
    check: check.check,
    status: (check.status ?? goodStatus).map(String),
    verifyTls: check.verifyTls ?? true,
    critical: check.critical ?? false,
    dependsOn: check.dependsOn ?? [],
    server: check.server,
    intervalMs: check.intervalMs ?? timing.intervalMs,
    timeoutMs: check.timeoutMs ?? timing.timeoutMs,
    failures: check.failures ?? timing.failures,
    successes: check.successes ?? timing.successes,
  };
}

/** A source and what stands before its paths in messages. */
export interface HealthSourceInput {
  readonly where: string;
  readonly input: HealthInput | undefined;
  /** `management.readiness.failOnChecks`, and where it stands. */
  readonly ready?: readonly string[] | undefined;
  readonly readyAt?: string;
}

/** What no description of single values can say: that a check asks one thing, by a URL that is one, and depends on what there is. */
export function healthIssues(sources: readonly HealthSourceInput[]): ConfigIssue[] {
  const all = sources.flatMap(({ where, input }) =>
    (input?.checks ?? []).map((check, index) => ({ check, path: `${where}health.checks[${index}]`, where })),
  );
  const names = [...new Set(all.map(({ check }) => check.name))];
  const critical = sources.flatMap(({ where, input }) =>
    (input?.critical ?? []).flatMap((server, index) => secretIssues(server, `${where}health.critical[${index}]`)),
  );
  const general = sources.flatMap(({ where, input }) => intervalIssues(input, `${where}health`));
  const ofChecks = all.flatMap(({ check, path, where }, index) => [
    ...intervalIssues(check, path),
    ...(all.findIndex((other) => other.where === where && other.check.name === check.name) < index
      ? [{ path: `${path}.name`, value: check.name, allowed: 'a name that no other check has' }]
      : []),
    ...askIssues(check, path),
    ...secretIssues(check.server ?? '', `${path}.server`),
    ...dependencyIssues(check, path, names, all),
  ]);
  const ready = sources.flatMap(({ where, ready = [], readyAt }) =>
    ready.flatMap((name, index) =>
      names.includes(name)
        ? []
        : [unknownName(name, readyAt ?? `${where}management.readiness.failOnChecks[${index}]`, 'the name of a check under health.checks', names)],
    ),
  );
  return [...general, ...ofChecks, ...critical, ...ready];
}

function intervalIssues({ intervalMs }: CheckTiming = {}, path: string): ConfigIssue[] {
  if (intervalMs === undefined || intervalMs >= leastIntervalMs) return [];
  return [{ path: `${path}.intervalMs`, value: intervalMs, allowed: `a time of at least ${leastIntervalMs} ms` }];
}

/** These are shown as they are. */
function secretIssues(server: string, path: string): ConfigIssue[] {
  return server.includes('@') ? [{ path, value: '[...]', allowed: "a server's key such as redis://10.0.0.5:6379, without user and password" }] : [];
}

function askIssues(check: CheckInput, path: string): ConfigIssue[] {
  const asked = [...askedKinds, 'check' as const].filter((kind) => check[kind] !== undefined);
  const [kind] = asked;
  if (kind === undefined || asked.length > 1) {
    const allowed = `one of ${askedKinds.join(', ')}, or from code check: what it asks`;
    return [{ path, value: asked.length === 0 ? `{ name: ${check.name} }` : asked.join(' and '), allowed }];
  }
  const issues: ConfigIssue[] = [];
  if (check.status !== undefined && kind !== 'http') issues.push({ path: `${path}.status`, value: check.status, allowed: 'only with http' });
  for (const [index, status] of (check.status ?? []).entries()) {
    if (!/^([1-5]xx|[1-5]\d\d)$/i.test(String(status)))
      issues.push({ path: `${path}.status[${index}]`, value: status, allowed: 'a status such as 200, or a class such as 2xx' });
  }
  const url = kind === 'check' ? undefined : check[kind];
  if (kind !== 'check' && url !== undefined && isPlainText(url) && endpointOf(kind, url) === undefined)
    issues.push({ path: `${path}.${kind}`, value: /[@?]/.test(url) ? '[...]' : url, allowed: urlHint(kind, url) });
  return issues;
}

function urlHint(kind: AskedKind, url: string): string {
  const bare = /^\$(\w+)$/.exec(url)?.[1];
  return allowedUrl(kind) + (bare === undefined ? '' : ` (did you mean \${${bare}}?)`);
}

function dependencyIssues(check: CheckInput, path: string, names: readonly string[], all: readonly { readonly check: CheckInput }[]): ConfigIssue[] {
  return (check.dependsOn ?? []).flatMap((needed, index): ConfigIssue[] => {
    const at = `${path}.dependsOn[${index}]`;
    // A server's key, as its breakers have it: known once there is traffic.
    if (needed.includes('://')) return secretIssues(needed, at);
    if (!names.includes(needed)) return [unknownName(needed, at, "the name of a check, or a server's key such as redis://10.0.0.5:6379", names)];
    if (reaches(needed, check.name, all, new Set())) return [{ path: at, value: needed, allowed: `what does not itself depend on ${check.name}` }];
    return [];
  });
}

function unknownName(value: string, path: string, allowed: string, names: readonly string[]): ConfigIssue {
  const near = nearest(value, names);
  return { path, value, allowed: near === undefined ? allowed : `${allowed}; did you mean ${near}?` };
}

function reaches(from: string, to: string, all: readonly { readonly check: CheckInput }[], seen: Set<string>): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return all.some(({ check }) => check.name === from && (check.dependsOn ?? []).some((next) => reaches(next, to, all, seen)));
}
