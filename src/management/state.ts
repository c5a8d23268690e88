import type { Breaker } from '../breaker/breaker.ts';
import type { Mode } from '../core/options.ts';
import { version } from '../core/version.ts';
import { History } from '../history/history.ts';
import type { Registry } from '../registry/registry.ts';
import { BreakerHealth } from './builtin-health.ts';
import { HistoryViews } from './history-views.ts';
import type { AlertSource, HealthSource, HistorySource, ManagementOptions } from './ports.ts';
import { breakerView, countsOf, poolViews } from './views.ts';
import { isoTime } from './wall-time.ts';
import type {
  AlertView,
  BreakerDetail,
  BreakersView,
  BreakerView,
  DegradedView,
  Feature,
  HealthView,
  HistoryView,
  Overview,
  ResilienceView,
} from './wire.ts';

/** How long a text of the overview is good, in ms: however many ask, it is put together ten times a second at most. */
const freshMs = 100;

const noAlerts: AlertSource = { alerts: () => [], on: () => ({ [Symbol.dispose]: () => {} }) };

/** What is told of the process: reads the registry and the sources, and keeps nothing. */
export class State {
  readonly health: HealthSource;
  readonly alerts: AlertSource;
  readonly history: HistorySource;
  readonly registry: Registry;
  readonly #options: ManagementOptions;
  readonly #service: string;
  readonly #startedAt: number;
  /** Kept here where nobody else keeps one. */
  readonly #kept: History | undefined;
  #text: { readonly overview: string; readonly at: number } | undefined;

  constructor(registry: Registry, options: ManagementOptions) {
    this.registry = registry;
    this.#options = options;
    this.#service = options.service ?? process.argv[1]?.split(/[\\/]/).at(-1) ?? 'node';
    this.health = options.health ?? new BreakerHealth(registry, () => options.readiness ?? {});
    this.alerts = options.alerts ?? noAlerts;
    this.#kept = options.history === undefined ? new History(registry) : undefined;
    this.history = options.history ?? new HistoryViews(this.#kept as History);
    this.#startedAt = registry.clock.now();
  }

  dispose(): void {
    this.#kept?.close();
  }

  get service(): string {
    return this.#service;
  }

  get mode(): Mode {
    return this.#options.mode?.() ?? 'enforce';
  }

  /** As JSON. */
  overviewText(): string {
    const now = this.registry.clock.now();
    if (this.#text === undefined || now - this.#text.at >= freshMs) this.#text = { overview: JSON.stringify(this.overview()), at: now };
    return this.#text.overview;
  }

  /** Something has happened: who asks now shall see it. */
  changed(): void {
    this.#text = undefined;
  }

  overview(): Overview {
    const faults = this.#options.faults?.list() ?? [];
    const features = featuresOf(this.#options);
    return {
      service: this.#service,
      pid: process.pid,
      version,
      at: isoTime(),
      mode: this.mode,
      system: this.health.system(),
      checks: this.health.checks(),
      ...this.#degraded(),
      breakers: this.#views(),
      alerts: this.#alerts(),
      pools: poolViews(this.registry),
      ...(faults.length > 0 && { faults }),
      adminEnabled: features.includes('admin'),
      features,
    };
  }

  healthView(): HealthView {
    const system = this.health.system();
    return {
      status: system.state,
      service: this.#service,
      at: isoTime(),
      uptimeMs: Math.round(this.registry.clock.now() - this.#startedAt),
      live: this.health.live(),
      ready: this.health.ready().status === 'ready',
      system,
      checks: this.health.checks(),
      ...this.#degraded(),
      breakers: countsOf(this.registry.list()),
    };
  }

  resilience(): ResilienceView {
    const totals = { calls: 0, failures: 0, rejections: 0, fallbacks: 0 };
    for (const { calls, rejections, fallbacks = {} } of this.#views()) {
      totals.calls += sum(calls);
      totals.failures += calls.failure ?? 0;
      totals.rejections += sum(rejections);
      totals.fallbacks += sum(fallbacks);
    }
    const breakers = countsOf(this.registry.list());
    return { at: isoTime(), mode: this.mode, system: this.health.system(), breakers, totals, alerts: this.#alerts() };
  }

  breakers(): BreakersView {
    return { at: isoTime(), breakers: this.#views() };
  }

  detail(breaker: Breaker): BreakerDetail {
    return { at: isoTime(), breaker: this.view(breaker), transitions: this.history.transitions(breaker.name) };
  }

  past(breaker: string | undefined): HistoryView {
    const transitions = this.history.transitions(breaker);
    if (breaker === undefined) return { at: isoTime(), transitions, samples: [] };
    return { at: isoTime(), breaker, transitions, samples: this.history.samples(breaker) };
  }

  view(breaker: Breaker): BreakerView {
    return breakerView(breaker);
  }

  #degraded(): { degraded?: DegradedView } {
    const { degraded } = this.registry;
    return degraded === undefined ? {} : { degraded };
  }

  #views(): BreakerView[] {
    return this.registry.list().map((breaker) => this.view(breaker));
  }

  #alerts(): readonly AlertView[] {
    return this.alerts.alerts();
  }
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function featuresOf({ tokens = [], reload, faults, metrics }: ManagementOptions): Feature[] {
  const admin = tokens.some(({ role = 'admin' }) => role === 'admin');
  const has: Record<Feature, boolean> = {
    admin,
    reload: reload !== undefined,
    mode: true,
    degrade: true,
    faults: faults !== undefined && faults.refused === undefined,
    metrics: metrics !== undefined,
    history: true,
  };
  return (Object.keys(has) as Feature[]).filter((feature) => has[feature]);
}
