import type { Alert, AlertEvent } from '../alerts/alert.ts';
import type { AlertSettings } from '../config/settings.ts';
import type { History } from '../history/history.ts';
import type { Registry } from '../registry/registry.ts';
import type { Alerting } from './alerting.ts';
import { complain } from './say.ts';

export interface LazyAlertsParts {
  readonly registry: Registry;
  readonly settings: () => AlertSettings;
  /** One for all who need it. */
  readonly history: () => Promise<History>;
  readonly service: string;
  told(event: AlertEvent): void;
}

/** Alerts from the first breaker on, where they are on: before there is one there is nothing to judge. */
export class LazyAlerts {
  readonly #parts: LazyAlertsParts;
  readonly #listeners = new Set<(alert: Alert) => void>();
  #waiting: Disposable | undefined;
  #alerting: Alerting | undefined;
  #loading: Promise<void> | undefined;
  #closed = false;

  constructor(parts: LazyAlertsParts) {
    this.#parts = parts;
  }

  /** Begins, when there is something to begin with. */
  start(): void {
    if (this.#closed || !this.#parts.settings().enabled || this.#loading !== undefined || this.#waiting !== undefined) return;
    const { registry } = this.#parts;
    if (registry.list().length > 0) this.#load();
    else this.#waiting = registry.on('added', () => this.#load());
  }

  /** The configuration is another one. */
  reconfigure(): void {
    if (this.#alerting === undefined) this.start();
    else this.#alerting.configure(this.#parts.settings());
  }

  /** Firing, and those resolved of late. */
  alerts(): readonly Alert[] {
    return this.#alerting?.alerts() ?? [];
  }

  on(_name: 'alert', listener: (alert: Alert) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Sends what waits to be sent, for a moment. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting?.[Symbol.dispose]();
    await this.#alerting?.close();
  }

  #load(): void {
    this.#waiting?.[Symbol.dispose]();
    this.#loading ??= this.#begin().catch((error: unknown) => complain(`otel-breaker: alerts not started: ${String(error)}`));
  }

  async #begin(): Promise<void> {
    const { registry, settings, service, told } = this.#parts;
    const [{ Alerting }, history] = await Promise.all([import('./alerting.ts'), this.#parts.history()]);
    if (this.#closed) return;
    this.#alerting = new Alerting({ registry, history, service, told }, settings());
    this.#alerting.on('alert', (alert) => {
      for (const listener of this.#listeners) listener(alert);
    });
  }
}
