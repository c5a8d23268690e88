import type { Configuration } from '../config/configuration.ts';
import type { History } from '../history/history.ts';
import { BreakerHealth } from '../management/builtin-health.ts';
import { FaultControl } from '../management/fault-control.ts';
import { HistoryViews } from '../management/history-views.ts';
import { usualPort } from '../management/listener.ts';
import { MetricsServer } from '../management/metrics-server.ts';
import type { AdminEvent, AlertSource, HealthSource, ManagementOptions, Token } from '../management/ports.ts';
import { createManagementServer, type ManagementServer } from '../management/server.ts';
import type { Registry } from '../registry/registry.ts';
import { diag } from '../telemetry/slots.ts';
import { type Place, placesOf } from './places.ts';
import type { ReloadResult } from './reload.ts';
import { complain } from './say.ts';
import { readTokens } from './tokens.ts';

/** What is served is told of by others. */
export interface Told {
  readonly registry: Registry;
  readonly configuration: () => Configuration;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Metrics as text, where they are ours to serve. */
  readonly metrics: (() => Promise<string>) | undefined;
  /** What watches over the system's health, if anything does. */
  readonly health: () => HealthSource | undefined;
  readonly service: string;
  readonly alerts: AlertSource;
  /** One for all who need it. */
  readonly history: () => Promise<History>;
  reload(): Promise<ReloadResult>;
  acted(event: AdminEvent): void;
}

/** Serves management and metrics. To be loaded when it starts: a process that is over by then never pays for it. */
export class Serving {
  readonly ready: Promise<void>;
  readonly #told: Told;
  #management: ManagementServer | undefined;
  #metrics: MetricsServer | undefined;
  #closed = false;

  constructor(told: Told) {
    this.#told = told;
    this.ready = this.#start();
  }

  get managementUrl(): string | undefined {
    return this.#management?.url;
  }

  get metricsUrl(): string | undefined {
    if (this.#metrics !== undefined) return this.#metrics.url;
    const { url } = this.#management ?? {};
    return this.#told.metrics === undefined || url === undefined ? undefined : `${url}/metrics`;
  }

  close(): void {
    this.#closed = true;
    this.#management?.close();
    this.#metrics?.close();
  }

  async #start(): Promise<void> {
    const { settings } = this.#told.configuration();
    const { metrics } = this.#told;
    const places = placesOf(settings, metrics !== undefined);
    if (places.metrics !== undefined) await this.#serveMetrics(places.metrics);
    if (places.management === undefined) return;
    const served = await this.#serveManagement(places.management, places.metrics === undefined);
    // Who may not be controlled from there can still be measured, where metrics have always been.
    const { host } = settings.prometheus;
    if (!served && metrics !== undefined && places.metrics === undefined && host !== places.management.host)
      await this.#serveMetrics({ host, port: settings.prometheus.port });
  }

  async #serveMetrics(place: Place): Promise<void> {
    const { metrics } = this.#told;
    if (metrics === undefined || this.#closed) return;
    const server = new MetricsServer(place, metrics);
    try {
      await server.listen();
    } catch (error) {
      // A taken port costs the metrics, not the service.
      warn('OTEL_BREAKER_METRICS', `no metrics at ${server.url}: ${reason(error)}; another port by OTEL_BREAKER_PROMETHEUS_PORT`);
      return;
    }
    this.#metrics = server;
    if (this.#closed) server.close();
    diag.info(`otel-breaker: metrics at ${server.url}`);
    if (server.moved) this.#tellMoved(server.url);
  }

  async #serveManagement({ host, port }: Place, withMetrics: boolean): Promise<boolean> {
    const { registry, metrics, acted, reload, service, alerts } = this.#told;
    const { management } = this.#told.configuration().settings;
    const history = new HistoryViews(await this.#told.history());
    if (this.#closed) return false;
    const given: ManagementOptions = {
      host,
      allowedHosts: management.allowedHosts,
      tokens: this.#tokens(management.tokensFile),
      health: this.#health(),
      service,
      alerts,
      history,
      mode: () => this.#told.configuration().resolve('').options.mode ?? 'enforce',
      reload,
      faults: new FaultControl(registry, () => this.#told.configuration().settings.allowFaults),
      onAdmin: acted,
      page: async () => (await import('../management/page/assets.ts')).pageAssets,
      log: (level, message) => diag[level](`otel-breaker: ${message}`),
      // The usual port is where OpenTelemetry's own exporter will want to be, if the program has one.
      firstPort: metrics === undefined ? usualPort + 1 : usualPort,
      ...(port !== undefined && { port }),
      ...(withMetrics && metrics !== undefined && { metrics }),
    };
    const server = createManagementServer(registry, given);
    try {
      await server.listen();
    } catch (error) {
      server.close();
      const both = withMetrics && metrics !== undefined;
      const what = both ? 'no metrics and no management' : 'no management';
      const message = `${what} at ${host}${port === undefined ? '' : `:${port}`}: ${reason(error)}; another port by OTEL_BREAKER_MANAGEMENT_PORT`;
      warn(both ? 'OTEL_BREAKER_METRICS' : 'OTEL_BREAKER_MANAGEMENT', message);
      return false;
    }
    this.#management = server;
    if (this.#closed) server.close();
    if (withMetrics && metrics !== undefined && port === undefined && server.port !== usualPort) this.#tellMoved(`${server.url}/metrics`);
    return true;
  }

  /** Of the monitor where there is one, which a new configuration may bring or end; by the circuits alone where not. */
  #health(): HealthSource {
    const { registry, configuration, health } = this.#told;
    const byCircuits = new BreakerHealth(registry, () => configuration().settings.management.readiness);
    const present = (): HealthSource => health() ?? byCircuits;
    return {
      system: () => present().system(),
      live: () => present().live(),
      ready: () => health()?.ready() ?? byCircuits.ready(configuration().settings.health?.checks),
      checks: () => present().checks(),
    };
  }

  /** What is wrong with a token costs the control, not the service. */
  #tokens(file: string | undefined): Token[] {
    const { env, cwd } = this.#told;
    try {
      return readTokens({ env, file, cwd });
    } catch (error) {
      complain(`otel-breaker: nobody can control anything by the management server: ${reason(error)}`);
      return [];
    }
  }

  /** Who scrapes the usual port would scrape somebody else. */
  #tellMoved(url: string): void {
    const message = `metrics at ${url}: the usual port is taken, by another process with otel-breaker perhaps`;
    process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_METRICS_PORT' });
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function warn(code: string, message: string): void {
  diag.warn(`otel-breaker: ${message}`);
  process.emitWarning(message, { type: 'OtelBreakerWarning', code });
}
