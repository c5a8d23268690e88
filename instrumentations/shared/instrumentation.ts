import { reportFault } from '../../src/core/fault.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { defaultRegistry } from './default-registry.ts';
import type { Undo } from './hook.ts';

export interface BreakerInstrumentationConfig {
  /** Whether it is enabled on construction. Default `true`, as with OpenTelemetry's own. */
  readonly enabled?: boolean;
  /** Where its breakers live. Default: the registry of the process. */
  readonly registry?: Registry;
}

/** What an instrumentation's patches may ask for at any time: both can change while it is enabled. */
export interface InstrumentationContext<Config extends BreakerInstrumentationConfig> {
  readonly registry: Registry;
  readonly config: Config;
}

/**
 * The shape of OpenTelemetry's `Instrumentation`, without its base class: constructing any `InstrumentationBase` before
 * auto-instrumentations/register makes the HTTP server spans of the 2.x line disappear.
 */
export class BreakerInstrumentation<Config extends BreakerInstrumentationConfig = BreakerInstrumentationConfig> {
  readonly instrumentationName: string;
  readonly instrumentationVersion: string;
  readonly #install: (context: InstrumentationContext<Config>) => Undo;
  #config: Config;
  #undo: Undo | undefined;

  /** @param install hooks and guards; returns what takes all of it back */
  constructor(name: string, version: string, config: Config, install: (context: InstrumentationContext<Config>) => Undo) {
    this.instrumentationName = name;
    this.instrumentationVersion = version;
    this.#install = install;
    this.#config = config;
    if (config.enabled ?? true) this.enable();
  }

  /** Guards the client, already loaded or not. Enabling twice is enabling once. */
  enable(): void {
    if (this.#undo !== undefined) return;
    const instrumentation = this;
    try {
      this.#undo = this.#install({
        get registry() {
          return instrumentation.#config.registry ?? defaultRegistry();
        },
        get config() {
          return instrumentation.#config;
        },
      });
    } catch (error) {
      reportFault(error, `enabling ${this.instrumentationName}`);
    }
  }

  /** Puts every function back as it was. Calls under way are still counted when they end. */
  disable(): void {
    const undo = this.#undo;
    this.#undo = undefined;
    undo?.();
  }

  /** `enabled` tells OpenTelemetry's registration whether it still has to enable it. */
  getConfig(): Config & { readonly enabled: boolean } {
    return { ...this.#config, enabled: this.#config.enabled ?? true };
  }

  setConfig(config: Config): void {
    this.#config = config;
  }

  // Telemetry comes by the registry's events: no provider is of use here.
  setTracerProvider(_provider: unknown): void {}
  setMeterProvider(_provider: unknown): void {}
  setLoggerProvider(_provider: unknown): void {}
}
