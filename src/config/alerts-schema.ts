import type { ObjectSchema, Schema } from '../core/schema.ts';
import type { Match } from './schema.ts';

/** The rules that there are without a configuration; Prometheus' rules have the same names. */
export const alertRuleNames = [
  'BreakerOpen',
  'BreakerFailureRateCritical',
  'BreakerPoolTimeouts',
  'BreakerFailureRateHigh',
  'BreakerFlapping',
  'BreakerProbesFailing',
  'BreakerRejecting',
  'BreakerFallbackOveruse',
  'BreakerSlowCalls',
  'BreakerSlowerThanUsual',
  'BreakerPoolExhausted',
  'BreakerLimitReached',
  'BreakerQueueOld',
  'BreakerLeftByHand',
  'BreakerShadowWouldReject',
] as const;
export type AlertRuleName = (typeof alertRuleNames)[number];

/** What a rule can look at. Times are in ms, ratios from 0 to 1, all others are counts within `windowMs`, or as they are now. */
export const alertMetrics = [
  'open',
  'openings',
  'failedProbes',
  'failureRatio',
  'rejectionRatio',
  'fallbackRatio',
  'p95Ms',
  'p99Ms',
  'slowdown',
  'limited',
  'poolWaiting',
  'poolTimeouts',
  'queueAgeMs',
  'queueDepth',
  'byHand',
  'wouldReject',
] as const;
export type AlertMetric = (typeof alertMetrics)[number];

export const alertSeverities = ['info', 'warning', 'critical'] as const;
export type AlertSeverity = (typeof alertSeverities)[number];

/** What can be said of a rule. */
export interface AlertRuleOptions {
  readonly enabled?: boolean;
  readonly severity?: AlertSeverity;
  /** It holds above this. */
  readonly limit?: number;
  /** It is over at or below this. Default `limit`. */
  readonly clear?: number;
  /** Calls within `windowMs` without which no ratio and no duration is judged. */
  readonly minimumCalls?: number;
  /** What is counted: the last so many ms. */
  readonly windowMs?: number;
  /** The same for whether it is over. Default `windowMs`. */
  readonly clearWindowMs?: number;
  /** How long it must have held before it fires, and have been over before it is resolved. */
  readonly forMs?: number;
  readonly clearForMs?: number;
  /** What is told instead of our own text, and where to read on. */
  readonly summary?: string;
  readonly runbook?: string;
}

/** A rule of one's own, or what one of ours shall be otherwise, for all or for what `match` fits. */
export interface AlertRuleInput extends AlertRuleOptions {
  readonly name: string;
  /** What it looks at; of a rule of one's own. */
  readonly metric?: AlertMetric;
  readonly match?: Match;
}

export type WebhookType = 'generic' | 'slack' | 'pagerduty';

export interface WebhookInput {
  readonly type?: WebhookType;
  /** Where it goes; or in `urlEnv` the environment variable that says it. PagerDuty has one of its own. */
  readonly url?: string;
  readonly urlEnv?: string;
  /** The environment variable that has PagerDuty's key of the integration. */
  readonly routingKeyEnv?: string;
  /** The environment variable that has a bearer token; `generic` only. */
  readonly tokenEnv?: string;
  /** Default `warning`. */
  readonly minSeverity?: AlertSeverity;
  /** Of one attempt. Default 10,000. */
  readonly timeoutMs?: number;
}

export interface AlertsInput {
  readonly enabled?: boolean;
  readonly rules?: readonly AlertRuleInput[];
  readonly webhooks?: readonly WebhookInput[];
}

/** How long times may be: what the history has, and what is meant for one request. Held by the check; a schema for editors cannot. */
export const alertRanges: Readonly<Record<string, readonly [fromMs: number, toMs: number]>> = {
  windowMs: [5_000, 900_000],
  clearWindowMs: [5_000, 900_000],
  timeoutMs: [100, 60_000],
};

const time = { kind: 'number', duration: true, min: 0, max: 2_147_483_647 } as const;
const amount = { kind: 'number', duration: true, min: 0 } as const;

const ruleProperties = {
  name: { kind: 'string', description: `one of ${alertRuleNames.join(', ')}, or of your own` },
  enabled: { kind: 'boolean', default: true, description: 'false: it is not looked at' },
  metric: { kind: 'enum', values: alertMetrics, description: 'what a rule of your own looks at' },
  severity: { kind: 'enum', values: alertSeverities, description: 'of a rule of your own: warning, unless it is given' },
  limit: { ...amount, description: 'it holds above this: a share (0.8), a number, or a time (5s)' },
  clear: { ...amount, description: 'it is over at or below this (default: limit)' },
  minimumCalls: {
    kind: 'number',
    integer: true,
    min: 1,
    max: 1_000_000,
    description: 'calls within windowMs below which no share and no duration is judged',
  },
  windowMs: { ...time, description: 'what is counted: the last so much time, 5s to 15m' },
  clearWindowMs: { ...time, description: 'the same for whether it is over (default: windowMs)' },
  forMs: { ...time, description: 'how long it must hold before it fires' },
  clearForMs: { ...time, description: 'how long it must be over before it is resolved' },
  summary: { kind: 'string', description: 'what is told instead of the usual text' },
  runbook: { kind: 'string', description: 'what to do, or where to read it, instead of the usual text' },
} as const satisfies Record<string, Schema>;

const webhook: ObjectSchema & Schema = {
  kind: 'object',
  secret: true,
  properties: {
    type: { kind: 'enum', values: ['generic', 'slack', 'pagerduty'], default: 'generic', description: 'what the other side understands' },
    url: { kind: 'string', description: 'where to; PagerDuty has one of its own' },
    urlEnv: { kind: 'string', description: 'the environment variable that says where to' },
    routingKeyEnv: { kind: 'string', description: "the environment variable that has PagerDuty's integration key" },
    tokenEnv: { kind: 'string', description: 'the environment variable that has a bearer token; type generic only' },
    minSeverity: { kind: 'enum', values: alertSeverities, default: 'warning', description: 'what is below it is not sent' },
    timeoutMs: { ...time, default: 10_000, description: 'of one attempt, 100ms to 1m' },
  },
  notes: {
    routingKey: 'not in a file: routingKeyEnv names the environment variable that has it',
    token: 'not in a file: tokenEnv names the environment variable that has it',
  },
};

/** @param match which breakers a rule is for */
export function alertsSchema(match: Schema): ObjectSchema & Schema {
  return {
    kind: 'object',
    offable: true,
    description: 'rules that the process itself looks at every 5 s, as log events and on the live page; off: none',
    properties: {
      enabled: { kind: 'boolean', default: true, description: 'false: the same as off' },
      rules: {
        kind: 'array',
        description: 'changes of the rules that there are, and rules of your own; of one name all that match are laid over each other',
        items: { kind: 'object', properties: { ...ruleProperties, match }, required: ['name'] },
      },
      webhooks: { kind: 'array', description: 'where alerts are sent as well', items: webhook },
    },
  };
}
