import type { Clock } from '../core/clock.ts';
import { errorType, type RejectionReason } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import type { InjectedFaultError } from '../core/injected-fault-error.ts';
import type { ResolvedOptions } from '../core/options.ts';
import type { CountedOutcome, Outcome } from '../core/outcome.ts';
import type { CallTracer } from '../core/tracer.ts';
import type { Announcer } from './announcer.ts';
import type { Breaker } from './breaker.ts';
import { Circuit, type CircuitOwner } from './circuit.ts';
import { InFlight } from './in-flight.ts';
import { enterIsolated, isolated } from './isolated.ts';
import { Meters } from './meters.ts';
import type { Move } from './move.ts';
import type { Permit } from './permit.ts';
import { publicName, type State } from './state.ts';
import { type Verify, Watch } from './watch.ts';

/**
 * The way of every call: it is admitted or refused, counted, and what comes of it told to the circuit.
 *
 * `admit` and `succeed` are what a call costs while all is well. They are kept short, with everything unusual out of line,
 * so that V8 makes one piece of machine code of each and what it calls: it inlines 920 bytes of bytecode in all.
 */
export class Admission implements CircuitOwner {
  readonly circuit: Circuit;
  readonly calls = new InFlight();
  readonly meters: Meters;
  tracer: CallTracer | undefined;
  /** When somebody last asked for a permit. */
  lastUsed: number;
  /** The last refusal, or the injected error that a call has met in its place. */
  refusal: RejectionReason | InjectedFaultError = 'open';
  refusedAt = 0;
  /** Infinity where no call is slow. */
  #slowCallMs: number;
  #watch: Watch | undefined;
  readonly #breaker: Breaker;
  readonly #clock: Clock;
  readonly #announcer: Announcer;
  readonly #verify: Verify | undefined;

  constructor(breaker: Breaker, options: ResolvedOptions, clock: Clock, announcer: Announcer, verify: Verify | undefined) {
    this.#breaker = breaker;
    this.#clock = clock;
    this.#announcer = announcer;
    this.#verify = verify;
    this.lastUsed = clock.now();
    this.circuit = new Circuit(options, clock, this.calls, this);
    this.meters = new Meters(publicName(this.circuit.state), this.lastUsed);
    this.#slowCallMs = options.slowCallMs ?? Number.POSITIVE_INFINITY;
    this.#setWatch(options, this.lastUsed);
  }

  setOptions(options: ResolvedOptions, now: number): void {
    this.#slowCallMs = options.slowCallMs ?? Number.POSITIVE_INFINITY;
    this.#setWatch(options, now);
    this.circuit.setOptions(options, now);
  }

  #setWatch(options: ResolvedOptions, now: number): void {
    if (this.#watch !== undefined) this.#watch.setOptions(options, now);
    else if (Watch.isNeeded(options)) this.#watch = new Watch(options, this.#clock, this.calls, this.circuit, this.#verify);
  }

  /** Lets a call go as it is. Else it is refused, or let go to meet an injected fault: `permit.injection`. */
  admit(permit: Permit): boolean {
    const now = this.#clock.now();
    const { state } = this.circuit;
    this.lastUsed = now;
    permit.startedAt = now;
    permit.state = state;
    if (!state.usual && !this.#admitUnusual(permit, now)) return false;
    this.calls.add(permit);
    this.#watch?.began(now);
    if (this.tracer !== undefined) this.#trace(permit, this.tracer);
    return true;
  }

  /** In any state but a settled `closed`. */
  #admitUnusual(permit: Permit, now: number): boolean {
    const reason = this.circuit.refuses(this.circuit.present(now), now);
    const { state } = this.circuit;
    if (reason !== undefined) this.#refused(state, now, reason);
    if (reason !== undefined && !state.shadow) return false;
    permit.state = state;
    permit.probe = state.kind === 'half_open' && reason === undefined;
    permit.unrecorded = reason !== undefined || state.kind === 'disabled';
    return !this.#meets(permit, now);
  }

  /** Whether a call meets an injected fault; it is under way by then. */
  #meets(permit: Permit, now: number): boolean {
    const { injections } = this.circuit;
    // Switched off is switched off.
    if (injections.length === 0 || this.#breaker.mode === 'off') return false;
    const injection = injections.find((each) => each.meets(now));
    if (injection === undefined) return false;
    permit.injection = injection;
    this.calls.add(permit);
    this.#watch?.began(now);
    if (this.tracer !== undefined) this.#trace(permit, this.tracer);
    return true;
  }

  #refused(state: State, now: number, reason: RejectionReason): void {
    this.refusal = reason;
    this.refusedAt = now;
    this.meters.countRejection(reason, state.shadow);
    if (this.tracer === undefined && !this.#announcer.heard('rejected')) return;
    this.#tellRefusal(state, reason, this.circuit.retryAfterMs(state, now));
  }

  /** A refusal that is not the circuit's. @returns whether the call is to be refused */
  countRefusal(reason: RejectionReason, retryAfterMs: number | undefined): boolean {
    const { state } = this.circuit;
    if (state.kind === 'disabled') return false;
    this.lastUsed = this.#clock.now();
    this.meters.countRejection(reason, state.shadow);
    this.#tellRefusal(state, reason, retryAfterMs);
    return !state.shadow;
  }

  #tellRefusal(state: State, reason: RejectionReason, retryAfterMs: number | undefined): void {
    const { tracer } = this;
    if (tracer !== undefined) isolated(() => tracer.rejected(this.#breaker, reason, retryAfterMs, state.shadow));
    this.#announcer.refused(state, reason, retryAfterMs);
  }

  /** A call that waited in a queue of the caller's begins. */
  begin(permit: Permit): void {
    permit.queued = false;
    // A trial knows its probes by when they were let out.
    if (permit.settled || permit.probe) return;
    permit.startedAt = this.#clock.now();
    this.#watch?.began(permit.startedAt);
  }

  /** A success whose duration is measured. */
  succeed(permit: Permit): void {
    const now = this.#clock.now();
    const { state } = this.circuit;
    const durationMs = now - permit.startedAt;
    if (!this.#isUsual(permit, state, durationMs)) {
      this.#settle(permit, 'success', undefined, now, durationMs);
      return;
    }
    permit.settled = true;
    this.calls.remove(permit, state);
    this.calls.succeededAt = now;
    this.meters.countSuccess(durationMs);
    this.#watch?.succeeded(now, durationMs);
    this.circuit.succeeded(permit, now);
    if (permit.trace !== undefined || this.#announcer.tellsCalls) this.#tell(permit, 'success', durationMs, durationMs, false, undefined);
  }

  /** A failure whose duration is measured: as short, since calls that fail are many while they do. */
  fail(permit: Permit, error: unknown): void {
    const now = this.#clock.now();
    const { state } = this.circuit;
    const durationMs = now - permit.startedAt;
    if (!this.#isUsual(permit, state, durationMs)) {
      this.#settle(permit, 'failure', error, now, durationMs);
      return;
    }
    const type = errorType(error);
    permit.settled = true;
    this.calls.remove(permit, state);
    this.meters.countFailure(type, durationMs);
    this.#announcer.failed(type, permit.trace);
    this.#watch?.markOverdue(now);
    this.circuit.failed(permit, now, error);
    if (permit.trace !== undefined || this.#announcer.tellsCalls) this.#tell(permit, 'failure', durationMs, durationMs, false, error);
  }

  /** A result, not slow, of a call that the present state admitted, which is closed. */
  #isUsual(permit: Permit, state: State, durationMs: number): boolean {
    const { settled, untimed, unrecorded } = permit;
    return permit.state === state && state.kind === 'closed' && !settled && !untimed && !unrecorded && durationMs <= this.#slowCallMs;
  }

  settle(permit: Permit, outcome: Outcome | 'cancelled', error: unknown, givenMs: number | undefined): void {
    const now = this.#clock.now();
    this.#settle(permit, outcome, error, now, isDuration(givenMs) ? givenMs : now - permit.startedAt);
  }

  #settle(permit: Permit, outcome: Outcome | 'cancelled', error: unknown, now: number, durationMs: number): void {
    if (permit.settled) return;
    permit.settled = true;
    const timedMs = permit.untimed ? undefined : durationMs;
    const slow = timedMs !== undefined && timedMs > this.#slowCallMs;
    // A probe's lease may have run out without the timer's having said so.
    const state = this.circuit.present(now);
    const live = permit.state === state;
    const counted = live || permit.unrecorded ? outcome : 'stale';
    this.calls.remove(permit, state);
    const failure = outcome === 'failure' ? errorType(error) : undefined;
    this.meters.countCall(counted, slow, timedMs, failure);
    if (live && !permit.unrecorded) this.#record(permit, outcome, now, timedMs, slow, error, failure);
    this.#tell(permit, counted, timedMs, durationMs, slow, error);
  }

  #tell(permit: Permit, outcome: CountedOutcome, timedMs: number | undefined, durationMs: number, slow: boolean, error: unknown): void {
    if (permit.trace !== undefined) this.#traced(permit, outcome, timedMs, error);
    if (this.#announcer.tellsCalls) this.#announcer.settled(permit, outcome, durationMs, slow, error);
  }

  #record(
    permit: Permit,
    outcome: Outcome | 'cancelled',
    now: number,
    timedMs: number | undefined,
    slow: boolean,
    error: unknown,
    failure: string | undefined,
  ): void {
    if (failure !== undefined) {
      this.#announcer.failed(failure, permit.trace);
      this.#watch?.markOverdue(now);
    } else if (outcome === 'success') {
      this.calls.succeededAt = now;
      this.#watch?.succeeded(now, timedMs);
    } else {
      this.circuit.giveBack(permit, now);
      return;
    }
    this.circuit.record(permit, now, failure !== undefined, slow, error);
  }

  /** Runs a call's function so that telemetry sees it inside the call's own span. */
  enter<R>(permit: Permit, fn: () => R): R {
    const { tracer } = this;
    return tracer === undefined || permit.trace === undefined ? fn() : enterIsolated(tracer, permit.trace, fn);
  }

  #trace(permit: Permit, tracer: CallTracer): void {
    // As `isolated`, but without a function per call.
    try {
      permit.trace = tracer.admitted(this.#breaker, permit.probe);
    } catch (fault) {
      reportFault(fault, 'call tracer');
    }
  }

  #traced(permit: Permit, outcome: CountedOutcome, durationMs: number | undefined, error: unknown): void {
    const { tracer } = this;
    if (tracer === undefined) return;
    try {
      tracer.settled(permit.trace, this.#breaker, publicName(permit.state), outcome, durationMs, error);
    } catch (fault) {
      reportFault(fault, 'call tracer');
    }
  }

  /** @internal For the circuit. */
  moved(move: Move): void {
    if (!move.beside) this.meters.enterState(move.to, move.at);
    this.#announcer.moved(move, this.calls);
  }

  /** @internal For the circuit. */
  get patienceMs(): number {
    return this.#watch?.patienceMs ?? 0;
  }
}

/** One that is none would stay in every sum for ever. The call has been made, so nobody is thrown at: it is measured instead. */
function isDuration(ms: number | undefined): ms is number {
  return Number.isFinite(ms) && (ms as number) >= 0;
}
