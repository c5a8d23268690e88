import { type Clock, systemClock } from '../core/clock.ts';
import { checkDegraded } from '../core/degraded-setting.ts';
import { BreakerOpenError, errorType, type RejectionReason, type StateName } from '../core/errors.ts';
import type { InjectedFaultError } from '../core/injected-fault-error.ts';
import type { InjectionOptions } from '../core/injection.ts';
import type { Mode, ResolvedOptions } from '../core/options.ts';
import type { Outcome } from '../core/outcome.ts';
import type { DegradedMode } from '../core/policy-options.ts';
import type { Target } from '../core/target.ts';
import type { CallTracer } from '../core/tracer.ts';
import { Admission } from './admission.ts';
import { Announcer } from './announcer.ts';
import type { Circuit } from './circuit.ts';
import type { AcquireOptions, BreakerEnvironment, ConnectionEvidence, RecoveryEvidence } from './environment.ts';
import type { BreakerEvents } from './events.ts';
import { callbackCall, type RunContext, type RunOptions, runStream, runSync, type StreamLike, wrapped } from './execute.ts';
import { Injection } from './injection.ts';
import { goesOn, injectedRun, meet } from './meet.ts';
import type { Meters } from './meters.ts';
import { Permit, type PermitOwner } from './permit.ts';
import { freeSlot, rejectedLater, runIn, slotFor } from './run.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';
import { publicName, type State } from './state.ts';
import { isTime, TimedRunner, wrongTimeout } from './timed-run.ts';
import type { WindowCounts } from './window/window.ts';

export type { AcquireOptions, BreakerEnvironment, ConnectionEvidence, RecoveryEvidence } from './environment.ts';

type Untimed = Omit<RunOptions, 'signal' | 'timeoutMs'>;

/** A circuit breaker: admits or refuses calls, counts them and tells of it. Made by `createBreaker` or by a registry. */
export class Breaker implements PermitOwner {
  readonly name: string;
  readonly target: Target;
  readonly clock: Clock;
  readonly meters: Meters;
  /** Dropped from its registry: whoever keeps it looks the name up again. */
  retired = false;
  #degraded: DegradedMode | 'off' | undefined = undefined;
  #options: ResolvedOptions;
  #rule: string | undefined;
  readonly #shared: boolean;
  readonly #admission: Admission;
  readonly #circuit: Circuit;
  readonly #announcer: Announcer;
  #timedRunner: TimedRunner | undefined;

  constructor(options: ResolvedOptions, environment: BreakerEnvironment = {}) {
    this.name = options.name;
    this.clock = environment.clock ?? systemClock;
    this.target = environment.target ?? noTarget;
    this.#options = options;
    this.#rule = environment.rule;
    this.#shared = environment.shared ?? false;
    this.#announcer = new Announcer(this);
    this.#admission = new Admission(this, options, this.clock, this.#announcer, environment.verify);
    this.#admission.tracer = environment.tracer;
    this.#circuit = this.#admission.circuit;
    this.meters = this.#admission.meters;
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
    return this.#admission.calls.count;
  }
  /** When it was last asked for a permit, in ms of its clock. */
  get lastUsed(): number {
    return this.#admission.lastUsed;
  }
  get options(): ResolvedOptions {
    return this.#options;
  }
  get mode(): Mode {
    return this.#options.mode;
  }
  /** Whether a person holds it in a state, until released. */
  get held(): boolean {
    return this.#circuit.held;
  }
  /**
   * How calls are served for the time being, whatever the options say; `off`: as ever. `undefined`: as the options say.
   * @throws ConfigError, when it is set to what is no such mode
   */
  get degraded(): DegradedMode | 'off' | undefined {
    return this.#degraded;
  }
  set degraded(mode: DegradedMode | 'off' | undefined) {
    checkDegraded(mode);
    this.#degraded = mode;
  }

  /**
   * Runs a function through the breaker.
   * @throws BreakerOpenError when refused; CallTimeoutError when its time is over; ConfigError for a `timeoutMs` that is no number; whatever the function throws, untouched; the signal's reason when it is aborted already
   */
  run<T>(fn: (context: RunContext) => T | PromiseLike<T>, options?: RunOptions): Promise<T> {
    // Short, for what V8 makes one piece of machine code of: see `Admission`.
    return options === undefined && this.#options.timeoutMs === undefined ? this.#runPlain(fn, undefined) : this.#runWith(fn, options);
  }
  #runPlain<T>(fn: (context: RunContext) => T | PromiseLike<T>, options: RunOptions | undefined): Promise<T> {
    const slot = slotFor(this);
    if (this.#admission.admit(slot)) return runIn(slot, fn, options);
    const met = meet(slot, this.#admission);
    if (met instanceof Injection) return runIn(slot, injectedRun(met, slot, fn), options);
    freeSlot(slot);
    return rejectedLater(met);
  }
  #runWith<T>(fn: (context: RunContext) => T | PromiseLike<T>, options: RunOptions | undefined): Promise<T> {
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    const timeoutMs = options?.timeoutMs ?? this.#options.timeoutMs;
    // Where nothing is refused, nobody is given up either.
    if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY && !this.onlyWatches) return this.#runTimed(fn, options, timeoutMs);
    return this.#runPlain(fn, options);
  }
  #runTimed<T>(fn: (context: RunContext) => T | PromiseLike<T>, options: RunOptions | undefined, timeoutMs: number): Promise<T> {
    if (!isTime(timeoutMs)) return Promise.reject(wrongTimeout(timeoutMs));
    this.#timedRunner ??= new TimedRunner(this, this.#admission);
    const slot = this.#timedRunner.slot();
    if (this.#admission.admit(slot)) return this.#timedRunner.run(slot, fn, options, timeoutMs);
    const met = meet(slot, this.#admission);
    if (met instanceof Injection) return this.#timedRunner.run(slot, injectedRun(met, slot, fn), options, timeoutMs);
    this.#timedRunner.free(slot);
    return rejectedLater(met);
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
    const permit = new Permit<Breaker>(this, options?.untimed ?? false);
    return this.#admission.admit(permit) || goesOn(permit, this.#admission, options?.faults) ? permit : undefined;
  }

  /** The error of the refusal just made, or of the injected fault that the call has met in its place. */
  rejection(): BreakerOpenError | InjectedFaultError {
    const { refusal, refusedAt } = this.#admission;
    return typeof refusal === 'string' ? this.#rejection(this.#circuit.state, refusal, refusedAt) : refusal;
  }

  /**
   * Injects faults into its calls on purpose, for a while: what a call meets is for its caller, and for this circuit, as if the
   * dependency had failed. In mode `off` nothing is injected; in `shadow` calls fail and wait as they do in `enforce`.
   * @returns what ends it before its time: `end()`, or `using`
   * @throws ConfigError for options that cannot be used; Error in production, unless that is allowed
   */
  inject(options: InjectionOptions): Injection {
    return Injection.into(this, options);
  }

  /** Faults that are injected into its calls now, the newest first. */
  get injections(): readonly Injection[] {
    return this.#circuit.injections;
  }
  get injected(): boolean {
    return this.#circuit.injections.length > 0;
  }
  /** @internal For injections. */
  setInjections(injections: readonly Injection[]): void {
    this.#circuit.setInjections(injections);
  }
  /** @internal Whether its server is to seem silent, whoever asks it. */
  get silenced(): boolean {
    return this.#circuit.silenced(this.clock.now());
  }

  /** The error that a call would be refused with now; asking counts nothing and takes no probe's permit. */
  refusal(): BreakerOpenError | undefined {
    const now = this.clock.now();
    const reason = this.#circuit.wouldRefuse(this.#circuit.present(now), now);
    return reason === undefined ? undefined : this.#rejection(this.#circuit.state, reason, now);
  }

  /** A fault of the connection that no call carried: counts as a failure of the server's. */
  report(error: unknown, evidence?: ConnectionEvidence): void {
    if (this.#shared) return;
    const now = this.clock.now();
    const { kind } = this.#circuit.present(now);
    if (kind !== 'closed' && kind !== 'half_open') return;
    const trace = evidence?.trace;
    this.#announcer.failed(errorType(error), trace);
    this.#circuit.recordEvidence(now, error, trace);
    if (evidence?.refused === true) this.#circuit.open(now, { trigger: 'connection', error, trace });
  }

  /** Evidence that the server is back: an open circuit asks at once instead of waiting its time out. */
  recovered(evidence?: RecoveryEvidence): void {
    const now = this.clock.now();
    if (this.#circuit.silenced(now)) return;
    if (evidence?.proven === true) this.#circuit.proven(now);
    this.#circuit.recovered(now, evidence?.waitedMs);
  }

  /** Lets probes of an open circuit out now instead of waiting its time out. @param reason who or why, for the record */
  probe(reason?: string): void {
    this.#circuit.probe(this.clock.now(), reason);
  }

  /** Refuses every call until released. @param reason who or why, for the record */
  forceOpen(reason?: string): void {
    this.#circuit.hold({ kind: 'forced_open', shadow: false }, this.clock.now(), reason);
  }
  /** Admits every call and decides nothing until released (forced closed). */
  disable(reason?: string): void {
    this.#circuit.hold({ kind: 'disabled', shadow: false }, this.clock.now(), reason);
  }
  /** Goes on deciding, but refuses nothing until released. */
  shadow(reason?: string): void {
    const { state } = this.#circuit;
    this.#circuit.hold(state.shadow ? state : { kind: 'closed', shadow: true, ramp: undefined }, this.clock.now(), reason);
  }
  /** Gives control back to the circuit, in the mode that the options say. */
  release(reason?: string): void {
    this.#circuit.release(this.clock.now(), reason);
  }
  /** Closes the circuit and forgets all it has seen; totals for telemetry stay. */
  reset(reason?: string): void {
    this.#announcer.forgetFailures();
    this.#circuit.reset(this.clock.now(), reason);
  }

  /** Replaces the options in place: listeners, state and totals stay, and the window's results where its shape allows. */
  setOptions(options: ResolvedOptions, rule?: string): void {
    const now = this.clock.now();
    this.#options = options;
    this.#rule = rule;
    this.#admission.setOptions(options, now);
  }

  /** @internal For the registry. */
  setTracer(tracer: CallTracer | undefined): void {
    this.#admission.tracer = tracer;
  }

  /**
   * Hears of every `transition`, `verdict` (a move it would have made in shadow mode), `rejected` and `call`.
   * Listeners run after the fact, outside the call's async context; one that throws changes nothing.
   */
  on<K extends keyof BreakerEvents>(name: K, listener: (event: BreakerEvents[K]) => void): Disposable {
    return this.#announcer.on(name, listener);
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
    return takeSnapshot(this, this.#circuit, this.#circuit.present(now), now, this.#rule, this.#announcer.lastTrip);
  }

  /** @internal The permits of the calls under way, as of now. */
  get underWay(): Iterable<Permit> {
    return this.#admission.calls;
  }
  /** @internal For policies. */
  get tracer(): CallTracer | undefined {
    return this.#admission.tracer;
  }
  /** @internal For policies: nothing is refused, in shadow mode or while forced closed. */
  get onlyWatches(): boolean {
    const { shadow, kind } = this.#circuit.state;
    return shadow || kind === 'disabled';
  }
  /**
   * @internal For policies: counts and tells of a refusal that is not the circuit's; its window stays as it is.
   * @returns whether the call is to be refused
   */
  countRefusal(reason: RejectionReason, retryAfterMs: number | undefined): boolean {
    return this.#admission.countRefusal(reason, retryAfterMs);
  }

  /** @internal For permits. */
  succeed(permit: Permit): void {
    this.#admission.succeed(permit);
  }
  /** @internal For permits. */
  fail(permit: Permit, error: unknown): void {
    this.#admission.fail(permit, error);
  }
  /** @internal For permits. */
  settle(permit: Permit, outcome: Outcome | 'cancelled', error: unknown, durationMs: number | undefined): void {
    this.#admission.settle(permit, outcome, error, durationMs);
  }
  /** @internal For permits. */
  begin(permit: Permit): void {
    this.#admission.begin(permit);
  }
  /** @internal For permits: runs a call's function so that telemetry sees it inside the call's own span. */
  enter<R>(permit: Permit, fn: () => R): R {
    return this.#admission.enter(permit, fn);
  }

  #rejection(state: State, reason: RejectionReason, now: number): BreakerOpenError {
    const retryAfterMs = this.#circuit.retryAfterMs(state, now);
    // A person's refusals have no failure to blame.
    const cause = reason === 'forced_open' ? undefined : this.#circuit.tripError;
    return BreakerOpenError.of({ breaker: this.name, state: publicName(state), reason, retryAfterMs, cause });
  }
}

const noTarget: Target = {};
