import { withoutCredentials } from './credentials.ts';

/** The public states of a breaker. */
export type StateName = 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled' | 'shadow';

/** Why a call was refused. The later ones belong to policies around the breaker. */
export type RejectionReason =
  | 'open'
  | 'half_open_limit'
  | 'forced_open'
  | 'ramp_up'
  | 'bulkhead_full'
  | 'rate_limited'
  | 'throttled'
  | 'read_only'
  | 'queue_full';

/** Survives two copies of this package in one process, which `instanceof` does not. */
const brand = Symbol.for('otel-breaker.error');

/** Whether an error was made by any copy of otel-breaker. */
export function isBreakerError(error: unknown): error is Error & { readonly code: string } {
  return typeof error === 'object' && error !== null && (error as { [brand]?: unknown })[brand] === true;
}

/**
 * Errors are made without a stack trace: collecting one costs more than the refusal itself, and the frames would show
 * this library rather than the fault. Set to `true` to collect them, for instance while debugging.
 */
export const errorSettings = { stackTraces: false };

/** @internal Makes an error without collecting a stack trace, unless {@link errorSettings} says otherwise. */
export function withoutStack<A, E>(make: (about: A) => E, about: A): E {
  if (errorSettings.stackTraces) return make(about);
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
  } catch {
    // A frozen Error (hardened realms) throws on assignment; then the trace is simply collected.
    return make(about);
  }
  try {
    return make(about);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The base of every error of this package: `code` is stable, `name` is the class. */
export abstract class BreakerError extends Error {
  abstract readonly code: string;
}
Object.defineProperty(BreakerError.prototype, brand, { value: true });

export interface Rejection {
  readonly breaker: string;
  readonly state: StateName;
  readonly reason: RejectionReason;
  /** Milliseconds until a call may be admitted again; `undefined` when only a person can tell. */
  readonly retryAfterMs: number | undefined;
  /** The failure that last tripped the breaker. */
  readonly cause: unknown;
}

/** A call that was refused before it was made: nothing has reached the dependency. */
export abstract class ExecutionRejectedError extends BreakerError {
  // Declared only: a field is set to undefined before the constructor's own assignment, at the cost of a second one.
  /** The refusing breaker's name. */
  declare readonly breaker: string;
  /** Its state when it refused. */
  declare readonly state: StateName;
  declare readonly reason: RejectionReason;
  /** Milliseconds until a call may be admitted again; `undefined` when only a person can tell. */
  declare readonly retryAfterMs: number | undefined;

  constructor(message: string, rejection: Rejection) {
    super(message, rejection.cause === undefined ? undefined : { cause: rejection.cause });
    this.breaker = rejection.breaker;
    this.state = rejection.state;
    this.reason = rejection.reason;
    this.retryAfterMs = rejection.retryAfterMs;
  }
}

/** Refused because the circuit is open, or half-open with all its probes out, or ramping up. */
export class BreakerOpenError extends ExecutionRejectedError {
  declare readonly code: 'EBREAKEROPEN';

  static of(rejection: Rejection): BreakerOpenError {
    return withoutStack(openError, rejection);
  }
}

/** What a refusal says of its circuit: the reason, where that says more than the state. */
export function stateAndReason(state: StateName, reason: RejectionReason): string {
  return state === reason ? state : `${state} (${reason})`;
}

function openError(rejection: Rejection): BreakerOpenError {
  const { breaker, state, reason, retryAfterMs } = rejection;
  const wait = retryAfterMs === undefined ? '' : `, retry in ${Math.ceil(retryAfterMs)} ms`;
  return new BreakerOpenError(`${breaker}: circuit is ${stateAndReason(state, reason)}${wait}`, rejection);
}

/** A call that did not settle within its time. The dependency may still carry it out. */
export class CallTimeoutError extends BreakerError {
  declare readonly code: 'ECALLTIMEOUT';

  constructor(
    readonly breaker: string,
    /** The time that was allowed, or waited in vain, in milliseconds. */
    readonly timeoutMs: number,
    cause?: unknown,
  ) {
    super(`${breaker}: no answer within ${timeoutMs} ms`, cause === undefined ? undefined : { cause });
  }
}

/** A write that was to be queued, and the queue holds as many entries or bytes as it may. Nothing was kept of it. */
export class QueueFullError extends ExecutionRejectedError {
  declare readonly code: 'EQUEUEFULL';

  constructor(
    message: string,
    rejection: Rejection,
    /** What is full: `50000 entries` or `67108864 bytes`. */
    readonly limit: string,
  ) {
    super(message, rejection);
  }

  /**
   * @param by whose calls are refused: the breaker's name, or the queue's where it stands alone
   * @param limit what is full: `50000 entries` or `67108864 bytes`
   * @param cause why the write was to be queued
   * @param state of the breaker
   */
  static of(by: string, limit: string, cause?: unknown, state: StateName = 'open'): QueueFullError {
    return withoutStack(
      () =>
        new QueueFullError(
          `${by}: the queue is full (${limit})`,
          { breaker: by, state, reason: 'queue_full', retryAfterMs: undefined, cause },
          limit,
        ),
      undefined,
    );
  }
}

/** A write that came too late to be queued: a later one of the same key has gone to the server already. Whether it was carried out is not known. */
export class QueueOvertakenError extends BreakerError {
  declare readonly code: 'EQUEUEOVERTAKEN';

  constructor(
    readonly queue: string,
    readonly key: string,
    cause?: unknown,
  ) {
    super(`${queue}: a later write of the same key has been sent already`, cause === undefined ? undefined : { cause });
  }
}

/** Storage that cannot be used: its package is missing, the disk is full, the folder is gone or locked. Its `cause` says which. */
export class StorageError extends BreakerError {
  declare readonly code: 'ESTORAGE';

  constructor(
    message: string,
    /** The folder. */
    readonly path: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** A move that the transition table does not have. A fault of the caller's, or ours: never of the dependency's. */
export class IllegalTransitionError extends BreakerError {
  declare readonly code: 'EILLEGALTRANSITION';

  constructor(
    readonly breaker: string,
    readonly from: StateName,
    readonly to: StateName,
  ) {
    super(`${breaker}: no transition from ${from} to ${to}`);
  }
}

/** One fault in options or configuration. */
export interface ConfigIssue {
  /** Where: a dotted path such as `halfOpen.permits` or `breakers[2].match.system`. */
  readonly path: string;
  /** What stands there. */
  readonly value: unknown;
  /** What may stand there. */
  readonly allowed: string;
  /** In a file: its line and column, from 1. */
  readonly line?: number;
  readonly column?: number;
}

function where(issue: ConfigIssue): string {
  if (issue.line === undefined) return issue.path || '(top level)';
  const position = `line ${issue.line}, column ${issue.column ?? 1}`;
  return issue.path ? `${issue.path} (${position})` : position;
}

function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'number') return String(value);
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  } catch {
    return String(value);
  }
}

/** Deeper than anything that is configured; what lies below might go round in circles. */
const deepest = 8;

/** The same with no credentials in it. */
function tellable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutCredentials(value);
  const plain = typeof value === 'object' && value !== null && (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);
  if (!plain) return value;
  if (depth === deepest) return '[...]';
  if (Array.isArray(value)) return value.map((item) => tellable(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, tellable(item, depth + 1)]));
}

/** Options or configuration that cannot be used: says where, what, and what is allowed, for every fault found. */
export class ConfigError extends BreakerError {
  declare readonly code: 'ECONFIG';
  /** Of the first issue. */
  readonly path: string;
  readonly value: unknown;
  readonly allowed: string;

  readonly issues: readonly ConfigIssue[];

  /** @param found what stands in URLs as user, password and query is not told */
  constructor(
    found: readonly ConfigIssue[],
    /** What was being read: a file's name, `environment`, or `options`. */
    readonly source: string = 'options',
  ) {
    const issues = found.map((issue) => ({ ...issue, value: tellable(issue.value) }));
    super(`${source}: ${issues.map((i) => `${where(i)} is ${show(i.value)}; allowed: ${i.allowed}`).join('; ')}`);
    this.issues = issues;
    const first = issues[0];
    this.path = first?.path ?? '';
    this.value = first?.value;
    this.allowed = first?.allowed ?? '';
  }
}

// On the prototypes: an own property on each error would cost as much as the rest of it.
for (const [type, name, code] of [
  [BreakerOpenError, 'BreakerOpenError', 'EBREAKEROPEN'],
  [CallTimeoutError, 'CallTimeoutError', 'ECALLTIMEOUT'],
  [QueueFullError, 'QueueFullError', 'EQUEUEFULL'],
  [QueueOvertakenError, 'QueueOvertakenError', 'EQUEUEOVERTAKEN'],
  [StorageError, 'StorageError', 'ESTORAGE'],
  [IllegalTransitionError, 'IllegalTransitionError', 'EILLEGALTRANSITION'],
  [ConfigError, 'ConfigError', 'ECONFIG'],
] as const) {
  // Said, not read: bundlers rename classes.
  Object.defineProperty(type, 'name', { value: name, configurable: true });
  Object.defineProperty(type.prototype, 'code', { value: code });
  Object.defineProperty(type.prototype, 'name', { value: name, writable: true, configurable: true });
}

/**
 * The `error.type` of an error, of bounded variety: a string `code` (ECONNREFUSED, a SQLSTATE), else the class name.
 * Never the message. Source: OpenTelemetry semantic conventions, "error.type".
 */
export function errorType(error: unknown): string {
  if (error === null || typeof error !== 'object') return typeof error;
  try {
    return typeOf(error);
  } catch {
    // A proxy or a getter that throws: its call goes on all the same.
    return 'Error';
  }
}

function typeOf(error: object): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && code !== '') return code;
  const { name, cause } = error as { name?: unknown; cause?: unknown };
  // undici hides what happened to the connection in the cause of a bare TypeError.
  if (name === 'TypeError' && typeof (cause as { code?: unknown } | undefined)?.code === 'string') return (cause as { code: string }).code;
  return typeof name === 'string' && name !== '' ? name : 'Error';
}
