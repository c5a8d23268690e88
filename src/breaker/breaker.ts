import { type Clock, systemClock } from '../core/clock.ts';
import { Emitter } from '../core/emitter.ts';
import { BreakerOpenError, errorType, type RejectionReason, type StateName } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import type { Mode, ResolvedOptions } from '../core/options.ts';
import type { CountedOutcome, Outcome } from '../core/outcome.ts';
import type { Target } from '../core/target.ts';
import type { CallTracer } from '../core/tracer.ts';
import { Circuit } from './circuit.ts';
import type { BreakerEvents, TransitionEvent } from './events.ts';
import { callbackCall, type RunContext, type RunOptions, runStream, runSync, type StreamLike, wrapped } from './execute.ts';
import { InFlight } from './in-flight.ts';
import { enterIsolated, isolated } from './isolated.ts';
import { Meters } from './meters.ts';
import type { Move } from './move.ts';
import { Permit, type PermitOwner } from './permit.ts';
import { RecentFailures } from './recent-failures.ts';
import { Runner } from './run.ts';
import { type LastTrip, type Snapshot, takeSnapshot } from './snapshot.ts';
import { homeState, publicName, type State } from './state.ts';
import { Watch } from './watch.ts';
import type { WindowCounts } from './window/window.ts';

/** What surrounds a breaker; all of it may be left out. */
export interface BreakerEnvironment {
  readonly clock?: Clock | undefined;
  readonly target?: Target | undefined;
  /** The configuration rule that applied, for `snapshot()`. */
  readonly rule?: string | undefined;
  readonly tracer?: CallTracer | undefined;
  /** Stands for many servers, as the overflow breaker does: a fault of one's connection says nothing of the others. */
  readonly shared?: boolean;
  /**
   * Asks the server whether it is there, apart from the traffic: `true` when it has answered anything, `false` when it
   * kept silent. Called when calls wait and nothing succeeds; with it, a single waiting call is enough to ask.
   */
  readonly verify?: (() => Promise<boolean>) | undefined;
}

export interface AcquireOptions {
  /** For calls that wait by their nature (BLPOP, LISTEN): exempt from everything that time decides. */
  readonly untimed?: boolean;
}

/** What an answer of the server proves. */
export interface RecoveryEvidence {
  /** Calls succeed on that server: a circuit that only evidence of the connection had opened closes. */
  readonly proven?: boolean;
}

/** What a fault of the connection proves. */
export interface ConnectionEvidence {
  /** The server refuses connections outright: the circuit opens at once. */
  readonly refused?: boolean;
  /** Of the call that met the fault (`permit.trace`): what the evidence causes belongs to its trace. */
  readonly trace?: unknown;
}

type Untimed = Omit<RunOptions, 'signal'>;

/** How many traces an event lists: what an SDK keeps as links of one span. */
const MAX_TRACES = 32;

/** A circuit breaker: admits or refuses calls, counts them and tells of it. Made by `createBreaker` or by a registry. */
export class Breaker implements PermitOwner {
  readonly name: string;
  readonly target: Target;
  readonly clock: Clock;
  readonly meters: Meters;
  /** Dropped from its registry: whoever keeps it looks the name up again. */
  retired = false;
  /** When it was last asked for a permit, in ms of its clock. */
  lastUsed: number;

  #options: ResolvedOptions;
  #rule: string | undefined;
  #tracer: CallTracer | undefined;
  readonly #shared: boolean;
  readonly #events = new Emitter<BreakerEvents>();
  readonly #calls = new InFlight();
  readonly #circuit: Circuit;
  readonly #watch: Watch;
  readonly #recent = new RecentFailures();
  readonly #runner = new Runner(this);
  #lastTrip: (Omit<LastTrip, 'agoMs'> & { readonly at: number }) | undefined;
  #refusal: RejectionReason = 'open';
  #refusedAt = 0;

  constructor(options: ResolvedOptions, environment: BreakerEnvironment = {}) {
    this.name = options.name;
    this.clock = environment.clock ?? systemClock;
    this.target = environment.target ?? {};
    this.#options = options;
    this.#rule = environment.rule;
    this.#tracer = environment.tracer;
    this.#shared = environment.shared ?? false;
    this.#circuit = new Circuit(
      options,
      this.clock,
      this.#calls,
      (move) => this.#moved(move),
      () => this.#watch.patienceMs,
    );
    this.#watch = new Watch(options, this.clock, this.#calls, this.#circuit, environment.verify);
    this.lastUsed = this.clock.now();
    this.meters = new Meters(publicName(this.#circuit.state), this.lastUsed);
  }

  get state(): StateName {
    return publicName(this.#circuit.present(this.clock.now()));
  }
  /** Counts the states it has been in. */
  get generation(): number {
    return this.#circuit.state.generation;
  }
  /** Calls under way. */
  get inFlight(): number {
    return this.#calls.count;
  }
  get options(): ResolvedOptions {
    return this.#options;
  }
  get mode(): Mode {
    return this.#options.mode;
  }

  /**
   * Runs a function through the breaker.
   * @throws BreakerOpenError when refused; whatever the function throws, untouched; the signal's reason when it is aborted already
   */
  run<T>(fn: (context: RunContext) => T | PromiseLike<T>, options?: RunOptions): Promise<T> {
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    return this.#runner.run(this.#acquire(false, this.#runner), fn, options);
  }
  /** The same for a function that answers at once. */
  runSync<T>(fn: () => T, options?: Untimed): T {
    return runSync(this, fn, options);
  }
  /** The same for a function that takes Node's callback; a refusal reaches the callback on the next tick. */
  runCallback<Results extends unknown[]>(
    start: (callback: (error: unknown, ...results: Results) => void) => void,
    callback: (error: unknown, ...results: Results) => void,
    options?: Untimed,
  ): void {
    callbackCall(this, start, callback, options);
  }
  /** The same for a function that opens a stream; the call ends when the stream does. */
  runStream<S extends StreamLike>(open: () => S, options?: Untimed): S {
    return runStream(this, open, options);
  }
  /** A function of the same signature that runs through the breaker; `this` is passed on. */
  wrap<This, Args extends unknown[], R>(
    fn: (this: This, ...args: Args) => PromiseLike<R>,
    options?: RunOptions,
  ): (this: This, ...args: Args) => Promise<R> {
    return wrapped(this, fn, options);
  }

  /** The right to make one call, or `undefined` when it is refused; {@link rejection} then makes the error. */
  tryAcquire(options?: AcquireOptions): Permit<Breaker> | undefined {
    return this.#acquire(options?.untimed ?? false, undefined) as Permit<Breaker> | undefined;
  }

  /** The error of the refusal just made. */
  rejection(): BreakerOpenError {
    return this.#rejection(this.#circuit.state, this.#refusal, this.#refusedAt);
  }

  /** The error that a call would be refused with now; asking counts nothing and takes no probe's permit. */
  refusal(): BreakerOpenError | undefined {
    const now = this.clock.now();
    const reason = this.#circuit.wouldRefuse(this.#circuit.present(now));
    return reason === undefined ? undefined : this.#rejection(this.#circuit.state, reason, now);
  }

  /** A fault of the connection that no call carried: counts as a failure of the server's. */
  report(error: unknown, evidence?: ConnectionEvidence): void {
    if (this.#shared) return;
    const now = this.clock.now();
    const { kind } = this.#circuit.present(now);
    if (kind !== 'closed' && kind !== 'half_open') return;
    const trace = evidence?.trace;
    this.#recent.add(errorType(error), trace);
    this.#circuit.recordEvidence(now, error, trace);
    if (evidence?.refused === true) this.#circuit.open(now, { trigger: 'connection', error, trace });
  }

  /** Evidence that the server is back: an open circuit asks at once instead of waiting its time out. */
  recovered(evidence?: RecoveryEvidence): void {
    const now = this.clock.now();
    if (evidence?.proven === true) this.#circuit.proven(now);
    this.#circuit.recovered(now);
  }

  /** Refuses every call until released. @param reason who or why, for the record */
  forceOpen(reason?: string): void {
    this.#circuit.move({ kind: 'forced_open', shadow: false }, this.clock.now(), { trigger: 'manual', reason });
  }
  /** Admits every call and decides nothing until released (forced closed). */
  disable(reason?: string): void {
    this.#circuit.move({ kind: 'disabled', shadow: false }, this.clock.now(), { trigger: 'manual', reason });
  }
  /** Goes on deciding, but refuses nothing until released. */
  shadow(reason?: string): void {
    if (this.#circuit.state.shadow) return;
    this.#circuit.move({ kind: 'closed', shadow: true, ramp: undefined }, this.clock.now(), { trigger: 'manual', reason });
  }
  /** Gives control back to the circuit, in the mode that the options say. */
  release(reason?: string): void {
    const { kind, shadow } = this.#circuit.state;
    const home = homeState(this.#options.mode);
    const held = kind === 'forced_open' || kind === 'disabled' || shadow !== home.shadow;
    if (held) this.#circuit.move(home, this.clock.now(), { trigger: 'manual', reason });
  }
  /** Closes the circuit and forgets all it has seen; totals for telemetry stay. */
  reset(reason?: string): void {
    this.#recent.clear();
    this.#circuit.reset(this.clock.now(), reason);
  }

  /** Replaces the options in place: listeners, state and totals stay, and the window's results where its shape allows. */
  setOptions(options: ResolvedOptions, rule?: string): void {
    const now = this.clock.now();
    this.#options = options;
    this.#rule = rule;
    this.#watch.setOptions(options, now);
    this.#circuit.setOptions(options, now);
  }

  /** @internal For the registry. */
  setTracer(tracer: CallTracer | undefined): void {
    this.#tracer = tracer;
  }

  /**
   * Hears of every `transition`, `verdict` (a move it would have made in shadow mode), `rejected` and `call`.
   * Listeners run after the fact, outside the call's async context; one that throws changes nothing.
   */
  on<K extends keyof BreakerEvents>(name: K, listener: (event: BreakerEvents[K]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  /** What the trip rules look at, as it is now. A part of {@link snapshot} that costs little. */
  get window(): WindowCounts {
    const { window } = this.#circuit;
    window.advance(this.clock.now());
    return { recorded: window.recorded, failures: window.failures, slow: window.slow };
  }

  /** As it is now, as plain data. */
  snapshot(): Snapshot {
    const now = this.clock.now();
    return takeSnapshot(this, this.#circuit, this.#circuit.present(now), now, this.#rule, this.#lastTrip);
  }

  #acquire(untimed: boolean, slots: Runner | undefined): Permit | undefined {
    const now = this.clock.now();
    const state = this.#circuit.present(now);
    this.lastUsed = now;
    let unrecorded = false;
    let probe = false;
    if (state.kind !== 'closed' || state.ramp !== undefined) {
      const reason = this.#circuit.refuses(state, now);
      if (reason !== undefined) this.#refused(state, now, reason);
      if (reason !== undefined && !state.shadow) return undefined;
      probe = state.kind === 'half_open' && reason === undefined;
      unrecorded = reason !== undefined || state.kind === 'disabled';
    }
    const permit = slots === undefined ? new Permit<PermitOwner>(this, state, now, probe, untimed) : slots.slot(state, now, probe);
    permit.unrecorded = unrecorded;
    this.#calls.add(permit);
    if (state.kind === 'closed') this.#watch.began(now);
    if (this.#tracer !== undefined) this.#trace(this.#tracer, permit);
    return permit;
  }

  /** @internal For permits. */
  settle(permit: Permit, outcome: Outcome | 'cancelled', error: unknown, givenMs: number | undefined): void {
    if (permit.settled) return;
    permit.settled = true;
    const now = this.clock.now();
    const durationMs = givenMs ?? now - permit.startedAt;
    const timedMs = permit.untimed ? undefined : durationMs;
    const { slowCallMs } = this.#options;
    const slow = slowCallMs !== undefined && timedMs !== undefined && timedMs > slowCallMs;
    // A probe's lease may have run out without the timer's having said so.
    const state = this.#circuit.present(now);
    const live = permit.state === state;
    const counted = live || permit.unrecorded ? outcome : 'stale';
    this.#calls.remove(permit);
    const failure = outcome === 'failure' ? errorType(error) : undefined;
    this.meters.countCall(counted, slow, timedMs, failure);
    if (failure !== undefined && live && !permit.unrecorded) this.#recent.add(failure, permit.trace);
    if (live && !permit.unrecorded) this.#record(permit, outcome, now, timedMs, slow, error);
    if (permit.trace !== undefined) this.#traced(permit, counted, timedMs, error);
    if (this.#events.heard('call')) this.#tellCall(permit, counted, durationMs, slow, error);
  }

  /** @internal For permits: runs a call's function so that telemetry sees it inside the call's own span. */
  enter<R>(permit: Permit, fn: () => R): R {
    const tracer = this.#tracer;
    return tracer === undefined || permit.trace === undefined ? fn() : enterIsolated(tracer, permit.trace, fn);
  }

  #tellCall(permit: Permit, outcome: CountedOutcome, durationMs: number, slow: boolean, error: unknown): void {
    this.#events.emit('call', { breaker: this, state: publicName(permit.state), outcome, durationMs, slow, error });
  }

  #record(permit: Permit, outcome: Outcome | 'cancelled', now: number, timedMs: number | undefined, slow: boolean, error: unknown): void {
    if (outcome === 'success') {
      this.#calls.succeeded();
      this.#watch.succeeded(now, timedMs);
    } else if (outcome !== 'failure') {
      this.#circuit.release(permit, now);
      return;
    }
    this.#watch.markOverdue(now);
    this.#circuit.record(permit, now, outcome === 'failure', slow, error);
  }

  #refused(state: State, now: number, reason: RejectionReason): void {
    const { shadow } = state;
    this.#refusal = reason;
    this.#refusedAt = now;
    this.meters.countRejection(reason, shadow);
    if (this.#tracer === undefined && !this.#events.heard('rejected')) return;
    const retryAfterMs = this.#circuit.retryAfterMs(state, now);
    try {
      this.#tracer?.rejected(this, reason, retryAfterMs, shadow);
    } catch (fault) {
      reportFault(fault, 'call tracer');
    }
    if (this.#events.heard('rejected')) this.#events.emit('rejected', { breaker: this, state: publicName(state), reason, shadow, retryAfterMs });
  }

  #rejection(state: State, reason: RejectionReason, now: number): BreakerOpenError {
    const retryAfterMs = this.#circuit.retryAfterMs(state, now);
    return BreakerOpenError.of({ breaker: this.name, state: publicName(state), reason, retryAfterMs, cause: this.#circuit.lastFailure });
  }

  #moved(move: Move): void {
    const { from, to, beside, at, counts, cause } = move;
    if (!beside) this.meters.enterState(to, at);
    const { trigger, value, limit, reason, trace, openForMs } = cause;
    const error = cause.error ?? (to === 'open' ? move.lastFailure : undefined);
    // Of a circuit that was open beside the traffic already, what opened it there stands.
    if (to === 'open' && trigger !== 'config')
      this.#lastTrip = { trigger, at, value, limit, errorType: error === undefined ? undefined : errorType(error) };
    const name = beside ? 'verdict' : 'transition';
    if (!this.#events.heard(name)) return;
    const failures = this.#recent.list();
    const waiting = this.#calls.oldestTraces(MAX_TRACES);
    const { generation } = this;
    const event: TransitionEvent = {
      breaker: this,
      from,
      to,
      trigger,
      shadow: beside,
      generation,
      at,
      value,
      limit,
      counts,
      openForMs,
      error,
      reason,
      trace,
      failures,
      waiting,
    };
    this.#events.emit(name, event);
  }

  #trace(tracer: CallTracer, permit: Permit): void {
    // As `isolated`, but without a function per call.
    try {
      permit.trace = tracer.admitted(this, permit.probe);
    } catch (fault) {
      reportFault(fault, 'call tracer');
    }
  }

  #traced(permit: Permit, outcome: Outcome | 'cancelled' | 'stale', durationMs: number | undefined, error: unknown): void {
    const tracer = this.#tracer;
    if (tracer !== undefined) isolated(() => tracer.settled(permit.trace, this, publicName(permit.state), outcome, durationMs, error));
  }
}
