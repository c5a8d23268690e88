import type { ConfigIssue } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { type AlertRuleInput, alertRanges, alertRuleNames, type WebhookInput } from './alerts-schema.ts';
import type { ConfigurationInput } from './schema.ts';
import { misspeltSystem } from './system-names.ts';

/**
 * What single keys cannot show. The values of webhooks are not told: they are secrets, or may be.
 * @param others rules of other sources: a rule of one's own may be made there
 */
export function alertIssues({ alerts }: ConfigurationInput, origin = '', others: readonly AlertRuleInput[] = []): ConfigIssue[] {
  const rules = alerts?.rules ?? [];
  const own = new Set([...rules, ...others].filter(({ metric }) => metric !== undefined).map(({ name }) => name));
  return [
    ...rules.flatMap((rule, index) =>
      ruleIssues(rule, own).map(([key, value, allowed]) => ({ path: `${origin}alerts.rules[${index}].${key}`, value, allowed })),
    ),
    ...(alerts?.webhooks ?? []).flatMap((each, index) =>
      webhookIssues(each).map(([key, allowed]) => ({ path: `${origin}alerts.webhooks[${index}].${key}`, value: '[...]', allowed })),
    ),
  ];
}

function ruleIssues(rule: AlertRuleInput, own: ReadonlySet<string>): [key: string, value: unknown, allowed: string][] {
  const { name, metric, limit, clear, windowMs, clearWindowMs, match } = rule;
  const found: [string, unknown, string][] = [];
  const ours = (alertRuleNames as readonly string[]).includes(name);
  const near = nearest(name, alertRuleNames);
  if (ours && metric !== undefined) found.push(['metric', metric, `only in rules of your own; ${name} is one of ours`]);
  if (!ours && !own.has(name)) {
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    found.push(['name', name, `one of ours (${alertRuleNames.join(', ')}), or a rule of your own with metric and limit${hint}`]);
  }
  if (!ours && metric !== undefined && limit === undefined) found.push(['limit', limit, 'a rule of your own needs one']);
  found.push(...rangeIssues(rule));
  if (limit !== undefined && clear !== undefined && clear > limit) found.push(['clear', clear, `at most limit (${limit})`]);
  if (windowMs !== undefined && clearWindowMs !== undefined && clearWindowMs > windowMs)
    found.push(['clearWindowMs', clearWindowMs, `at most windowMs (${windowMs})`]);
  const meant = match?.system === undefined ? undefined : misspeltSystem(match.system);
  if (meant !== undefined) found.push(['match.system', match?.system, `a system that there is; did you mean ${meant}?`]);
  return found;
}

function rangeIssues(said: AlertRuleInput | WebhookInput): [key: string, value: unknown, allowed: string][] {
  return Object.entries(said).flatMap(([key, value]): [string, unknown, string][] => {
    const [from, to] = alertRanges[key] ?? [0, Number.POSITIVE_INFINITY];
    return typeof value !== 'number' || (value >= from && value <= to) ? [] : [[key, value, `a time in ms from ${from} to ${to}`]];
  });
}

function webhookIssues(webhook: WebhookInput): [key: string, allowed: string][] {
  const { type = 'generic', url, urlEnv, routingKeyEnv, tokenEnv } = webhook;
  const found: [string, string][] = rangeIssues(webhook).map(([key, , allowed]) => [key, allowed]);
  if (url !== undefined && urlEnv !== undefined) found.push(['urlEnv', 'only without url']);
  if (url !== undefined && !isHttp(url)) found.push(['url', 'an address that begins with https:// or http://']);
  if (type === 'pagerduty') {
    if (routingKeyEnv === undefined) found.push(['routingKeyEnv', "the name of the environment variable that has PagerDuty's integration key"]);
  } else {
    if (url === undefined && urlEnv === undefined) found.push(['url', 'url, or urlEnv with the name of the environment variable that has it']);
    if (routingKeyEnv !== undefined) found.push(['routingKeyEnv', 'only with type pagerduty']);
  }
  if (tokenEnv !== undefined && type !== 'generic') found.push(['tokenEnv', 'only with type generic']);
  for (const [key, name] of Object.entries({ urlEnv, routingKeyEnv, tokenEnv }))
    if (name !== undefined && !/^[A-Za-z_]\w*$/.test(name)) found.push([key, 'the name of an environment variable, not what is in it']);
  return found;
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
