import type { WebhookInput } from '../../config/alerts-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { version } from '../../core/version.ts';
import type { Alert, AlertEvent } from '../alert.ts';
import { timeText, wallTime } from '../wall-time.ts';
import { Channel } from './channel.ts';
import { type Endpoint, endpointOf } from './endpoint.ts';
import { payloadOf, type Source } from './payloads.ts';
import { type Posting, post } from './post.ts';

export interface WebhookPorts {
  readonly clock: Clock;
  readonly source: Source;
  /** For addresses and keys that the configuration only names. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs what must make no span and be guarded by no breaker. */
  outside<R>(fn: () => R): R;
  /** For the log. */
  tell(level: 'info' | 'warn', message: string): void;
}

/** Every place that alerts are sent to. */
export class Webhooks {
  readonly #ports: WebhookPorts;
  /** By what the configuration says of them. */
  #channels = new Map<string, Channel>();

  constructor(ports: WebhookPorts) {
    this.#ports = ports;
  }

  /**
   * Takes on other places; those that stay go on as before. What is wrong with one costs that one.
   * @param firing what fires now, for places that have not heard of it
   */
  configure(webhooks: readonly WebhookInput[], firing: readonly Alert[]): void {
    const before = this.#channels;
    this.#channels = new Map();
    for (const [index, webhook] of webhooks.entries()) {
      const key = JSON.stringify(webhook);
      const channel = before.get(key) ?? this.#channels.get(key) ?? this.#begin(webhook, index, firing);
      if (channel !== undefined) this.#channels.set(key, channel);
    }
    for (const [key, channel] of before) if (!this.#channels.has(key)) channel.close();
  }

  offer(event: AlertEvent): void {
    for (const channel of this.#channels.values()) channel.offer(event);
  }

  /** @param firing what fires now */
  remind(firing: readonly Alert[]): void {
    for (const channel of this.#channels.values()) channel.remind(firing);
  }

  /** Sends what waits, for the time given at most, and ends. */
  async flush(ms: number): Promise<void> {
    const channels = [...this.#channels.values()];
    await Promise.all(channels.map((channel) => channel.flush(ms)));
    for (const channel of channels) channel.close();
  }

  #begin(webhook: WebhookInput, index: number, firing: readonly Alert[]): Channel | undefined {
    const { clock, env, tell } = this.#ports;
    try {
      const channel = new Channel(endpointOf(webhook, index, env), { clock, tell, send: (alert, to) => this.#send(alert, to) });
      for (const alert of firing) channel.offer({ alert });
      return channel;
    } catch (error) {
      tell('warn', `no alerts are sent there: ${(error as Error).message}`);
      return undefined;
    }
  }

  #send(alert: Alert, endpoint: Endpoint): Posting {
    const { clock, source, outside } = this.#ports;
    const body = JSON.stringify(payloadOf(alert, endpoint, source, timeText(wallTime())));
    const authorization = endpoint.token === undefined ? {} : { authorization: `Bearer ${endpoint.token}` };
    const headers = { 'user-agent': `otel-breaker/${version}`, ...authorization };
    return post({ url: endpoint.url, headers, body, timeoutMs: endpoint.timeoutMs }, clock, outside);
  }
}
