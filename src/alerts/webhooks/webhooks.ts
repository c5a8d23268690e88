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
  #said = '';
  #channels: Channel[] = [];

  constructor(ports: WebhookPorts) {
    this.#ports = ports;
  }

  /** Takes on other places; those that stay the same keep what they have told. What is wrong with one costs that one. */
  configure(webhooks: readonly WebhookInput[]): void {
    const said = JSON.stringify(webhooks);
    if (said === this.#said) return;
    this.#said = said;
    for (const channel of this.#channels) channel.close();
    this.#channels = webhooks.flatMap((webhook, index) => {
      try {
        return [this.#channel(endpointOf(webhook, index, this.#ports.env))];
      } catch (error) {
        this.#ports.tell('warn', `no alerts are sent there: ${(error as Error).message}`);
        return [];
      }
    });
  }

  offer(event: AlertEvent): void {
    for (const channel of this.#channels) channel.offer(event);
  }

  /** @param firing what fires now */
  remind(firing: readonly Alert[]): void {
    for (const channel of this.#channels) channel.remind(firing);
  }

  /** Sends what waits, for the time given at most, and ends. */
  async flush(ms: number): Promise<void> {
    await Promise.all(this.#channels.map((channel) => channel.flush(ms)));
    for (const channel of this.#channels) channel.close();
  }

  #channel(endpoint: Endpoint): Channel {
    const { clock, tell } = this.#ports;
    return new Channel(endpoint, { clock, tell, send: (alert, to) => this.#send(alert, to) });
  }

  #send(alert: Alert, endpoint: Endpoint): Posting {
    const { clock, source, outside } = this.#ports;
    const body = JSON.stringify(payloadOf(alert, endpoint, source, timeText(wallTime())));
    const authorization = endpoint.token === undefined ? {} : { authorization: `Bearer ${endpoint.token}` };
    const headers = { 'user-agent': `otel-breaker/${version}`, ...authorization };
    return post({ url: endpoint.url, headers, body, timeoutMs: endpoint.timeoutMs }, clock, outside);
  }
}
