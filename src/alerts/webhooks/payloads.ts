import { createHash } from 'node:crypto';
import type { Alert } from '../alert.ts';
import type { Endpoint } from './endpoint.ts';

/** Whose alerts they are. */
export interface Source {
  readonly service: string;
  readonly host: string;
  readonly pid: number;
}

/** What is sent of one alert, as JSON; `at` is when it is sent. */
export function payloadOf(alert: Alert, endpoint: Pick<Endpoint, 'type' | 'routingKey'>, source: Source, at: string): unknown {
  switch (endpoint.type) {
    case 'slack':
      return slack(alert, source);
    case 'pagerduty':
      return pagerDuty(alert, endpoint.routingKey ?? '', source);
    default:
      return generic(alert, source, at);
  }
}

/** Documented in the room's README; what is added later stands beside it, with the same `version`. */
function generic({ state, ...alert }: Alert, source: Source, at: string): unknown {
  return { version: 1, event: state, ...alert, ...source, at };
}

/** Longest text that Slack takes in one block. */
const slackLongest = 3_000;
const marks = { critical: ':red_circle:', warning: ':large_orange_circle:', info: ':large_blue_circle:' } as const;

/** https://api.slack.com/messaging/webhooks */
function slack(alert: Alert, { service, host, pid }: Source): unknown {
  const { state, severity, name, summary, runbook, rules, consequences, since } = alert;
  const over = state === 'resolved';
  const headline = `${over ? 'Resolved' : severity.toUpperCase()}: ${service}: ${summary}`;
  const mark = over ? ':white_check_mark:' : marks[severity];
  const also = [...rules.filter((each) => each !== name), ...consequences];
  const facts = [name, ...(also.length === 0 ? [] : [`also ${also.join(', ')}`]), `since ${since}`, `${host} (${pid})`];
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text: text.slice(0, slackLongest) } });
  return {
    text: escaped(headline).slice(0, slackLongest),
    blocks: [
      section(`${mark} *${escaped(headline)}*`),
      ...(over ? [] : [section(escaped(runbook))]),
      { type: 'context', elements: [{ type: 'mrkdwn', text: escaped(facts.join(' · ')).slice(0, slackLongest) }] },
    ],
  };
}

/** Slack's three control characters. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ */
function pagerDuty(alert: Alert, routingKey: string, { service, host, pid }: Source): unknown {
  const { state, severity, name, summary, runbook, rules, consequences, server, breakers, pools, value, limit, since } = alert;
  const known = { routing_key: routingKey, dedup_key: dedupKey(`${service} ${alert.id}`) };
  if (state === 'resolved') return { ...known, event_action: 'resolve' };
  return {
    ...known,
    event_action: 'trigger',
    client: 'otel-breaker',
    payload: {
      summary: `${service}: ${summary}`.slice(0, 1_024),
      source: host,
      severity,
      timestamp: since,
      component: server ?? breakers[0] ?? pools[0] ?? service,
      group: service,
      class: name,
      custom_details: { runbook, rules, consequences, breakers, pools, value, limit, pid },
    },
  };
}

/** The same in every process of a service: what all of them see is one incident. At most 255 characters. */
function dedupKey(text: string): string {
  return text.length <= 255 ? text : `${text.slice(0, 190)} ${createHash('sha256').update(text).digest('hex')}`;
}
