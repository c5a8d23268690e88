import type * as Api from '@opentelemetry/api';
import type { Registry } from '../registry/registry.ts';
import type { AdminActionEvent } from '../telemetry/admin-event.ts';
import type { AlertLogEvent } from '../telemetry/alert-event.ts';
import { provideApi } from '../telemetry/api.ts';
import { Attachment } from '../telemetry/attachment.ts';
import type { ConfigurationEvent } from '../telemetry/configuration-event.ts';
import { faultsToDiag } from '../telemetry/faults.ts';
import { attempt } from './say.ts';

/**
 * Telemetry of a registry from its first breaker on. OpenTelemetry's API takes longer to load than all the rest of a
 * preload, and before there is a breaker there is nothing to tell.
 */
export class LazyTelemetry {
  readonly #registry: Registry;
  readonly #loadApi: () => typeof Api;
  readonly #onMoved: () => void;
  readonly #faults = faultsToDiag();
  readonly #waiting: readonly Disposable[];
  #attachment: Attachment | undefined;
  #over = false;

  /** @param onMoved told with each move of a breaker: from the first on there may be something to flush at the end */
  constructor(registry: Registry, loadApi: () => typeof Api, onMoved: () => void) {
    this.#registry = registry;
    this.#loadApi = loadApi;
    this.#onMoved = onMoved;
    this.#waiting = [registry.on('added', () => this.#attach()), registry.on('injecting', () => this.#attach())];
  }

  /** Tells of a configuration that came or was refused, whether or not there is a breaker yet. */
  configured(event: ConfigurationEvent): void {
    this.#attach();
    this.#attachment?.configured(event);
  }

  /** Tells of what somebody did by the management server. */
  acted(event: AdminActionEvent): void {
    this.#attach();
    this.#attachment?.acted(event);
  }

  /** Tells of an alert. There is a breaker, or there would be none. */
  alerted(event: AlertLogEvent): void {
    this.#attachment?.alerted(event);
  }

  /** There is something to tell besides breakers. */
  attach(): void {
    this.#attach();
  }

  shutdown(): void {
    this.#end();
    this.#attachment?.shutdown();
  }

  #attach(): void {
    if (this.#over) return;
    this.#end();
    attempt('telemetry', () => {
      provideApi(this.#loadApi());
      this.#attachment = new Attachment(this.#registry, {}, this.#onMoved);
    });
    // The attachment has its own.
    this.#faults[Symbol.dispose]();
  }

  #end(): void {
    this.#over = true;
    for (const each of this.#waiting) each[Symbol.dispose]();
  }
}
