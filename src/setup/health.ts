import type { Configuration } from '../config/configuration.ts';
import type { HealthMonitor } from '../health/monitor.ts';
import type { Registry } from '../registry/registry.ts';
import { complain } from './say.ts';

/** The health monitor that the configuration asks for: loaded when it does for the first time, configured anew, ended when it does no more. */
export class ConfiguredHealth {
  readonly #registry: Registry;
  readonly #configuration: () => Configuration;
  readonly #onStart: () => void;
  #monitor: HealthMonitor | undefined;
  #under: Promise<void> = Promise.resolve();
  #ended = false;

  /** @param onStart there is something to tell from now on */
  constructor(registry: Registry, configuration: () => Configuration, onStart: () => void) {
    this.#registry = registry;
    this.#configuration = configuration;
    this.#onStart = onStart;
  }

  /** `undefined` where none is configured. */
  get monitor(): HealthMonitor | undefined {
    return this.#monitor;
  }

  /** Does as the configuration in force says. One after the other, and never rejects. */
  update(): Promise<void> {
    this.#under = this.#under
      .then(() => this.#update())
      .catch((error: unknown) => complain(`otel-breaker: health checks not started: ${String(error)}`));
    return this.#under;
  }

  end(): void {
    this.#ended = true;
    this.#monitor?.stop();
  }

  async #update(): Promise<void> {
    if (this.#ended) return;
    if (this.#configuration().settings.health === undefined) {
      this.#monitor?.stop();
      this.#monitor = undefined;
      return;
    }
    const { HealthMonitor: Monitor } = await import('../health/monitor.ts');
    // Of the configuration as it is by now.
    const { health } = this.#configuration().settings;
    if (this.#ended || health === undefined) return;
    if (this.#monitor !== undefined) return this.#monitor.configure(health);
    this.#onStart();
    this.#monitor = new Monitor(this.#registry, health, { readiness: () => this.#configuration().settings.management.readiness });
    this.#monitor.start();
  }
}
