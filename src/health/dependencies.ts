import type { Breaker } from '../breaker/breaker.ts';
import type { Target } from '../core/target.ts';
import type { CheckStatus } from '../registry/health-board.ts';
import type { Dependency } from './system-state.ts';

/** A check, as far as it says how a dependency is. */
export interface CheckedDependency {
  readonly name: string;
  readonly target: Target;
  readonly status: CheckStatus;
  readonly critical: boolean;
  /** Of the last check, when it failed. */
  readonly error: string | undefined;
  /** Names of checks, or keys of servers. */
  readonly dependsOn: readonly string[];
}

/** Half-open for so long with no probe under way, in ms: nobody calls, and who is not called cannot prove to be well. */
export const unaskedMs = 10_000;

interface Draft {
  readonly name: string;
  readonly checks: CheckedDependency[];
  readonly breakers: Breaker[];
}

/**
 * What the system depends on: what is checked, and the servers known from traffic. A server is one dependency, by however many
 * checks and breakers it is known.
 */
export function dependenciesOf(
  checks: readonly CheckedDependency[],
  breakers: readonly Breaker[],
  isCritical: (target: Target) => boolean,
): Dependency[] {
  const drafts = new Map<string, Draft>();
  const draft = (key: string, name: string): Draft => {
    const known = drafts.get(key) ?? { name, checks: [], breakers: [] };
    drafts.set(key, known);
    return known;
  };
  for (const check of checks) draft(keyOf(check.target) ?? `check ${check.name}`, check.name).checks.push(check);
  for (const breaker of breakers) {
    const { target, name } = breaker;
    draft(keyOf(target) ?? `breaker ${name}`, target.server ?? name).breakers.push(breaker);
  }
  const made = new Map([...drafts].map(([key, each]) => [key, dependencyOf(each, isCritical)]));
  for (const [key, { checks: known }] of drafts) {
    const needs = known.flatMap(({ dependsOn }) => dependsOn).flatMap((needed) => neededBy(needed, drafts, made) ?? []);
    made.get(key)?.needs.push(...new Set(needs));
  }
  return [...made.values()];
}

/** The same for whatever is the same server: names of this machine are one. */
export function keyOf({ address, port, server }: Target): string | undefined {
  if (address === undefined) return server === undefined ? undefined : serverKeyOf(server);
  return port === undefined ? address : `${hostOf(address)}:${port}`;
}

/** Of `redis://10.0.0.5:6379`; of `https://api.example.com` with the port that is meant. */
function serverKeyOf(server: string): string {
  const [, scheme, host = '', port] = /^([a-z][a-z0-9+.-]*):\/\/(\[.*\]|[^/:]*)(?::(\d+))?$/i.exec(server) ?? [];
  const meant = port ?? { http: '80', https: '443', redis: '6379', postgresql: '5432' }[scheme ?? ''];
  return host === '' || meant === undefined ? server.replace(/^[a-z]+:\/\/(?=\/)/, '') : `${hostOf(host.replace(/^\[(.*)\]$/, '$1'))}:${meant}`;
}

function hostOf(address: string): string {
  const lower = address.toLowerCase();
  return lower === 'localhost' || lower === '::1' ? '127.0.0.1' : lower;
}

type Made = Dependency & { readonly needs: Dependency[] };

function neededBy(needed: string, drafts: ReadonlyMap<string, Draft>, made: ReadonlyMap<string, Made>): Made | undefined {
  for (const [key, { checks }] of drafts) if (checks.some(({ name }) => name === needed)) return made.get(key);
  return made.get(serverKeyOf(needed));
}

function dependencyOf({ name, checks, breakers }: Draft, isCritical: (target: Target) => boolean): Made {
  const failed = checks.filter(({ status }) => status === 'down');
  const answers = checks.length > 0 && checks.every(({ status }) => status === 'up');
  const refusing = breakers.flatMap((breaker) => {
    const state = refusalOf(breaker, answers);
    return state === undefined ? [] : [`${breaker.name} is ${state}`];
  });
  const judged = breakers.length > 0 || checks.some(({ status }) => status === 'up');
  return {
    name,
    checks: checks.map((check) => check.name),
    status: failed.length > 0 || refusing.length > 0 ? 'down' : judged ? 'up' : 'unknown',
    critical: checks.some(({ critical }) => critical) || [...checks, ...breakers].some(({ target }) => isCritical(target)),
    why: [...failed.map((check) => `${check.name === name ? '' : `${check.name}: `}${check.error ?? 'down'}`), ...refusing].join(', '),
    needs: [],
  };
}

/**
 * The state of a circuit that says its server is not well; in shadow mode, of the circuit beside the traffic. One that is half-open
 * and that nobody calls says nothing: else a service that is sent no requests because of it could never be well again.
 * @param answers whether checks of the server succeed
 */
function refusalOf(breaker: Breaker, answers: boolean): string | undefined {
  const { state } = breaker;
  if (state === 'open' || state === 'forced_open') return state;
  if (state !== 'half_open' && state !== 'shadow') return undefined;
  const { circuit = state, probesInFlight, sinceMs } = breaker.snapshot();
  if (circuit !== 'half_open') return circuit === 'open' ? circuit : undefined;
  return probesInFlight > 0 || (sinceMs < unaskedMs && !answers) ? circuit : undefined;
}
