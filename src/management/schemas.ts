import { errorCodes, faultKinds } from './wire.ts';

/** JSON Schema, as much of it as is used here. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

const text: JsonSchema = { type: 'string' };
const number: JsonSchema = { type: 'number' };
const whole: JsonSchema = { type: 'integer' };
const flag: JsonSchema = { type: 'boolean' };
const moment: JsonSchema = { type: 'string', format: 'date-time' };
const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', enum: values });
const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const numbers: JsonSchema = { type: 'object', additionalProperties: number };

/** Keys that end in `?` may be absent; no others may be there. */
function object(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const keys = Object.keys(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(keys.map((key) => [key.replace(/\?$/, ''), properties[key]])),
    required: keys.filter((key) => !key.endsWith('?')),
    additionalProperties: false,
  };
}

const state = oneOf('closed', 'open', 'half_open', 'forced_open', 'disabled', 'shadow');
const mode = oneOf('enforce', 'shadow', 'off');
const systemState = oneOf('healthy', 'degraded', 'critical', 'emergency');
const breakers = object({ at: moment, breakers: list(ref('BreakerView')) });

/** Every answer, by the name of its type in `wire.ts`. */
export const schemas = {
  TargetView: object({ 'system?': text, 'address?': text, 'port?': whole, 'namespace?': text, 'operation?': text, 'server?': text }),
  BreakerView: object({
    name: text,
    target: ref('TargetView'),
    state,
    'circuit?': oneOf('closed', 'open', 'half_open'),
    mode,
    sinceMs: number,
    'failureRatio?': number,
    'failureRatioLimit?': number,
    'slowRatio?': number,
    'slowRatioLimit?': number,
    window: object({ recorded: whole, failures: whole, slow: whole }),
    minimumCalls: whole,
    consecutiveFailures: whole,
    inFlight: whole,
    probesInFlight: whole,
    rejections: numbers,
    shadowRejections: numbers,
    calls: numbers,
    'fallbacks?': numbers,
    'lastTrip?': object({ trigger: text, agoMs: number, 'value?': number, 'limit?': number, 'errorType?': text }),
    'heldReason?': text,
    lastErrors: list(object({ errorType: text, count: whole })),
    'retryAfterMs?': number,
    openings: whole,
    'rule?': text,
    'injected?': flag,
    'degraded?': text,
  }),
  PoolView: object({ name: text, target: ref('TargetView'), used: whole, idle: whole, limit: whole, waiting: whole, timeouts: whole }),
  AlertView: object({
    id: text,
    name: text,
    severity: oneOf('info', 'warning', 'critical'),
    state: oneOf('firing', 'resolved'),
    summary: text,
    'runbook?': text,
    'rules?': list(text),
    'consequences?': list(text),
    'server?': text,
    'breakers?': list(text),
    'breaker?': text,
    'pools?': list(text),
    'value?': number,
    'limit?': number,
    since: moment,
    'resolvedAt?': moment,
  }),
  SystemView: object({
    state: systemState,
    reasons: list(text),
    dependencies: object({ total: whole, up: whole, 'unknown?': whole }),
    'sinceMs?': number,
  }),
  CheckView: object({
    name: text,
    kind: oneOf('redis', 'postgresql', 'http', 'tcp', 'function'),
    status: oneOf('up', 'down', 'unknown'),
    critical: flag,
    'server?': text,
    'dependsOn?': list(text),
    'because?': text,
    sinceMs: number,
    failures: whole,
    'asked?': text,
    'lastCheckAt?': moment,
    'durationMs?': number,
    'error?': text,
  }),
  DegradedView: object({ mode: oneOf('read-only', 'empty', 'bypass', 'off'), by: oneOf('hand', 'health') }),
  TransitionView: object({
    breaker: text,
    at: moment,
    from: state,
    to: state,
    trigger: text,
    'value?': number,
    'limit?': number,
    'errorType?': text,
    'reason?': text,
    'shadow?': flag,
    'openForMs?': number,
    'injected?': flag,
  }),
  SampleView: object({
    at: moment,
    state,
    recorded: whole,
    failures: whole,
    slow: whole,
    'failureRatio?': number,
    'slowRatio?': number,
    inFlight: whole,
    succeeded: whole,
    failed: whole,
    rejected: whole,
    fallbacks: whole,
  }),
  BreakerCounts: object({ total: whole, closed: whole, open: whole, half_open: whole, forced_open: whole, disabled: whole, shadow: whole }),
  Overview: object({
    service: text,
    pid: whole,
    version: text,
    at: moment,
    mode,
    system: ref('SystemView'),
    checks: list(ref('CheckView')),
    'degraded?': ref('DegradedView'),
    breakers: list(ref('BreakerView')),
    alerts: list(ref('AlertView')),
    pools: list(ref('PoolView')),
    'faults?': list(ref('FaultView')),
    adminEnabled: flag,
    features: list(oneOf('admin', 'reload', 'mode', 'degrade', 'faults', 'metrics', 'history')),
  }),
  HealthView: object({
    status: systemState,
    service: text,
    at: moment,
    uptimeMs: whole,
    live: flag,
    ready: flag,
    system: ref('SystemView'),
    checks: list(ref('CheckView')),
    'degraded?': ref('DegradedView'),
    breakers: ref('BreakerCounts'),
  }),
  LiveView: object({ status: oneOf('up', 'down') }),
  ReadyView: object({ status: oneOf('ready', 'not_ready'), reasons: list(text) }),
  ResilienceView: object({
    at: moment,
    mode,
    system: ref('SystemView'),
    breakers: ref('BreakerCounts'),
    totals: object({ calls: whole, failures: whole, rejections: whole, fallbacks: whole }),
    alerts: list(ref('AlertView')),
  }),
  BreakersView: breakers,
  BreakerDetail: object({ at: moment, breaker: ref('BreakerView'), transitions: list(ref('TransitionView')) }),
  HistoryView: object({ at: moment, 'breaker?': text, transitions: list(ref('TransitionView')), samples: list(ref('SampleView')) }),
  AdminState: object({ state, mode, 'degraded?': text }),
  AdminAnswer: object({
    at: moment,
    action: text,
    actor: text,
    'reason?': text,
    changes: list(object({ breaker: text, before: ref('AdminState'), after: ref('AdminState') })),
    'faults?': list(ref('FaultView')),
  }),
  ReloadAnswer: object({ at: moment, applied: flag, changes: list(text), atNextStart: list(text), 'error?': text }),
  FaultView: object({
    id: whole,
    kind: oneOf(...faultKinds),
    share: number,
    'latencyMs?': number,
    'error?': object({ 'code?': text, 'message?': text }),
    scope: text,
    breakers: list(text),
    since: moment,
    until: moment,
    remainingMs: number,
    by: text,
    'reason?': text,
    calls: whole,
    waiting: whole,
  }),
  FaultsView: object({ at: moment, faults: list(ref('FaultView')), 'refused?': text }),
  ErrorView: object({
    error: object({ code: oneOf(...errorCodes), message: text, 'issues?': list(object({ path: text, allowed: text })) }),
  }),
} as const satisfies Record<string, JsonSchema>;

export type SchemaName = keyof typeof schemas;
