/**
 * What the management server says and is told, as JSON. The page and the command line are built on these types, and
 * `GET /openapi.json` describes the same. Times are ISO 8601 texts where a moment is meant, and milliseconds (`...Ms`) where a
 * length is. What is not known, or has no meaning at present, is absent.
 */

export type StateView = 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled' | 'shadow';
export type ModeView = 'enforce' | 'shadow' | 'off';
export type SystemState = 'healthy' | 'degraded' | 'critical' | 'emergency';
export type Severity = 'info' | 'warning' | 'critical';

export interface TargetView {
  /** `redis`, `postgresql`, `http`, or a third party's own. */
  readonly system?: string;
  readonly address?: string;
  readonly port?: number;
  /** The database. */
  readonly namespace?: string;
  /** `read`, `write`, `delete`, ... */
  readonly operation?: string;
  /** All breakers of one server have the same. */
  readonly server?: string;
}

export interface LastTripView {
  readonly trigger: string;
  readonly agoMs: number;
  /** What the rule measured, and its limit. */
  readonly value?: number;
  readonly limit?: number;
  readonly errorType?: string;
}

export interface ErrorCount {
  readonly errorType: string;
  readonly count: number;
}

export interface BreakerView {
  readonly name: string;
  readonly target: TargetView;
  readonly state: StateView;
  /** In shadow: the state of the machine that runs beside the traffic. */
  readonly circuit?: 'closed' | 'open' | 'half_open';
  readonly mode: ModeView;
  /** How long it has been in this state. */
  readonly sinceMs: number;
  /** Failures / recorded; absent below `minimumCalls`. */
  readonly failureRatio?: number;
  /** Absent: the rule is off. */
  readonly failureRatioLimit?: number;
  readonly slowRatio?: number;
  /** Absent: the rule is off, or nothing counts as slow. */
  readonly slowRatioLimit?: number;
  /** What the rules look at now. */
  readonly window: { readonly recorded: number; readonly failures: number; readonly slow: number };
  readonly minimumCalls: number;
  readonly consecutiveFailures: number;
  readonly inFlight: number;
  readonly probesInFlight: number;
  /** Since the breaker was made, as the four below. Only reasons that have occurred. */
  readonly rejections: Readonly<Record<string, number>>;
  readonly shadowRejections: Readonly<Record<string, number>>;
  /** By outcome: success, failure, ignored, cancelled, stale. */
  readonly calls: Readonly<Record<string, number>>;
  /** Calls that a fallback served, by its type: value, function, tier, stale, queue, empty. Absent: none yet. */
  readonly fallbacks?: Readonly<Record<string, number>>;
  readonly lastTrip?: LastTripView;
  /** Who or why, where a person holds it and has said so: `by alice: restore`. */
  readonly heldReason?: string;
  /** The kinds of error among all failures, the most frequent first, at most 8. */
  readonly lastErrors: readonly ErrorCount[];
  /** Until the next probe. */
  readonly retryAfterMs?: number;
  /** Openings in a row. */
  readonly openings: number;
  /** The configuration rule that applied. */
  readonly rule?: string;
  /** Faults are being injected on purpose. */
  readonly injected?: boolean;
  /** How calls are served for the time being: read-only, empty, bypass. */
  readonly degraded?: string;
}

export interface PoolView {
  readonly name: string;
  readonly target: TargetView;
  readonly used: number;
  readonly idle: number;
  readonly limit: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
  /** Calls that gave up waiting. */
  readonly timeouts: number;
}

/** One trouble: all that is wrong with one server in one respect. */
export interface AlertView {
  /** The same for as long as it lasts, and when it comes again. */
  readonly id: string;
  /** Of the rule that matters most of those that hold. */
  readonly name: string;
  readonly severity: Severity;
  readonly state: 'firing' | 'resolved';
  /** One sentence for a person. */
  readonly summary: string;
  /** What to do. */
  readonly runbook?: string;
  /** All rules that hold, the one that matters most first, and those that hold for the same server because of it. */
  readonly rules?: readonly string[];
  readonly consequences?: readonly string[];
  readonly server?: string;
  /** The circuits concerned; `breaker` where it is one. */
  readonly breakers?: readonly string[];
  readonly breaker?: string;
  /** The connection pools concerned. */
  readonly pools?: readonly string[];
  /** What the rule measured, the worst of all concerned, and its limit, in the rule's own unit. */
  readonly value?: number;
  readonly limit?: number;
  /** When it began to fire. */
  readonly since: string;
  readonly resolvedAt?: string;
}

export interface SystemView {
  readonly state: SystemState;
  /** Why it is not healthy, one sentence each; what is down because something else is says so. */
  readonly reasons: readonly string[];
  /** A server that is checked and known from traffic is one dependency. `unknown`: how many have not been judged yet; they count for neither. */
  readonly dependencies: { readonly total: number; readonly up: number; readonly unknown?: number };
  /** How long it has been so, where somebody watches over it. */
  readonly sinceMs?: number;
}

/** One active check. */
export interface CheckView {
  readonly name: string;
  /** What is asked, and how: `redis`, `postgresql`, `http`, `tcp`; `function`: of the program's own. */
  readonly kind: 'redis' | 'postgresql' | 'http' | 'tcp' | 'function';
  /** `unknown`: not judged yet. One failure does not make it `down`, nor one success `up`, where it is configured so. */
  readonly status: 'up' | 'down' | 'unknown';
  readonly critical: boolean;
  /** The server's key, as its breakers' `target.server`, without credentials; absent while it is not known. */
  readonly server?: string;
  /** Names of checks, or keys of servers, that it needs. */
  readonly dependsOn?: readonly string[];
  /** It is down, and so is this one that it depends on: the cause. */
  readonly because?: string;
  /** How long it has had this status. */
  readonly sinceMs: number;
  /** Failures in a row. */
  readonly failures: number;
  /** What the last check asked, as far as it came: `PING`, `SELECT 1`, `GET 200`, ... */
  readonly asked?: string;
  readonly lastCheckAt?: string;
  /** Of the last check. */
  readonly durationMs?: number;
  /** Of the last check, when it failed. */
  readonly error?: string;
}

/** How calls of all breakers are served for the time being: `off`: as ever, whatever their options say. */
export interface DegradedView {
  readonly mode: 'read-only' | 'empty' | 'bypass' | 'off';
  /** A person or the program; or the health of the system, which a person may overrule. */
  readonly by: 'hand' | 'health';
}

export interface TransitionView {
  readonly breaker: string;
  readonly at: string;
  readonly from: StateView;
  readonly to: StateView;
  readonly trigger: string;
  readonly value?: number;
  readonly limit?: number;
  readonly errorType?: string;
  /** Who or why, of a move by hand. */
  readonly reason?: string;
  /** What a breaker in shadow mode would have done. */
  readonly shadow?: boolean;
  readonly openForMs?: number;
  /** Faults were being injected on purpose. */
  readonly injected?: boolean;
}

/**
 * A breaker at one moment, and what it has counted since the sample before. Every 5 s for the last 16 minutes, one a minute
 * before that, for two hours in all; a minute is shown as it was at its worst (first how the circuit stood, then the share of
 * failures). Contiguous, but for the time in which there was no breaker of the name.
 */
export interface SampleView {
  readonly at: string;
  readonly state: StateView;
  /** What the rules looked at. */
  readonly recorded: number;
  readonly failures: number;
  readonly slow: number;
  /** Absent below `minimumCalls`. */
  readonly failureRatio?: number;
  /** Absent also where nothing counts as slow. */
  readonly slowRatio?: number;
  readonly inFlight: number;
  /** Calls since the sample before: that ended well, that failed, that were refused, that a fallback served. */
  readonly succeeded: number;
  readonly failed: number;
  readonly rejected: number;
  readonly fallbacks: number;
}

/** `GET /api/overview`, and the data of the event `overview`. */
export interface Overview {
  /** The service's name, as OpenTelemetry has it; the program's otherwise. */
  readonly service: string;
  readonly pid: number;
  /** Of otel-breaker. */
  readonly version: string;
  readonly at: string;
  /** The mode that holds where no rule says otherwise. */
  readonly mode: ModeView;
  readonly system: SystemView;
  /** Active checks, in the order of the configuration; none: nothing is checked but by the traffic. */
  readonly checks: readonly CheckView[];
  /** Absent: each breaker is served as its options say. */
  readonly degraded?: DegradedView;
  readonly breakers: readonly BreakerView[];
  /** Firing, and those resolved of late. */
  readonly alerts: readonly AlertView[];
  readonly pools: readonly PoolView[];
  /** Being injected on purpose; absent: none. */
  readonly faults?: readonly FaultView[];
  /** Whether there is a token at all; without one nobody can control anything. */
  readonly adminEnabled: boolean;
  /** What this process can do: the controls that a page may show. `faults` is not among them where they are refused, as in production. */
  readonly features: readonly Feature[];
}

export type Feature = 'admin' | 'reload' | 'mode' | 'degrade' | 'faults' | 'metrics' | 'history';

/** `GET /health` */
export interface HealthView {
  readonly status: SystemState;
  readonly service: string;
  readonly at: string;
  readonly uptimeMs: number;
  readonly live: boolean;
  readonly ready: boolean;
  readonly system: SystemView;
  readonly checks: readonly CheckView[];
  /** Absent: each breaker is served as its options say. */
  readonly degraded?: DegradedView;
  readonly breakers: BreakerCounts;
}

/** How many breakers are in which state. */
export interface BreakerCounts {
  readonly total: number;
  readonly closed: number;
  readonly open: number;
  readonly half_open: number;
  readonly forced_open: number;
  readonly disabled: number;
  readonly shadow: number;
}

/** `GET /health/live`: 200 as long as the process can answer. */
export interface LiveView {
  readonly status: 'up' | 'down';
}

/** `GET /health/ready`: 200, or 503 where `readiness.failOn` says so. */
export interface ReadyView {
  readonly status: 'ready' | 'not_ready';
  readonly reasons: readonly string[];
}

/** `GET /health/resilience` */
export interface ResilienceView {
  readonly at: string;
  readonly mode: ModeView;
  readonly system: SystemView;
  readonly breakers: BreakerCounts;
  /** Of all breakers together, since they were made. */
  readonly totals: { readonly calls: number; readonly failures: number; readonly rejections: number; readonly fallbacks: number };
  readonly alerts: readonly AlertView[];
}

/** `GET /health/circuit-breakers`, and `/metrics/circuit-breakers`. */
export interface BreakersView {
  readonly at: string;
  readonly breakers: readonly BreakerView[];
}

/** `GET /health/circuit-breakers/{name}` */
export interface BreakerDetail {
  readonly at: string;
  readonly breaker: BreakerView;
  readonly transitions: readonly TransitionView[];
}

/** `GET /api/history?breaker=` : without `breaker` the transitions of all, and no samples. Oldest first. */
export interface HistoryView {
  readonly at: string;
  readonly breaker?: string;
  readonly transitions: readonly TransitionView[];
  readonly samples: readonly SampleView[];
}

export const breakerActions = ['force-open', 'force-closed', 'reset', 'shadow', 'release'] as const;
export type BreakerAction = (typeof breakerActions)[number];

/** Body of every admin request, all of it optional. */
export interface ReasonRequest {
  /** For the record, at most 200 characters. */
  readonly reason?: string;
}

/** Body of `POST /admin/resilience/force-recovery`. */
export interface RecoveryRequest extends ReasonRequest {
  /** `probe` (default): every open circuit lets probes out now. `reset`: every circuit closes and forgets what it has seen. */
  readonly how?: 'probe' | 'reset';
}

/** Body of `POST /admin/resilience/mode`. */
export interface ModeRequest extends ReasonRequest {
  /** `configured`: as the configuration says, again. */
  readonly mode: ModeView | 'configured';
  /** Which breakers; all of them without it. `*` and `?` stand for any text and one character. */
  readonly match?: MatchRequest;
}

/** Body of `POST /admin/resilience/degrade`. */
export interface DegradeRequest extends ReasonRequest {
  /** Of all breakers, above what the health of the system says. `off`: as ever; `configured`: as configuration and health say, again. */
  readonly mode: DegradedView['mode'] | 'configured';
}

export interface MatchRequest {
  readonly name?: string;
  readonly system?: string;
  /** `host`, `host:port`, or the server's key. */
  readonly server?: string;
  readonly operation?: string;
}

/** Before or after an admin action. */
export interface AdminState {
  readonly state: StateView;
  readonly mode: ModeView;
  /** How its calls are served, where not as ever: read-only, empty, bypass. */
  readonly degraded?: string;
}

export interface AdminChange {
  readonly breaker: string;
  readonly before: AdminState;
  readonly after: AdminState;
}

/** Answer to every `POST /admin/...` but the reload; also the data of the event `admin`. */
export interface AdminAnswer {
  readonly at: string;
  readonly action: string;
  /** The token's name. */
  readonly actor: string;
  readonly reason?: string;
  /** What has changed; empty when all was so already. */
  readonly changes: readonly AdminChange[];
  /** After `POST /admin/faults`: all that is injected now. */
  readonly faults?: readonly FaultView[];
}

/** Answer to `POST /admin/config/reload`; 422 when the configuration is at fault. Also the data of the event `config`. */
export interface ReloadAnswer {
  readonly at: string;
  readonly applied: boolean;
  /** As `breakers[0].mode: shadow -> enforce`. */
  readonly changes: readonly string[];
  /** Changed, but not before the next start: read at the start only, or below what the environment or the program says. */
  readonly atNextStart: readonly string[];
  /** Why nothing has changed: every fault, with its line. */
  readonly error?: string;
}

export const faultKinds = ['error', 'latency', 'hang'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What an injected error looks like. */
export interface FaultErrorView {
  /** Such as `ECONNRESET`. Default `EINJECTEDFAULT`. */
  readonly code?: string;
  readonly message?: string;
}

/**
 * Body of `POST /admin/faults`: what is to be injected from now on, in the place of what was injected by hand into the same
 * breakers before. `off` ends what is injected into them, by whomever; without `breaker` and `match` all of it.
 */
export interface FaultRequest extends ReasonRequest {
  /** The name of one that exists. */
  readonly breaker?: string;
  /** Instead of `breaker`: all that match, those to come as well. */
  readonly match?: MatchRequest;
  readonly kind: FaultKind | 'off';
  /** Share of calls, in (0, 1]. Default 1. */
  readonly share?: number;
  /** Of `latency`: by how much calls take longer. */
  readonly latencyMs?: number;
  /** When it ends by itself. Default 60,000, at most 3,600,000. */
  readonly durationMs?: number;
  /** Of `error`. */
  readonly error?: FaultErrorView;
}

/** Faults that are being injected on purpose. */
export interface FaultView {
  readonly id: number;
  readonly kind: FaultKind;
  readonly share: number;
  readonly latencyMs?: number;
  readonly error?: FaultErrorView;
  /** Whose calls meet it, as it was asked for: `redis://h:6379 read`, or `system: redis`. */
  readonly scope: string;
  /** Those that there are at present. */
  readonly breakers: readonly string[];
  readonly since: string;
  /** When it ends by itself. */
  readonly until: string;
  readonly remainingMs: number;
  /** Who or what began it: a token's name, `configuration`, `code`. */
  readonly by: string;
  readonly reason?: string;
  /** Calls that have met it. */
  readonly calls: number;
  /** Calls that it keeps waiting now. */
  readonly waiting: number;
}

/** `GET /admin/faults` */
export interface FaultsView {
  readonly at: string;
  readonly faults: readonly FaultView[];
  /** Why nothing can be injected in this process; absent where it can. */
  readonly refused?: string;
}

/** Every answer that is no success. */
export interface ErrorView {
  readonly error: {
    /** For programs: `not_found`, `method_not_allowed`, `unauthorized`, `forbidden_host`, ... */
    readonly code: ErrorCode;
    /** For people: what is wrong, and what to do. */
    readonly message: string;
    /** Faults of a body, one by one. */
    readonly issues?: readonly IssueView[];
  };
}

export interface IssueView {
  readonly path: string;
  readonly allowed: string;
}

export const errorCodes = [
  'bad_request',
  'invalid_body',
  'body_too_large',
  'unsupported_media_type',
  'unauthorized',
  'admin_disabled',
  'forbidden_host',
  'forbidden_origin',
  'not_found',
  'unknown_breaker',
  'method_not_allowed',
  'conflict',
  'too_many_requests',
  'not_available',
  'configuration_fault',
  'internal',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** `GET /api/events`: server-sent events, by the event's name. `overview` comes at once, then every second. */
export interface EventMap {
  overview: Overview;
  transition: TransitionView;
  alert: AlertView;
  config: ReloadAnswer;
  admin: AdminAnswer;
}
