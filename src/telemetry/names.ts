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
  /** Calls that fallbacks have served meanwhile. */
  outageFallbacks: 'breaker.outage.fallbacks',
  outageProbes: 'breaker.outage.probes',
  outageHalfOpens: 'breaker.outage.half_opens',
  /** Where a configuration came from. */
  configSource: 'breaker.config.source',
  /** Whether it is in force. */
  configApplied: 'breaker.config.applied',
  configChanges: 'breaker.config.changes',
  /** Settings that changed but are read at the start only. */
  configAtNextStart: 'breaker.config.at_next_start',
  /** What somebody did by the management server, and whose token it was. */
  adminAction: 'breaker.admin.action',
  adminActor: 'breaker.admin.actor',
  /** What was asked for, as `how: probe`. */
  adminDetails: 'breaker.admin.details',
  /** As `redis://h:6379 read: closed (enforce) -> forced_open (enforce)`. */
  adminChanges: 'breaker.admin.changes',
  /** How the calls of all breakers are served for the time being, and who says so. */
  degradedMode: 'breaker.degraded.mode',
  degradedBy: 'breaker.degraded.by',
  /** Of the system, by what it depends on. */
  healthState: 'breaker.health.state',
  healthStateFrom: 'breaker.health.state.from',
  /** Why the system is not healthy, one sentence each. */
  healthReasons: 'breaker.health.reasons',
  healthDependencies: 'breaker.health.dependencies',
  healthDependenciesUp: 'breaker.health.dependencies.up',
  /** An active check, and what its last results come to. */
  checkName: 'breaker.health.check.name',
  checkStatus: 'breaker.health.check.status',
  checkCritical: 'breaker.health.check.critical',
  /** An alert that the process itself has found: the same id for as long as it lasts, and when it comes again. */
  alertId: 'breaker.alert.id',
  /** Of the rule that matters most of those that hold, and all of them. */
  alertName: 'breaker.alert.name',
  alertRules: 'breaker.alert.rules',
  /** Rules that hold for the same server because of it. */
  alertConsequences: 'breaker.alert.consequences',
  alertSeverity: 'breaker.alert.severity',
  alertState: 'breaker.alert.state',
  /** What the rule measured, and its limit, in its own unit. */
  alertValue: 'breaker.alert.value',
  alertLimit: 'breaker.alert.limit',
  /** How long it fired, in seconds. */
  alertDuration: 'breaker.alert.duration',
  alertBreakers: 'breaker.alert.breakers',
  alertServer: 'breaker.alert.server',
  /** One of a program's connection pools: server, database, and a number from the second on. */
  poolName: 'breaker.pool.name',
  poolConnectionState: 'breaker.pool.connection.state',
  poolUsed: 'breaker.pool.used',
  poolLimit: 'breaker.pool.limit',
  poolWaiting: 'breaker.pool.waiting',
  poolTimeouts: 'breaker.pool.timeouts',
  /** How long a pool had no connection to spare, in seconds. */
  poolDuration: 'breaker.pool.duration',
  /** What served a call instead of its dependency. */
  fallbackType: 'breaker.fallback.type',
  cacheResult: 'breaker.cache.result',
  /** Of a stale answer, in seconds. */
  cacheAge: 'breaker.cache.age',
  /** On spans and their events only: how many attempts there were, and the wait before the next one, in seconds. */
  retryAttempts: 'breaker.retry.attempts',
  retryWait: 'breaker.retry.wait',
  /** Set on a call that ran out of its total time, in seconds. */
  totalTimeout: 'breaker.total_timeout',
  /** Faults were being injected on purpose. */
  injected: 'breaker.injected',
  faultKind: 'breaker.fault.kind',
  /** Share of calls that meet it. */
  faultShare: 'breaker.fault.share',
  /** By how much calls take longer, in seconds. */
  faultLatency: 'breaker.fault.latency',
  /** When the injection ends by itself, in seconds from its beginning. */
  faultDuration: 'breaker.fault.duration',
  /** Whose calls meet it, as it was asked for. */
  faultScope: 'breaker.fault.scope',
  /** The names of those breakers. */
  faultBreakers: 'breaker.fault.breakers',
  /** How many calls have met it. */
  faultCalls: 'breaker.fault.calls',
  /** Who or what injects it: a token's name, `configuration`, `code`. */
  faultBy: 'breaker.fault.by',
  errorType: 'error.type',
  /** Of the failure that a fallback hides; its message is not told. */
  exceptionType: 'exception.type',
  dbSystem: 'db.system.name',
  dbNamespace: 'db.namespace',
  serverAddress: 'server.address',
  serverPort: 'server.port',
} as const;

/** Attributes whose names are fixed and that nothing emits yet. */
export const plannedAttributes = {
  fleetOperation: 'breaker.fleet.operation',
} as const;

/** What attributes may say; {@link plannedValues} included. */
export const values = {
  state: ['closed', 'open', 'half_open', 'forced_open', 'disabled', 'shadow'],
  outcome: ['success', 'failure', 'ignored', 'cancelled', 'stale'],
  /** On spans only, beside the outcomes: the call was refused, or served by a fallback. */
  spanOutcome: ['rejected', 'fallback'],
  rejectionReason: ['open', 'half_open_limit', 'forced_open', 'ramp_up', 'bulkhead_full', 'rate_limited', 'throttled', 'read_only', 'queue_full'],
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
  poolConnectionState: ['used', 'idle'],
  faultKind: ['error', 'latency', 'hang'],
  outageEnd: ['closed', 'disabled', 'shadow', 'enforced', 'removed', 'shutdown'],
  fallbackType: ['value', 'function', 'tier', 'stale', 'queue', 'empty'],
  cacheResult: ['hit', 'miss', 'stale'],
  /** `off`: as ever, whatever their options say; `configured`: as the options of each breaker say. */
  degradedMode: ['read-only', 'empty', 'bypass', 'off', 'configured'],
  degradedBy: ['hand', 'health'],
  alertSeverity: ['info', 'warning', 'critical'],
  alertState: ['firing', 'resolved'],
  healthState: ['healthy', 'degraded', 'critical', 'emergency'],
  checkStatus: ['up', 'down', 'unknown'],
} as const;

/** Of those, what nothing says yet: calls refused in proportion to failures, and what a whole fleet decides. */
export const plannedValues = {
  rejectionReason: ['throttled'],
  trigger: ['fleet'],
} as const satisfies { readonly [K in keyof typeof values]?: readonly (typeof values)[K][number][] };

/** The `error.type` of a rejection's span; where something other than the circuit refused, its reason. */
export const rejectedErrorType = 'circuit_breaker_open';
export const limitReasons: ReadonlySet<string> = new Set(['bulkhead_full', 'rate_limited', 'throttled', 'read_only', 'queue_full']);

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

/** On the series of pools, which have no breaker's name and no class of operation. */
const poolAttributes = [a.poolName, a.dbNamespace] as const;

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

/** All but the histograms are observable: plain numbers of the engine, read when metrics are collected. */
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
  faultsInjected: counter('breaker.faults.injected', '{call}', 'Calls that have met a fault injected on purpose', [a.faultKind]),
  retryAttempts: histogram('breaker.retry.attempts', '{attempt}', 'Attempts per call that may be retried', [a.outcome]),
  fallbackCalls: counter('breaker.fallback.calls', '{call}', 'Calls that a fallback was asked to serve', [a.fallbackType, a.outcome]),
  cacheLookups: counter('breaker.cache.lookups', '{lookup}', 'Lookups in the cache of last good answers', [a.cacheResult]),
  queueDepth: gauge('breaker.queue.depth', '{entry}', 'Entries in the durable queue'),
  queueAge: gauge('breaker.queue.age', 's', 'Age of the oldest entry in the durable queue'),
  bulkheadActive: gauge('breaker.bulkhead.active', '{call}', 'Calls inside the bulkhead'),
  bulkheadQueued: gauge('breaker.bulkhead.queued', '{call}', 'Calls waiting for the bulkhead'),
  bulkheadLimit: gauge('breaker.bulkhead.limit', '{call}', 'Calls that the bulkhead admits'),
  poolConnections: upDownCounter('breaker.pool.connections', '{connection}', 'Connections that a client’s pool has', [
    ...poolAttributes,
    a.poolConnectionState,
  ]),
  poolLimit: upDownCounter('breaker.pool.limit', '{connection}', 'Connections that the pool may have', poolAttributes),
  poolWaiting: upDownCounter('breaker.pool.waiting', '{call}', 'Calls that wait for a connection of the pool', poolAttributes),
  poolTimeouts: counter('breaker.pool.timeouts', '{timeout}', 'Calls that gave up waiting for a connection of the pool', poolAttributes),
  healthStatus: upDownCounter('breaker.health.status', '1', '1 for the state of the system, by what it depends on; 0 for the others', [
    a.healthState,
  ]),
  checkStatus: upDownCounter('breaker.health.check.status', '1', '1 for what the last results of an active check come to, 0 for the others', [
    a.checkName,
    a.checkStatus,
  ]),
  checkDuration: gauge('breaker.health.check.duration', 's', 'Duration of the last active check', [a.checkName]),
} as const satisfies Record<string, MetricDefinition>;

/** Metrics whose names are fixed and that nothing emits yet. */
export const plannedMetrics = {
  fleetStoreDuration: histogram('breaker.fleet.store.operation.duration', 's', 'Duration of operations on the fleet store', [
    p.fleetOperation,
    a.errorType,
  ]),
} as const satisfies Record<string, MetricDefinition>;

/** Names of spans; `<name>` is the breaker's. */
export const spanNames = {
  /** A rejection or a probe; a call that was retried, ran out of time or was served by a fallback. */
  call: 'breaker <name>',
  opening: 'breaker open <name>',
  outage: 'breaker outage <name>',
  halfOpen: 'breaker half_open <name>',
} as const;

/** Of span events that are no log records. */
export const spanEventNames = {
  /** An attempt that failed and was repeated. */
  attempt: 'breaker.attempt',
  /** The call has met a fault that is injected on purpose. */
  fault: 'breaker.fault',
  /** The failure that a fallback hides (OpenTelemetry's own name). */
  exception: 'exception',
} as const;

/** Event names of log records; the first is a span event too. */
export const eventNames = {
  stateChange: 'breaker.state_change',
  /** A configuration was read again, and is in force or was refused. */
  config: 'breaker.config',
  /** Faults are injected on purpose from now on, and no more. */
  faultsBegun: 'breaker.faults_begun',
  faultsEnded: 'breaker.faults_ended',
  /** Somebody controlled breakers by the management server: the audit log. */
  admin: 'breaker.admin',
  /** The calls of all breakers are served otherwise for the time being: by hand, or by the health of the system. */
  degrade: 'breaker.degrade',
  /** The state of the system has changed, by what it depends on. */
  healthChange: 'breaker.health_change',
  /** A dependency is down or up again, as an active check of it says. */
  healthCheck: 'breaker.health_check',
  /** The process has found that something is wrong, worse or over, by its own rules. */
  alert: 'breaker.alert',
  /** Calls wait because all connections of a pool are in use; on the span of a caller who gave up waiting, too. */
  poolExhausted: 'breaker.pool_exhausted',
  poolRelieved: 'breaker.pool_relieved',
} as const;

/** A span's name for a breaker. */
export function spanName(kind: keyof typeof spanNames, breaker: string): string {
  return spanNames[kind].replace('<name>', () => breaker);
}
