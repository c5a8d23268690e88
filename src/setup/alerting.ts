import { hostname } from 'node:os';
import type { Alert, AlertEvent } from '../alerts/alert.ts';
import { Alerts } from '../alerts/alerts.ts';
import type { Webhooks } from '../alerts/webhooks/webhooks.ts';
import type { AlertSettings } from '../config/settings.ts';
import { withoutTracing } from '../core/suppress-tracing.ts';
import type { History } from '../history/history.ts';
import type { Registry } from '../registry/registry.ts';
import { diag } from '../telemetry/slots.ts';
import { complain } from './say.ts';

/** How long the last alerts may take to be sent when the process ends, in ms. */
const flushMs = 1_500;

export interface AlertingParts {
  readonly registry: Registry;
  readonly history: History;
  readonly service: string;
  /** To the log. */
  told(event: AlertEvent): void;
}

/** Rules that are looked at, and where alerts go. Loaded when there is a breaker to judge. */
export class Alerting {
  readonly #parts: AlertingParts;
  readonly #alerts: Alerts;
  readonly #held: Disposable[];
  #webhooks: Webhooks | undefined;
  #settings: AlertSettings | undefined;

  constructor(parts: AlertingParts, settings: AlertSettings) {
    this.#parts = parts;
    this.#alerts = new Alerts(parts.registry, parts.history);
    this.#held = [
      this.#alerts.on('told', (event) => {
        parts.told(event);
        this.#webhooks?.offer(event);
      }),
      parts.history.onSampled(() => this.#webhooks?.remind(this.#firing)),
    ];
    this.configure(settings);
  }

  alerts(): readonly Alert[] {
    return this.#alerts.alerts();
  }

  on(name: 'alert', listener: (alert: Alert) => void): Disposable {
    return this.#alerts.on(name, listener);
  }

  configure(settings: AlertSettings): void {
    this.#alerts.configure(settings.enabled ? settings.rules : 'none');
    // Switched off, what fires is over: those who have been told shall hear of it.
    const webhooks = settings.enabled ? settings.webhooks : (this.#settings?.webhooks ?? []);
    this.#settings = { ...settings, webhooks };
    void this.#configureWebhooks().catch((error: unknown) => complain(`otel-breaker: no alerts are sent: ${String(error)}`));
  }

  async close(): Promise<void> {
    for (const each of this.#held) each[Symbol.dispose]();
    this.#alerts.close();
    await this.#webhooks?.flush(flushMs);
  }

  async #configureWebhooks(): Promise<void> {
    if (this.#webhooks === undefined && this.#settings?.webhooks.length === 0) return;
    const { Webhooks } = await import('../alerts/webhooks/webhooks.ts');
    const { registry, service } = this.#parts;
    this.#webhooks ??= new Webhooks({
      clock: registry.clock,
      source: { service, host: hostname(), pid: process.pid },
      env: process.env,
      outside: withoutTracing,
      tell,
    });
    this.#webhooks.configure(this.#settings?.webhooks ?? [], this.#firing);
  }

  get #firing(): Alert[] {
    return this.#alerts.alerts().filter(({ state }) => state === 'firing');
  }
}

function tell(level: 'info' | 'warn', message: string): void {
  diag[level](`otel-breaker: ${message}`);
  // Nobody else would hear of an alert that goes nowhere.
  if (level === 'warn') process.emitWarning(message, { type: 'OtelBreakerWarning', code: 'OTEL_BREAKER_ALERTS' });
}
