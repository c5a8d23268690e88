/**
 * Every name that telemetry uses. Dashboards, alert rules, the README's tables and the tests are made from this file or
 * held against it. What is called planned has its name fixed but is not emitted yet.
 */

/** The one instrumentation scope of all our metrics, spans and log records. */
export const scopeName = 'otel-breaker';

export const attributes = {
  name: 'breaker.name',
  operation: 'breaker.operation',
  state: 'breaker.state',
  stateFrom: 'breaker.state.from',
  stateTo: 'breaker.state.to',
  trigger: 'breaker.trigger',
  outcome: 'breaker.outcome',
  slow: 'breaker.slow',
  rejectionReason: 'breaker.rejection.reason',
  /** Seconds until a call may be admitted again. */
  retryAfter: 'breaker.retry_after',
  /** How many refusals of the span's calls have no span of their own. */
  rejectionsSuppressed: 'breaker.rejections.suppressed',
  probe: 'breaker.probe',
  shadow: 'breaker.shadow',
  generation: 'breaker.generation',
  /** What reached its limit, and the limit, in the unit of the trigger's rule. */
  tripValue: 'breaker.trip.value',
  tripLimit: 'breaker.trip.limit',
  windowRecorded: 'breaker.window.recorded',
  windowFailures: 'breaker.window.failures',
  windowSlow: 'breaker.window.slow',
  /** The most frequent `error.type`s of the last failures, and how often each. */
  errorTypes: 'breaker.error.types',
  errorCounts: 'breaker.error.counts',
  /** First open time, in seconds. */
  openDuration: 'breaker.open.duration',
  /** Who or what asked for a manual move. */
  reason: 'breaker.reason',
  outageEnd: 'breaker.outage.end',
  outageSegment: 'breaker.outage.segment',
  outageRejections: 'breaker.outage.rejections',
  outageProbes: 'breaker.outage.probes',
  outageHalfOpens: 'breaker.outage.half_opens',
  errorType: 'error.type',
  dbSystem: 'db.system.name',
  serverAddress: 'server.address',
  serverPort: 'server.port',
} as const;

/** Attributes whose names are fixed and that nothing emits yet. */
export const plannedAttributes = {
  fallbackType: 'breaker.fallback.type',
  cacheResult: 'breaker.cache.result',
  healthState: 'breaker.health.state',
  fleetOperation: 'breaker.fleet.operation',
} as const;

/** What attributes may say; planned values included. */
export const values = {
  state: ['closed', 'open', 'half_open', 'forced_open', 'disabled', 'shadow'],
  outcome: ['success', 'failure', 'ignored', 'cancelled', 'stale'],
  /** On spans only, beside the outcomes: the call was refused. */
  spanOutcome: ['rejected'],
  rejectionReason: ['open', 'half_open_limit', 'forced_open', 'ramp_up', 'bulkhead_full', 'rate_limited', 'throttled', 'read_only'],
  trigger: [
    'failure_ratio',
    'failure_count',
    'consecutive_failures',
    'slow_ratio',
    'stall',
    'connection',
    'open_elapsed',
    'probes_succeeded',
    'probes_failed',
    'probe_lease',
    'ramp_up_failed',
    'manual',
    'fleet',
    'config',
  ],
  outageEnd: ['closed', 'disabled', 'shadow', 'enforced', 'removed', 'shutdown'],
  fallbackType: ['value', 'function', 'tier', 'stale', 'queue', 'empty'],
  cacheResult: ['hit', 'miss', 'stale'],
  healthState: ['healthy', 'degraded', 'critical', 'emergency'],
} as const;

/** The `error.type` of a rejection's span. */
export const rejectedErrorType = 'circuit_breaker_open';

export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'updowncounter' | 'gauge' | 'histogram';
  /** UCUM. */
  readonly unit: string;
  readonly description: string;
  /** Beside those of {@link targetAttributes}. */
  readonly attributes: readonly string[];
}

/** On every series, where known. */
export const targetAttributes = [
  attributes.name,
  attributes.dbSystem,
  attributes.serverAddress,
  attributes.serverPort,
  attributes.operation,
] as const;

const a = attributes;
const p = plannedAttributes;

const define =
  (kind: MetricDefinition['kind']) =>
  (name: string, unit: string, description: string, attributes: readonly string[] = []): MetricDefinition => ({
    name,
    kind,
    unit,
    description,
    attributes,
  });

const counter = define('counter');
const upDownCounter = define('updowncounter');
const gauge = define('gauge');
const histogram = define('histogram');

/** All but the histogram are observable: plain numbers of the engine, read when metrics are collected. */
export const metrics = {
  status: upDownCounter('breaker.status', '1', '1 for the state the breaker is in, 0 for the others', [a.state]),
  calls: counter('breaker.calls', '{call}', 'Calls that were admitted, by how they ended', [a.outcome, a.slow]),
  callDuration: histogram('breaker.call.duration', 's', 'Duration of admitted calls', [a.outcome, a.errorType]),
  rejections: counter('breaker.rejections', '{call}', 'Calls that were refused', [a.rejectionReason]),
  shadowRejections: counter('breaker.shadow.rejections', '{call}', 'Calls that a breaker in shadow mode would have refused', [a.rejectionReason]),
  transitions: counter('breaker.transitions', '{transition}', 'State changes', [a.stateFrom, a.stateTo, a.trigger]),
  stateTime: counter('breaker.state.time', 's', 'Time spent in each state', [a.state]),
  windowCalls: upDownCounter('breaker.window.calls', '{call}', 'Results in the window that decides', [a.outcome]),
  failureRatio: gauge('breaker.failure_ratio', '1', 'Failures / recorded results in the window'),
  failureRatioLimit: gauge('breaker.failure_ratio.limit', '1', 'Failure ratio that opens the circuit'),
  slowRatio: gauge('breaker.slow_ratio', '1', 'Slow / recorded results in the window'),
  slowRatioLimit: gauge('breaker.slow_ratio.limit', '1', 'Slow ratio that opens the circuit'),
  inFlight: upDownCounter('breaker.in_flight', '{call}', 'Calls under way'),
} as const satisfies Record<string, MetricDefinition>;

/** Metrics whose names are fixed and that nothing emits yet. */
export const plannedMetrics = {
  retryAttempts: histogram('breaker.retry.attempts', '{attempt}', 'Attempts per call', [a.outcome]),
  fallbackCalls: counter('breaker.fallback.calls', '{call}', 'Calls served by a fallback', [p.fallbackType, a.outcome]),
  cacheLookups: counter('breaker.cache.lookups', '{lookup}', 'Lookups in the stale cache', [p.cacheResult]),
  queueDepth: gauge('breaker.queue.depth', '{entry}', 'Entries in the durable queue'),
  queueAge: gauge('breaker.queue.age', 's', 'Age of the oldest entry in the durable queue'),
  bulkheadActive: gauge('breaker.bulkhead.active', '{call}', 'Calls inside the bulkhead'),
  bulkheadQueued: gauge('breaker.bulkhead.queued', '{call}', 'Calls waiting for the bulkhead'),
  bulkheadLimit: gauge('breaker.bulkhead.limit', '{call}', 'Calls that the bulkhead admits'),
  healthStatus: upDownCounter('breaker.health.status', '1', '1 for the health of the system, 0 for the others', [p.healthState]),
  fleetStoreDuration: histogram('breaker.fleet.store.operation.duration', 's', 'Duration of operations on the fleet store', [
    p.fleetOperation,
    a.errorType,
  ]),
} as const satisfies Record<string, MetricDefinition>;

/** Names of spans; `<name>` is the breaker's. */
export const spanNames = {
  /** A rejection or a probe. */
  call: 'breaker <name>',
  opening: 'breaker open <name>',
  outage: 'breaker outage <name>',
  halfOpen: 'breaker half_open <name>',
} as const;

/** Event names of log records; the first is a span event too. */
export const eventNames = {
  stateChange: 'breaker.state_change',
} as const;

export const plannedEventNames = { alert: 'breaker.alert', admin: 'breaker.admin', config: 'breaker.config' } as const;

/** A span's name for a breaker. */
export function spanName(kind: keyof typeof spanNames, breaker: string): string {
  return spanNames[kind].replace('<name>', () => breaker);
}
