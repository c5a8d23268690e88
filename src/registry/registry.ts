import type { ConnectionEvidence } from '../breaker/breaker.ts';
import { Breaker } from '../breaker/breaker.ts';
import type { Injection } from '../breaker/injection.ts';
import type { Verify } from '../breaker/watch.ts';
import { nameIssues } from '../core/check-arguments.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { checkDegraded } from '../core/degraded-setting.ts';
import { Emitter } from '../core/emitter.ts';
import { ConfigError } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import type { InjectionOptions } from '../core/injection.ts';
import { type BreakerOptions, mergeOptions, type ResolvedOptions, resolveOptions } from '../core/options.ts';
import type { Target } from '../core/target.ts';
import type { CallTracer } from '../core/tracer.ts';
import { Degradation, type DegradedBy, type DegradedEvent, type DegradedSetting, type DegradedState } from './degradation.ts';
import { fittingOptions } from './fitting-options.ts';
import { HealthBoard } from './health-board.ts';
import { type Concerns, Injections } from './injections.ts';
import { Pools } from './pools.ts';

/** What configuration says of a breaker. */
export interface Resolution {
  readonly options: BreakerOptions;
  /** Which rule applied, for `snapshot()`. */
  readonly rule?: string | undefined;
  /** Sound parts that do not go together; the options are then what could be used of them. */
  readonly problem?: ConfigError | undefined;
}

/** Looks up the options of a breaker; must not throw. `lowest` are an instrumentation's own defaults. */
export type Resolve = (name: string, target: Target, lowest?: BreakerOptions) => Resolution;

export interface RegistryOptions {
  readonly resolve?: Resolve;
  /** More breakers than this share the overflow breaker `_other`. Default 1,000. */
  readonly maxBreakers?: number;
  /** Time, in ms, after which a closed breaker that nobody used is dropped. Default 600,000 (ten minutes). */
  readonly idleMs?: number;
  readonly clock?: Clock;
}

/** Options laid above everything else, by hand and for the time being; must not throw. */
export type Override = (name: string, target: Target) => BreakerOptions | undefined;

/** What comes with a breaker from the instrumentation that asks for it. */
export interface BreakerHooks {
  /** Below what the user configured, above the engine's defaults. */
  readonly defaults?: BreakerOptions;
  readonly verify?: Verify;
}

export interface RegistryEvents {
  added: { readonly breaker: Breaker };
  removed: { readonly breaker: Breaker };
  /** Its options were replaced in place. */
  replaced: { readonly breaker: Breaker };
  /** Faults are about to be injected into the calls of some. */
  injecting: { readonly injection: Injection };
  /** How calls are served for the time being has changed, of all breakers. */
  degraded: DegradedEvent;
}

/** The name of the breaker that takes the calls of all that are over the cap. */
export const overflowName = '_other';

interface Entry {
  readonly breaker: Breaker;
  readonly hooks: BreakerHooks;
  /** Set by `replace`: above what is configured. */
  own: BreakerOptions | undefined;
}

/** Breakers by name: made when asked for, configured in one place, dropped when nobody uses them. */
export class Registry {
  readonly clock: Clock;
  /** The connection pools of the clients, for telemetry. */
  readonly pools = new Pools();
  /** How well the system is, for telemetry, where somebody watches over it. */
  readonly health = new HealthBoard();
  readonly #entries = new Map<string, Entry>();
  readonly #events = new Emitter<RegistryEvents>();
  readonly #injections: Injections;
  readonly #maxBreakers: number;
  readonly #idleMs: number;
  #resolve: Resolve;
  #tracer: CallTracer | undefined;
  #sweptAt: number;
  readonly #degradation = new Degradation();
  #revision = 0;
  #override: Override | undefined;

  constructor(options: RegistryOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.#resolve = options.resolve ?? ((_name, _target, lowest) => ({ options: lowest ?? {} }));
    this.#maxBreakers = options.maxBreakers ?? 1_000;
    this.#idleMs = options.idleMs ?? 600_000;
    this.#sweptAt = this.clock.now();
    this.#injections = new Injections(this.clock);
  }

  /** The breaker of that name, made if it does not exist. `target` and `hooks` matter only then. */
  get(name: string, target: Target = {}, hooks: BreakerHooks = {}): Breaker {
    const known = this.#entries.get(name);
    if (known !== undefined) return known.breaker;
    this.#sweep();
    const counted = this.#entries.size - (this.#entries.has(overflowName) ? 1 : 0);
    const full = counted >= this.#maxBreakers && name !== overflowName;
    // The overflow breaker stands for many servers: nothing of a single one's may stick to it.
    return full ? this.get(overflowName) : this.#add(name, target, hooks).breaker;
  }

  find(name: string): Breaker | undefined {
    return this.#entries.get(name)?.breaker;
  }

  /** All of them, in the order in which they were made. */
  list(): Breaker[] {
    this.#sweep();
    return [...this.#entries.values()].map(({ breaker }) => breaker);
  }

  /** Forgets a breaker; whoever still holds it looks the name up again and gets a new one. */
  remove(name: string): boolean {
    const entry = this.#entries.get(name);
    if (entry === undefined) return false;
    this.#entries.delete(name);
    entry.breaker.retired = true;
    for (const injection of entry.breaker.injections) injection.detach(entry.breaker);
    this.#events.emit('removed', { breaker: entry.breaker });
    return true;
  }

  /**
   * Sets options of one breaker in place, above what is configured: listeners, state and totals stay, and the window's
   * results where its shape allows. A breaker that does not exist is made.
   * @throws ConfigError for options that cannot be used; nothing has changed then
   */
  replace(name: string, options: BreakerOptions): Breaker {
    checkName(name);
    const known = this.#entries.get(name);
    const { options: configured, rule } = this.#resolve(name, known?.breaker.target ?? {}, known?.hooks.defaults);
    const override = this.#override?.(name, known?.breaker.target ?? {});
    const resolved = resolveOptions({ ...mergeOptions(configured, options, override), name });
    // Named by a person, it is made even over the cap: the overflow breaker is for many.
    const entry = known ?? this.#add(name, {}, {});
    entry.own = options;
    this.#apply(entry, resolved, rule);
    return entry.breaker;
  }

  /** Takes on a new configuration: every breaker's options are looked up again and replaced in place. */
  configure(resolve: Resolve): void {
    this.#resolve = resolve;
    this.#lookAgain();
  }

  /** Lays options above everything else, for every breaker present and to come; `undefined` takes them away. */
  override(override: Override | undefined): void {
    this.#override = override;
    this.#lookAgain();
  }

  /** How calls are served for the time being, and who says so; `undefined`: as the options of each breaker say. */
  get degraded(): DegradedState | undefined {
    return this.#degradation.current;
  }

  /**
   * How calls are served for the time being, of every breaker present and to come; `off`: as ever; `undefined`: as their options
   * say, or as the health of the system has it. Of one breaker alone: `breaker.degraded`.
   * @param by `health`: below what a person says, and a breaker that was set alone keeps what it has. Default `hand`
   * @param reason who or why, for the record
   * @throws ConfigError for what is no such mode; nothing has changed then
   */
  degrade(mode: DegradedSetting | undefined, by: DegradedBy = 'hand', reason?: string): void {
    checkDegraded(mode);
    const before = this.degraded;
    this.#degradation.say(mode, by);
    const now = this.degraded;
    if (by === 'health' && now?.mode === before?.mode) return;
    this.#revision += 1;
    for (const { breaker } of this.#entries.values()) {
      if (by === 'hand' || breaker.degraded === before?.mode) breaker.degraded = now?.mode;
    }
    if (now?.mode !== before?.mode || now?.by !== before?.by) this.#events.emit('degraded', { before, now, reason });
  }

  /**
   * Injects faults on purpose, for a while, into the calls of every breaker that `concerns` says, those to come as well.
   * @param scope for people: which those are
   * @returns what ends it before its time: `end()`, or `using`
   * @throws ConfigError for options that cannot be used; Error in production, unless that is allowed
   */
  inject(options: InjectionOptions, concerns: Concerns = () => true, scope = 'all'): Injection {
    const injection = this.#injections.begin(options, concerns, scope);
    for (const { breaker } of this.#entries.values()) this.#injections.reach(breaker);
    this.#events.emit('injecting', { injection });
    injection.tell(true);
    return injection;
  }

  /** Those under way, of single breakers too, the oldest first. */
  get injections(): Injection[] {
    return this.#injections.list([...this.#entries.values()].map(({ breaker }) => breaker));
  }

  /** Closes every circuit and forgets what it has seen. */
  resetAll(reason?: string): void {
    for (const { breaker } of this.#entries.values()) breaker.reset(reason);
  }

  /** Tells every breaker of a server of a fault of its connection. */
  report(server: string, error: unknown, evidence?: ConnectionEvidence): void {
    for (const { breaker } of this.#entries.values()) if (breaker.target.server === server) breaker.report(error, evidence);
  }

  /** Tells every breaker of a server that it answers again. */
  recovered(server: string): void {
    for (const { breaker } of this.#entries.values()) if (breaker.target.server === server) breaker.recovered();
  }

  /** @internal For telemetry: what must happen inside the calls' own async context. */
  setTracer(tracer: CallTracer | undefined): void {
    this.#tracer = tracer;
    this.#injections.tracer = tracer;
    for (const { breaker } of this.#entries.values()) breaker.setTracer(tracer);
  }

  /** Hears of breakers `added`, `removed` and `replaced` (their options). */
  on<K extends keyof RegistryEvents>(name: K, listener: (event: RegistryEvents[K]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  /** @internal Whether a breaker has policies, or would have if it were made. */
  hasPolicies(name: string, target: Target, lowest: BreakerOptions | undefined): boolean {
    const known = this.#entries.get(name)?.breaker;
    if (known !== undefined) return known.options.policies !== undefined || known.degraded !== undefined;
    return this.degraded !== undefined || this.#look(name, target, lowest, undefined).resolved.policies !== undefined;
  }

  /** @internal Changes with whatever the options of breakers come from. */
  get revision(): number {
    return this.#revision;
  }

  #lookAgain(): void {
    this.#revision += 1;
    // Looked up for all of them before the first is given any: in one step, then.
    const found = [...this.#entries.values()].map((entry) => {
      const { breaker, hooks } = entry;
      return { entry, ...this.#look(breaker.name, breaker.target, hooks.defaults, entry) };
    });
    for (const { entry, resolved, rule } of found) this.#apply(entry, resolved, rule);
  }

  #add(name: string, target: Target, hooks: BreakerHooks): Entry {
    const { resolved, rule } = this.#look(name, target, hooks.defaults, undefined);
    const breaker = new Breaker(resolved, {
      clock: this.clock,
      target,
      rule,
      tracer: this.#tracer,
      verify: hooks.verify,
      shared: name === overflowName,
    });
    breaker.degraded = this.degraded?.mode;
    const entry: Entry = { breaker, hooks, own: undefined };
    this.#entries.set(name, entry);
    this.#injections.reach(breaker);
    this.#events.emit('added', { breaker });
    return entry;
  }

  #look(
    name: string,
    target: Target,
    lowest: BreakerOptions | undefined,
    entry: Entry | undefined,
  ): { resolved: ResolvedOptions; rule: string | undefined } {
    const present = entry?.breaker.options;
    try {
      const { options: configured, rule, problem } = this.#resolve(name, target, lowest);
      if (problem !== undefined) reportFault(problem, `the configuration of '${name}'`);
      return { resolved: fittingOptions(name, { configured, own: entry?.own, override: this.#override?.(name, target) }, present), rule };
    } catch (fault) {
      // A call must not fail for a fault of its configuration.
      reportFault(fault, `the configuration of '${name}'`);
      return { resolved: present ?? { ...resolveOptions(), name }, rule: undefined };
    }
  }

  #apply(entry: Entry, resolved: ResolvedOptions, rule: string | undefined): void {
    entry.breaker.setOptions(resolved, rule);
    this.#events.emit('replaced', { breaker: entry.breaker });
  }

  /** Drops idle breakers, at most once in a quarter of the idle time. No timer: who never asks for breakers has none to drop. */
  #sweep(): void {
    const now = this.clock.now();
    if (now - this.#sweptAt < this.#idleMs / 4) return;
    this.#sweptAt = now;
    for (const { breaker } of [...this.#entries.values()]) {
      const quiet = breaker.inFlight === 0 && now - breaker.lastUsed >= this.#idleMs;
      if (quiet && isAtHome(breaker) && !this.#isKept(breaker.name)) this.remove(breaker.name);
    }
  }

  #isKept(name: string): boolean {
    return name === overflowName || this.#entries.get(name)?.own !== undefined;
  }
}

function checkName(name: unknown): void {
  const issues = nameIssues(name);
  if (issues.length > 0) throw new ConfigError(issues, 'registry');
}

/** Where its mode begins. What somebody holds by hand, and what is open, is somebody's concern still. */
function isAtHome(breaker: Breaker): boolean {
  if (breaker.held) return false;
  if (breaker.mode === 'off') return breaker.state === 'disabled';
  if (breaker.mode === 'shadow') return breaker.state === 'shadow' && breaker.snapshot().circuit === 'closed';
  return breaker.state === 'closed';
}
