import type * as Api from '@opentelemetry/api';
import { setDefaultRegistry } from '../../instrumentations/shared/default-registry.ts';
import type { Configuration } from '../config/configuration.ts';
import { FileWatch } from '../config/watch.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { History } from '../history/history.ts';
import { Registry } from '../registry/registry.ts';
import { type OwnSdk, startSdk } from '../sdk/batteries.ts';
import { decideSdk, isLauncher, isSdkRegistered } from '../sdk/detect.ts';
import { flushAtExit } from '../sdk/exit.ts';
import { diag } from '../telemetry/slots.ts';
import type { ConfiguredFaults } from './configured-faults.ts';
import { ConfiguredHealth } from './health.ts';
import { LazyAlerts } from './lazy-alerts.ts';
import { LazyTelemetry } from './lazy-telemetry.ts';
import type { Serving } from './management.ts';
import { PolicyStorage } from './policy-storage.ts';
import { LiveConfiguration, type Origin, type ReloadResult } from './reload.ts';
import { reloadOn } from './reload-signal.ts';
import { attempt, complain } from './say.ts';
import { serviceName } from './service-name.ts';

/** What `setup` has put together. */
export interface Handle {
  /** All breakers of the process. */
  readonly registry: Registry;
  /** The one in force. */
  readonly configuration: Configuration;
  /** Where metrics can be read, when this package serves them. */
  readonly metricsUrl: string | undefined;
  /** Where the breakers can be seen and controlled; `undefined` until it is served, and where it is not. */
  readonly managementUrl: string | undefined;
  /** Watches over what the service depends on; `undefined` until it is loaded, and where the configuration has no `health`. */
  readonly health: HealthMonitor | undefined;
  /**
   * Reads file and environment again and puts what they say into force, for all breakers in one step; listeners, states and
   * counts stay. A configuration at fault changes nothing. Never rejects.
   */
  reload(): Promise<ReloadResult>;
  /** Ends open outages' spans, exports what is left (if the SDK is ours) and takes every hook back. Idempotent. */
  shutdown(): Promise<void>;
}

/** What guards clients: an instrumentation, until it is disabled. */
export interface Guard {
  disable(): void;
}

/** An SDK that was expected should have appeared by then. */
const EXPECTED_WITHIN_MS = 10_000;
/** For what is not needed at once: a process that is over by then never pays for it. */
const LATER_MS = 250;

/** @internal */
export interface Parts {
  readonly configuration: Configuration;
  readonly origin: Origin;
  /** OpenTelemetry's API, asked for when it is needed. */
  readonly loadApi: () => typeof Api;
  /** By name; those that the configuration disables are not made. */
  readonly guards: ReadonlyMap<string, (registry: Registry) => Guard>;
  /** Takes back what was guarded by hand. */
  readonly undo: () => void;
}

/** @internal Puts the parts together; nothing of it can fail for the program. */
export class Setup implements Handle {
  readonly registry: Registry;
  readonly #parts: Parts;
  readonly #live: LiveConfiguration;
  readonly #guards: Guard[] = [];
  readonly #held: Disposable[] = [];
  #telemetry: LazyTelemetry | undefined;
  #storage: PolicyStorage | undefined;
  #faults: ConfiguredFaults | undefined;
  #health: ConfiguredHealth | undefined;
  #history: Promise<History> | undefined;
  readonly #alerts: LazyAlerts;
  #checked: Promise<Error | undefined> = Promise.resolve(undefined);
  #sdk: OwnSdk | undefined;
  #serving: Serving | undefined;
  #served: Promise<void> | undefined;
  #exit: Disposable | undefined;
  #ended: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { configuration, origin } = parts;
    const { maxBreakers, idleMs } = configuration.settings;
    this.#live = new LiveConfiguration(origin, configuration);
    this.registry = new Registry({
      resolve: (name, target, lowest) => configuration.resolve(name, target, lowest),
      ...(maxBreakers !== undefined && { maxBreakers }),
      ...(idleMs !== undefined && { idleMs }),
    });
    this.#alerts = new LazyAlerts({
      registry: this.registry,
      settings: () => this.configuration.settings.alerts,
      history: () => this.#keptHistory(),
      service: serviceName(origin.env),
      told: (event) => {
        this.#flushAtExit();
        this.#telemetry?.alerted(event);
      },
    });
  }

  get configuration(): Configuration {
    return this.#live.current;
  }

  get metricsUrl(): string | undefined {
    return this.#serving?.metricsUrl;
  }

  get managementUrl(): string | undefined {
    return this.#serving?.managementUrl;
  }

  get health(): HealthMonitor | undefined {
    return this.#health?.monitor;
  }

  /** Begins the health checks, where there are to be any. Never rejects. */
  async watch(): Promise<void> {
    if (!isLauncher(process.argv[1])) await this.#health?.update();
  }

  /** Serves management and metrics now, where they are to be served. Resolves when their addresses are certain. */
  async serve(): Promise<void> {
    const { settings } = this.configuration;
    const wanted = settings.enabled && (settings.management.enabled || this.#sdk?.metrics !== undefined);
    if (!wanted || this.#ended !== undefined || isLauncher(process.argv[1])) return;
    this.#served ??= this.#startServing().catch((error: unknown) => complain(`otel-breaker: management not started: ${String(error)}`));
    await this.#served;
  }

  async #startServing(): Promise<void> {
    const { Serving } = await import('./management.ts');
    if (this.#ended !== undefined) return;
    const { env, cwd } = this.#parts.origin;
    this.#serving = new Serving({
      registry: this.registry,
      configuration: () => this.configuration,
      env,
      cwd,
      metrics: this.#sdk?.metrics,
      health: () => this.health,
      reload: () => this.reload(),
      acted: (event) => this.#telemetry?.acted(event),
      service: serviceName(env),
      alerts: this.#alerts,
      history: () => this.#keptHistory(),
    });
    await this.#serving.ready;
  }

  /** Why what the configuration asks to be kept on disk cannot be kept; it has been said by then. */
  get missing(): Promise<Error | undefined> {
    return this.#checked;
  }

  start(): void {
    const { disabledInstrumentations } = this.configuration.settings;
    setDefaultRegistry(this.registry);
    // Each on its own: without telemetry the service is still protected, and the other way round.
    attempt('OpenTelemetry SDK', () => this.#startSdk());
    attempt('telemetry', () => {
      this.#telemetry = new LazyTelemetry(this.registry, this.#parts.loadApi, () => this.#flushAtExit());
    });
    attempt('storage of policies', () => {
      this.#storage = new PolicyStorage(this.#parts.origin.cwd, complain);
      this.#checkStorage();
    });
    for (const [name, make] of this.#parts.guards) {
      if ((disabledInstrumentations as readonly string[]).includes(name)) continue;
      attempt(`instrumentation of ${name}`, () => this.#guards.push(make(this.registry)));
    }
    attempt('injecting faults', () => {
      if (this.configuration.faults.length > 0) void this.#injectFaults((faults) => faults.start(this.configuration));
    });
    attempt('watching the configuration', () => this.#watch());
    attempt('health', () => {
      this.#health = new ConfiguredHealth(
        this.registry,
        () => this.configuration,
        () => this.#telemetry?.attach(),
      );
      // As with management: a process that is soon over pays nothing.
      if (this.configuration.settings.health !== undefined) this.registry.clock.setTimer(() => void this.watch(), LATER_MS);
    });
    attempt('management', () => this.#serveSoon());
    if (!isLauncher(process.argv[1])) this.registry.clock.setTimer(() => this.#alerts.start(), LATER_MS);
  }

  async reload(): Promise<ReloadResult> {
    if (this.#ended !== undefined) return { applied: false, changes: [], atNextStart: [], error: new Error('otel-breaker is shut down') };
    const result = this.#withStorage(this.#live.reload(this.registry));
    const { applied, changes, atNextStart, error } = result;
    if (error !== undefined) complain(`otel-breaker: configuration not reloaded, the one before stays. ${error.message}`);
    else diag.info(`otel-breaker: configuration reloaded: ${changes.length === 0 ? 'nothing changed' : changes.join('; ')}`);
    if (atNextStart.length > 0) warn(`changed in the configuration, but not before the next start: ${atNextStart.join(', ')}`);
    for (const warning of applied ? this.configuration.warnings : []) warn(warning);
    if (applied) this.#checkStorage();
    if (applied && (this.#faults !== undefined || this.configuration.faults.length > 0))
      await this.#injectFaults((faults) => faults.follow(this.configuration));
    if (applied) void this.watch();
    if (applied) this.#alerts.reconfigure();
    attempt('telling of the configuration', () => this.#telemetry?.configured({ ...result, source: this.configuration.source }));
    return result;
  }

  shutdown(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  /** Made when somebody needs it first. */
  #keptHistory(): Promise<History> {
    this.#history ??= import('../history/history.ts').then(({ History }) => new History(this.registry));
    return this.#history;
  }

  /** Queues take on what has been read; what folders of stale answers cannot, is said. */
  #withStorage(result: ReloadResult): ReloadResult {
    let atNextStart = result.atNextStart;
    attempt('storage of policies', () => {
      const policies = this.registry.list().map(({ options }) => options.policies);
      if (result.applied) atNextStart = [...atNextStart, ...(this.#storage?.follow(policies) ?? [])];
    });
    return { ...result, atNextStart };
  }

  #checkStorage(): void {
    this.#checked =
      this.#storage?.check(this.configuration.statements).then(
        () => undefined,
        (error: Error) => error,
      ) ?? this.#checked;
  }

  #startSdk(): void {
    const { settings } = this.configuration;
    const { env, execArgv, argv } = process;
    const decision = decideSdk(settings.sdk, { env, execArgv, main: argv[1], cwd: process.cwd() });
    diag.debug(`otel-breaker: ${decision.start ? 'sets up an SDK' : 'sets up no SDK'}: ${decision.because}`);
    if (decision.start) {
      this.#sdk = startSdk(env);
      this.#flushAtExit();
    } else if (decision.expected) {
      this.#expectSdk(decision.because);
    }
  }

  /** With an SDK to load, little is gained by waiting; without one, a process that is soon over pays nothing. */
  #serveSoon(): void {
    if (this.#sdk?.metrics !== undefined) void this.serve();
    else this.registry.clock.setTimer(() => void this.serve(), LATER_MS);
  }

  #expectSdk(because: string): void {
    this.registry.clock.setTimer(() => {
      if (isSdkRegistered() || this.#ended !== undefined) return;
      const message = `no OpenTelemetry SDK has appeared (expected one: ${because}); calls are protected, but nobody sees it. OTEL_BREAKER_SDK=on sets one up`;
      process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_NO_SDK' });
    }, EXPECTED_WITHIN_MS);
  }

  /** Loaded once somebody wants any. */
  async #injectFaults(put: (faults: ConfiguredFaults) => void): Promise<void> {
    try {
      const { ConfiguredFaults } = await import('./configured-faults.ts');
      if (this.#ended !== undefined) return;
      this.#faults ??= new ConfiguredFaults(this.registry, (message) => warn(`faults: ${message}`));
      put(this.#faults);
    } catch (error) {
      complain(`otel-breaker: faults are not injected: ${String(error)}`);
    }
  }

  #watch(): void {
    const { settings, places } = this.configuration;
    const again = (): void => void this.reload();
    if (settings.watch && places.length > 0) this.#held.push(new FileWatch(places, this.registry.clock, again));
    if (settings.reloadSignal !== 'off') this.#held.push(reloadOn(settings.reloadSignal, again));
  }

  /**
   * With an SDK of ours from the start on. Otherwise from the first move or alert on: while all circuits are closed, nothing of ours is open that
   * had to be ended, and the process has no listener of ours at its signals and its end.
   */
  #flushAtExit(): void {
    const { reloadSignal } = this.configuration.settings;
    const except = reloadSignal === 'off' ? undefined : reloadSignal;
    if (this.#ended !== undefined) return;
    // An SDK of the program's is flushed by the program, when it handles the signal: then our spans must have ended before.
    this.#exit ??= flushAtExit(() => this.#flush(), { except, uninvited: this.#sdk !== undefined });
  }

  async #flush(): Promise<void> {
    this.#telemetry?.shutdown();
    this.#serving?.close();
    await Promise.all([this.#sdk?.shutdown(), this.#alerts.close()]);
    void this.#history?.then((history) => history.close());
  }

  async #end(): Promise<void> {
    for (const guard of this.#guards) guard.disable();
    for (const each of this.#held) each[Symbol.dispose]();
    this.#health?.end();
    this.#parts.undo();
    for (const injection of this.registry.injections) injection.end();
    this.#exit?.[Symbol.dispose]();
    setDefaultRegistry(undefined);
    // A storage that cannot be closed takes no span and no alert of the last moments with it.
    await this.#storage?.close().catch((error: unknown) => complain(`otel-breaker: storage of policies not closed: ${String(error)}`));
    await this.#flush();
  }
}

/** Of a configuration that is in force all the same. */
export function warn(message: string): void {
  process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_CONFIG' });
}
