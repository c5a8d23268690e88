import type { ResolvedCheck, ResolvedHealth } from '../config/health.ts';
import { Matcher } from '../config/matching.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { Target } from '../core/target.ts';
import type { CheckStatus, HealthReading } from '../registry/health-board.ts';
import type { Registry } from '../registry/registry.ts';
import { ActiveCheck } from './active-check.ts';
import { BreakerWatch } from './breaker-watch.ts';
import { degradedModeIn } from './degrade-by-state.ts';
import { type CheckedDependency, dependenciesOf, unaskedMs } from './dependencies.ts';
import { type Environment, questionOf } from './question.ts';
import { type Readiness, type ReadinessRules, readinessOf } from './readiness.ts';
import { SteadyState } from './steady-state.ts';
import { type Dependency, type Judgement, judge } from './system-state.ts';
import { type CheckHealth, checkHealthOf, type SystemHealth } from './views.ts';

export interface MonitorParts {
  /** Where the variables of URLs are looked up, each time anew. Default: `process.env`. */
  readonly env?: () => Environment;
  /** When there should be no requests; asked each time. Default: never. */
  readonly readiness?: () => ReadinessRules;
}

/** While the system is not well, time alone may change that: a circuit that nobody calls. */
const lookAgainMs = unaskedMs / 4;

/**
 * Watches over what the system depends on: active checks, and the circuits of the servers known from traffic. Tells what changes,
 * and switches how calls are served by the state of the system, where that is configured.
 */
export class HealthMonitor {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #env: () => Environment;
  readonly #readiness: () => ReadinessRules;
  #settings: ResolvedHealth;
  #critical: Matcher<{ readonly match: { readonly server: string } }>;
  readonly #checks = new Map<string, ActiveCheck>();
  readonly #steady: SteadyState;
  #held: Disposable[] = [];
  #timer: Timer | undefined;

  constructor(registry: Registry, settings: ResolvedHealth, parts: MonitorParts = {}) {
    this.#registry = registry;
    this.#clock = registry.clock;
    this.#env = parts.env ?? (() => process.env);
    this.#readiness = parts.readiness ?? (() => ({}));
    this.#steady = new SteadyState(this.#clock.now());
    this.#settings = settings;
    this.#critical = criticalOf(settings);
    for (const check of settings.checks) this.#checks.set(check.name, this.#make(check));
  }

  /** Begins to check and to watch. Idempotent. */
  start(): void {
    if (this.#held.length > 0) return;
    this.#held = [this.#registry.health.provide(() => this.#reading()), new BreakerWatch(this.#registry, () => this.#look())];
    for (const check of this.#checks.values()) check.start();
    this.#look();
  }

  /** Ends all checks, those under way too; calls are served as configured again. Idempotent. */
  stop(): void {
    for (const each of this.#held.splice(0)) each[Symbol.dispose]();
    for (const check of this.#checks.values()) check.stop();
    this.#timer?.cancel();
    this.#registry.degrade(undefined, 'health', 'the health monitor has ended');
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /** Takes on other settings: checks that ask the same as before keep what is known of them. */
  configure(settings: ResolvedHealth): void {
    this.#settings = settings;
    this.#critical = criticalOf(settings);
    const before = new Map(this.#checks);
    this.#checks.clear();
    for (const check of settings.checks) {
      const known = before.get(check.name);
      const same = known !== undefined && asksTheSame(known.settings, check);
      if (same) {
        before.delete(check.name);
        known.configure(check, settings.jitter);
      }
      this.#checks.set(check.name, same ? known : this.#make(check));
    }
    for (const gone of before.values()) gone.stop();
    if (this.#held.length === 0) return;
    for (const check of this.#checks.values()) check.start();
    this.#look();
  }

  system(): SystemHealth {
    const { reasons, total, up, unknown } = this.#look();
    const now = this.#clock.now();
    const { current, since } = this.#steady;
    const next = this.#steady.next(this.#settings.steadyMs);
    const waits = next === undefined ? [] : [`better of late: taken for ${next.state} in ${Math.max(0, Math.ceil((next.at - now) / 1_000))} s`];
    return { state: current, reasons: [...reasons, ...waits], dependencies: { total, up, unknown }, sinceMs: Math.round(now - since) };
  }

  /** The process answers; what it depends on is no reason to restart it. */
  live(): boolean {
    return true;
  }

  ready(): Readiness {
    return readinessOf(this.#readiness(), this.system(), this.checks());
  }

  checks(): CheckHealth[] {
    const dependencies = this.#dependencies();
    return [...this.#checks.values()].map((check) => checkHealthOf(check, dependencies, this.#clock.now()));
  }

  #make(settings: ResolvedCheck): ActiveCheck {
    return new ActiveCheck(settings, {
      question: questionOf(settings, this.#env),
      clock: this.#clock,
      jitter: this.#settings.jitter,
      settled: (check, before) => this.#settled(check, before),
    });
  }

  #settled({ settings, status, target, last }: ActiveCheck, from: CheckStatus): void {
    const { name, critical } = settings;
    if (status !== from) this.#registry.health.tell('checked', { name, target, from, to: status, critical, error: last?.error });
    this.#look();
  }

  #dependencies(): Dependency[] {
    const checks = [...this.#checks.values()].map(
      ({ settings: { name, critical, dependsOn }, target, status, last }): CheckedDependency => ({
        name,
        target,
        status,
        critical,
        dependsOn,
        error: last?.error,
      }),
    );
    return dependenciesOf(checks, this.#registry.list(), (target) => this.#isCritical(target));
  }

  #isCritical(target: Target): boolean {
    return this.#critical.matching('', target).length > 0;
  }

  /** Judges anew, and tells and switches what that changes. */
  #look(): Judgement {
    const judgement = judge(this.#dependencies());
    if (this.#held.length === 0) {
      this.#steady.see(judgement.state, this.#clock.now(), 0);
      return judgement;
    }
    const from = this.#steady.current;
    const changed = this.#steady.see(judgement.state, this.#clock.now(), this.#settings.steadyMs);
    const { current } = this.#steady;
    if (changed) {
      const { reasons, total, up } = judgement;
      this.#registry.health.tell('changed', { from, to: current, reasons, dependencies: { total, up } });
    }
    this.#registry.degrade(degradedModeIn(current, this.#settings.degrade), 'health', `the state of the system is ${current}`);
    this.#timer?.cancel();
    this.#timer = current === 'healthy' ? undefined : this.#clock.setTimer(() => this.#look(), this.#nextLookMs());
    return judgement;
  }

  #nextLookMs(): number {
    const at = this.#steady.next(this.#settings.steadyMs)?.at;
    return at === undefined ? lookAgainMs : Math.min(lookAgainMs, Math.max(1, at - this.#clock.now()));
  }

  #reading(): HealthReading {
    return {
      state: this.system().state,
      checks: [...this.#checks.values()].map(({ settings: { name }, target, status, last }) => ({
        name,
        target,
        status,
        durationMs: last?.durationMs,
      })),
    };
  }
}

function criticalOf({ critical }: ResolvedHealth): Matcher<{ readonly match: { readonly server: string } }> {
  return new Matcher(critical.map((server) => ({ match: { server } })));
}

function asksTheSame(one: ResolvedCheck, other: ResolvedCheck): boolean {
  const said = ({ kind, url, status, verifyTls }: ResolvedCheck): string => JSON.stringify([kind, url, status, verifyTls]);
  return one.check === other.check && said(one) === said(other);
}
