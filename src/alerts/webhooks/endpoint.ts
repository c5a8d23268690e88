import type { AlertSeverity, WebhookInput, WebhookType } from '../../config/alerts-schema.ts';

/** Where alerts are sent, with the secrets that it takes. */
export interface Endpoint {
  readonly type: WebhookType;
  readonly url: URL;
  /** For messages: which one, without what is secret. */
  readonly label: string;
  readonly token: string | undefined;
  readonly routingKey: string | undefined;
  readonly minSeverity: AlertSeverity;
  /** Of one attempt, in ms. */
  readonly timeoutMs: number;
}

const pagerDuty = 'https://events.pagerduty.com/v2/enqueue';

/**
 * What the configuration says, with what the environment has.
 * @throws Error that says what is missing, without what is secret
 */
export function endpointOf(webhook: WebhookInput, index: number, env: Readonly<Record<string, string | undefined>>): Endpoint {
  const { type = 'generic', urlEnv, routingKeyEnv, tokenEnv, minSeverity = 'warning', timeoutMs = 10_000 } = webhook;
  const where = `alerts.webhooks[${index}]`;
  const named = (key: string, name: string | undefined): string | undefined => {
    if (name === undefined) return undefined;
    const value = env[name]?.trim();
    if (!value) throw new Error(`${where}.${key}: the environment variable ${name} is not set`);
    return value;
  };
  const text = webhook.url ?? named('urlEnv', urlEnv) ?? (type === 'pagerduty' ? pagerDuty : undefined);
  if (text === undefined) throw new Error(`${where}: neither url nor urlEnv`);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new Error(`${where}.${webhook.url === undefined ? 'urlEnv' : 'url'}: no address that begins with https:// or http://`);
  const url = new URL(text);
  const routingKey = named('routingKeyEnv', routingKeyEnv);
  if (type === 'pagerduty' && routingKey === undefined) throw new Error(`${where}.routingKeyEnv: not set`);
  return {
    type,
    url,
    // Path and query of a webhook are its password.
    label: `${where} (${type}, ${url.protocol}//${url.host})`,
    token: named('tokenEnv', tokenEnv),
    routingKey,
    minSeverity,
    timeoutMs,
  };
}
