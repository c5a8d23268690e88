import type { Clock } from '../core/clock.ts';
import { CallTimeoutError, IllegalTransitionError, type RejectionReason } from '../core/errors.ts';
import type { Mode, ResolvedOptions } from '../core/options.ts';
import { Alarm, type Sleeper } from './alarm.ts';
import { HalfOpenTrial } from './half-open.ts';
import type { InFlight } from './in-flight.ts';
import type { Injection } from './injection.ts';
import type { Cause, Move } from './move.ts';
import { OpenTime } from './open-time.ts';
import type { Permit } from './permit.ts';
import { RampUp } from './ramp-up.ts';
import { type ClosedState, type HalfOpenState, homeState, incarnate, type OpenState, publicName, type State, type Successor } from './state.ts';
import { isLegal } from './transitions.ts';
import { Jury } from './trip/jury.ts';
import { createWindow } from './window/create-window.ts';
import type { Window } from './window/window.ts';

const none: readonly Injection[] = [];

/** Whom a circuit belongs to. */
export interface CircuitOwner {
  /** It has moved. */
  moved(move: Move): void;
  /** How long a healthy call may take, as far as that has been learned; a probe's lease is never shorter. */
  readonly patienceMs: number;
}

/**
 * The state machine: what is admitted, what is recorded, when it moves. One reference holds the state, and `#assign` is
 * the only place that writes it. It knows no listener and no telemetry: its owner is told what it does, after the fact.
 */
export class Circuit implements Sleeper {
  window: Window;
  consecutiveFailures = 0;
  /** What has last opened it, for those it refuses; `undefined` where that was no failure, such as slow answers. */
  tripError: unknown;
  /** Whether a person holds it where it is, whatever the mode says. */
  held = false;
  /** Who or why, as far as it was said. */
  heldReason: string | undefined;
  #lastFailure: unknown;
  /** Faults that are injected into the calls, the newest first. */
  injections: readonly Injection[] = none;
  #state: State;
  #options: ResolvedOptions;
  #hasOwnRules: boolean;
  /** Made for the first opening. */
  #openTime: OpenTime | undefined;
  /** Which of the window's failures no call has carried. */
  #hearsay: 'none' | 'some' | 'all' = 'none';
  /** Made when there is something to judge. */
  #jury: Jury | undefined;
  /** For what time alone decides in open and half-open; the closed state's watch has its own. */
  #alarm: Alarm | undefined;
  readonly #clock: Clock;
  readonly #calls: InFlight;
  readonly #owner: CircuitOwner;

  constructor(options: ResolvedOptions, clock: Clock, calls: InFlight, owner: CircuitOwner) {
    const now = clock.now();
    this.#options = options;
    this.#hasOwnRules = options.rules.length > 0;
    this.#clock = clock;
    this.#calls = calls;
    this.#owner = owner;
    this.window = createWindow(options.window, now);
    this.#state = incarnate(homeState(options.mode), 0, now, false);
  }

  /** The state as of the last move; {@link present} first lets time have its say. */
  get state(): State {
    return this.#state;
  }

  /** The state at `now`: an open time or a probe's lease that is over counts from its very end on, timer or not. */
  present(now: number): State {
    const state = this.#state;
    return state.kind === 'closed' ? state : this.#brought(state, now);
  }

  #brought(state: State, now: number): State {
    if (state.kind === 'open' && now >= state.until) this.#halfOpen(state, now, { trigger: 'open_elapsed' }, false);
    else if (state.kind === 'half_open' && now >= (state.trial.deadline ?? Number.POSITIVE_INFINITY)) this.#leaseOver(state, now);
    return this.#state;
  }

  setInjections(injections: readonly Injection[]): void {
    this.injections = injections.length === 0 ? none : injections;
    const state = this.#state;
    state.usual = injections.length === 0 && state.kind === 'closed' && state.ramp === undefined;
  }

  /** Whether a server that is asked now is to seem silent: the question meets an injected hang as a call does. */
  silenced(now: number): boolean {
    return this.injections.some((each) => each.kind === 'hang' && each.meets(now));
  }

  /** Whether a call may go, in any state but a settled `closed`: the reason why not, or `undefined`. A probe takes its permit. */
  refuses(state: State, now: number): RejectionReason | undefined {
    switch (state.kind) {
      case 'open':
        return 'open';
      case 'forced_open':
        return 'forced_open';
      case 'disabled':
        return undefined;
      case 'half_open':
        return this.#refusesProbe(state, now);
      case 'closed': {
        const ramp = state.ramp;
        if (ramp === undefined) return undefined;
        if (!ramp.over(now)) return ramp.admit(now, this.#calls.count) ? undefined : 'ramp_up';
        state.ramp = undefined;
        state.usual = this.injections === none;
        return undefined;
      }
    }
  }

  #refusesProbe(state: HalfOpenState, now: number): RejectionReason | undefined {
    const { trial } = state;
    if (trial.asked(now)) {
      this.#leaseOver(state, now);
      return 'open';
    }
    if (!trial.admit(now)) return 'half_open_limit';
    this.#wakeAt(trial.deadline ?? now, now);
    return undefined;
  }

  /** The same without taking a permit: for who has to know, but makes no call. */
  wouldRefuse(state: State, now: number): RejectionReason | undefined {
    if (state.shadow) return undefined;
    if (state.kind === 'open' || state.kind === 'forced_open') return state.kind;
    return state.kind === 'half_open' && !state.trial.mayAdmit(now) ? 'half_open_limit' : undefined;
  }

  /** Milliseconds until a call may be admitted; `undefined` when one may be now, or only a person can tell. */
  retryAfterMs(state: State, now: number): number | undefined {
    if (state.kind === 'open') return Math.max(0, state.until - now);
    if (state.kind === 'half_open') return state.trial.mayAdmit(now) ? undefined : state.trial.waitMs(now);
    return state.kind === 'closed' && state.ramp !== undefined ? 0 : undefined;
  }

  /** A success, not slow, of a call that the present state, closed, admitted. */
  succeeded(permit: Permit, now: number): void {
    this.window.record(now, false, false);
    this.consecutiveFailures = 0;
    // Into a window without a blemish most successes come: nothing there for a rule to find. A user's rule may look for anything.
    const { failures, slow } = this.window;
    if (failures > 0 || slow > 0 || this.#calls.overdue > 0 || this.#hasOwnRules) {
      if (this.#hearsay === 'all') this.#refute(now, false);
      this.evaluate(now, undefined, permit, true);
    }
  }

  /** A failure, not slow, of a call that the present state, closed, admitted. */
  failed(permit: Permit, now: number, error: unknown): void {
    this.#lastFailure = error;
    if (this.#hearsay !== 'none') this.#carried(now);
    this.window.record(now, true, false);
    this.consecutiveFailures += 1;
    this.evaluate(now, error, permit);
  }

  /** A result of a call that the present state admitted. */
  record(permit: Permit, now: number, failed: boolean, slow: boolean, error: unknown): void {
    const state = this.#state;
    if (failed) this.#lastFailure = error;
    if (state.kind === 'half_open') {
      this.#recordProbe(state, permit, now, failed, slow, error);
    } else if (state.kind === 'closed') {
      if (failed && this.#hearsay !== 'none') this.#carried(now);
      this.window.record(now, failed, slow);
      this.consecutiveFailures = failed ? this.consecutiveFailures + 1 : 0;
      if (!failed && this.#hearsay === 'all') this.#refute(now, slow);
      this.evaluate(now, error, permit, !failed);
    }
  }

  /** A call has failed itself: what connections told before it is no longer all there is. */
  #carried(now: number): void {
    this.window.advance(now);
    this.#hearsay = this.window.failures === 0 ? 'none' : 'some';
  }

  /**
   * A call has succeeded where nothing but connections had failed that carried none: that trouble is over. Breakers of classes
   * that are seldom asked would else open by it half a minute later, with the success that makes their calls enough to judge.
   */
  #refute(now: number, slow: boolean): void {
    this.#hearsay = 'none';
    if (this.window.failures === 0) return;
    this.window.clear(now);
    this.window.record(now, false, slow);
  }

  #recordProbe(state: HalfOpenState, permit: Permit, now: number, failed: boolean, slow: boolean, error: unknown): void {
    this.window.record(now, failed, slow);
    const verdict = state.trial.record(permit.startedAt, failed);
    const cause = { error, trace: permit.trace, retryAfterMs: permit.retryAfterMs };
    const value = state.trial.failures / (state.trial.failures + state.trial.successes);
    if (verdict === 'close') this.#close(state, now, { ...cause, trigger: 'probes_succeeded' });
    else if (verdict === 'reopen') {
      const { failureRatio: limit } = this.#options.halfOpen;
      this.open(now, { ...cause, trigger: 'probes_failed', value, limit }, false, permit.startedAt);
    } else if (state.trial.deadline !== undefined) this.#wakeAt(state.trial.deadline, now);
  }

  /** A call that the present state admitted has proved nothing. */
  giveBack(permit: Permit, now: number): void {
    if (this.#state.kind === 'half_open' && permit.probe) this.#state.trial.release(permit.startedAt, now);
  }

  /** A failure that no call carried. */
  recordEvidence(now: number, error: unknown, trace: unknown): void {
    this.#lastFailure = error;
    if (this.#state.kind !== 'closed') return;
    this.window.advance(now);
    if (this.window.failures === 0) this.#hearsay = 'all';
    else if (this.#hearsay === 'none') this.#hearsay = 'some';
    this.window.record(now, true, false);
    this.consecutiveFailures += 1;
    this.evaluate(now, error, { trace, retryAfterMs: 0 });
  }

  /** Asks the trip rules; only a closed circuit trips. @param success whether a call has just succeeded */
  evaluate(now: number, error: unknown, permit: Pick<Permit, 'trace' | 'retryAfterMs'> | undefined, success = false): void {
    this.window.advance(now);
    this.#jury ??= new Jury(this.#options);
    // By what connections told a call that fails may open it, but none that succeeds, and so proves that there is a connection.
    const spared = success && this.#hearsay === 'some' ? 'failure_ratio' : undefined;
    const verdict = this.#jury.verdict(this.window, this.consecutiveFailures, this.#calls, spared);
    if (verdict !== undefined) this.open(now, { ...verdict, error, trace: permit?.trace, retryAfterMs: permit?.retryAfterMs ?? 0 });
  }

  /**
   * Opens a circuit that is closed or half-open.
   * @param scouted its scouts have found nobody
   * @param asOf when what opens it was asked: of the server's return it says something only where that was soon after
   */
  open(now: number, cause: Cause, scouted = false, asOf = now): void {
    const state = this.#state;
    if (state.kind !== 'closed' && state.kind !== 'half_open') return;
    const closed = state.kind === 'closed';
    if (cause.error !== undefined) this.#lastFailure = cause.error;
    // By failures a circuit may also open with a success, which makes its calls enough to judge.
    const byFailure = cause.trigger !== 'slow_ratio' && this.window.failures > 0;
    this.tripError = cause.error ?? (byFailure ? this.#lastFailure : undefined);
    const trigger = closed && state.ramp !== undefined && !state.ramp.over(now) ? 'ramp_up_failed' : cause.trigger;
    this.#openTime ??= new OpenTime();
    const openForMs = this.#openTime.next(this.#options.open, this.#clock, closed ? now - state.since : 0, cause.retryAfterMs ?? 0, scouted);
    // Evidence of recovery that proved wrong is not believed twice in a row: else a flapping server would never be left alone.
    const refuted = !closed && state.early && asOf - state.since < this.#options.open.durationMs;
    const byEvidence = trigger === 'connection' && (closed || state.byEvidence);
    this.move({ kind: 'open', shadow: state.shadow, until: now + openForMs, mayEndEarly: !refuted, byEvidence }, now, {
      ...cause,
      trigger,
      openForMs,
    });
  }

  /** Evidence that the server is back: an open circuit lets probes out before its time. @param waitedMs how long its answer took */
  recovered(now: number, waitedMs = 0): void {
    const state = this.present(now);
    if (state.kind === 'open' && state.mayEndEarly) this.#halfOpen(state, now, { trigger: 'connection' }, true, waitedMs * 2);
  }

  /** Openings in a row. */
  openings(now: number): number {
    const { kind, since } = this.#state;
    return this.#openTime?.inRow(this.#options.open, kind === 'closed' ? now - since : 0) ?? 0;
  }

  /**
   * Calls succeed on the same server: what only evidence of its connection had opened needs no probes of its own, and anything
   * else may ask for itself, whatever came of earlier evidence: who seldom calls would else wait his time out among the healed.
   */
  proven(now: number): void {
    const state = this.present(now);
    if ((state.kind === 'open' || state.kind === 'half_open') && state.byEvidence) this.#close(state, now, { trigger: 'connection' });
    else if (state.kind === 'open') this.#halfOpen(state, now, { trigger: 'connection' }, true);
  }

  /** Somebody asks for it: an open circuit lets probes out now. */
  probe(now: number, reason: string | undefined): void {
    const state = this.present(now);
    if (state.kind === 'open') this.#halfOpen(state, now, { trigger: 'manual', reason }, true);
  }

  /** Closes the circuit and forgets what it has seen. */
  reset(now: number, reason: string | undefined): void {
    this.window.clear(now);
    this.#openTime = undefined;
    this.consecutiveFailures = 0;
    this.#lastFailure = undefined;
    this.tripError = undefined;
    this.#letGo();
    const home = homeState(this.#options.mode);
    // Calls under way belong to what is forgotten: a fresh state fences them off even where its name stays.
    if (home.kind === this.#state.kind && home.shadow === this.#state.shadow) this.#assign(home, now);
    else this.move(home, now, { trigger: 'manual', reason });
  }

  /** Takes on other options: the state stays, and the window's results where its shape allows. */
  setOptions(options: ResolvedOptions, now: number): void {
    const before: Mode = this.#options.mode;
    this.#options = options;
    this.window = createWindow(options.window, now, this.window);
    this.#hasOwnRules = options.rules.length > 0;
    this.#jury = undefined;
    const state = this.#state;
    // What a person holds, only a person gives back.
    if (options.mode === before || this.held) return;
    // Between shadow and enforce the machine goes on from where it is: an outage seen in shadow is refused from now on.
    const shadow = options.mode === 'shadow';
    const goesOn = state.kind !== 'disabled' && options.mode !== 'off';
    const next = state.kind === 'half_open' ? { ...state, trial: this.#trial(0), shadow } : { ...state, shadow };
    this.move(goesOn ? (next as Successor) : homeState(options.mode), now, {
      trigger: 'config',
      openForMs: state.kind === 'open' && goesOn ? state.until - now : undefined,
    });
  }

  /** A person puts it into a state, where it stays until {@link release} or {@link reset}: no change of the mode moves it on. */
  hold(next: Successor, now: number, reason: string | undefined): void {
    const [held, heldReason] = [this.held, this.heldReason];
    // Listeners are told by the move: they find it held, and one that releases it has the last word.
    this.held = true;
    this.heldReason = reason;
    try {
      this.move(next, now, { trigger: 'manual', reason });
    } catch (error) {
      this.held = held;
      this.heldReason = heldReason;
      throw error;
    }
  }

  #letGo(): void {
    this.held = false;
    this.heldReason = undefined;
  }

  /** Nobody holds it any more: it goes where its mode begins, unless it is on its own way there. */
  release(now: number, reason: string | undefined): void {
    const { kind, shadow } = this.#state;
    const home = homeState(this.#options.mode);
    this.#letGo();
    if (kind === 'forced_open' || kind === 'disabled' || shadow !== home.shadow) this.move(home, now, { trigger: 'manual', reason });
  }

  /**
   * Makes a move of the table; one to the present state is none.
   * @throws IllegalTransitionError for a move that the table does not have
   */
  move(next: Successor, now: number, cause: Cause): void {
    const state = this.#state;
    if (next.kind === state.kind && next.shadow === state.shadow) return;
    const beside = next.shadow && state.shadow;
    const from = beside ? state.kind : publicName(state);
    const to = beside ? next.kind : next.shadow ? 'shadow' : next.kind;
    if (!isLegal(from, to)) throw new IllegalTransitionError(this.#options.name, from, to);
    this.window.advance(now);
    const { recorded, failures, slow } = this.window;
    this.#assign(next, now);
    this.#owner.moved({ from, to, beside, at: now, counts: { recorded, failures, slow }, tripError: this.tripError, cause });
  }

  #assign(next: Successor, now: number): void {
    const before = this.#state;
    const state = incarnate(next, before.generation + 1, now, this.injections !== none);
    this.#state = state;
    this.#calls.startOver();
    this.#alarm?.clear();
    if (state.kind === 'open') this.#wakeAt(state.until, now);
    else if (state.kind !== before.kind) this.window.clear(now);
    if (state.kind !== before.kind) this.consecutiveFailures = 0;
  }

  #close(state: HalfOpenState | OpenState, now: number, cause: Cause): void {
    const { rampUpMs, permits } = this.#options.halfOpen;
    const ramp = rampUpMs > 0 ? new RampUp(now, rampUpMs, permits) : undefined;
    this.move({ kind: 'closed', shadow: state.shadow, ramp } satisfies Omit<ClosedState, 'generation' | 'since' | 'usual'>, now, cause);
  }

  #halfOpen(state: OpenState, now: number, cause: Cause, early: boolean, scoutLeaseMs = 0): void {
    const { shadow, byEvidence } = state;
    this.move({ kind: 'half_open', shadow, trial: this.#trial(scoutLeaseMs), early, byEvidence }, now, cause);
  }

  #trial(scoutLeaseMs: number): HalfOpenTrial {
    return new HalfOpenTrial(this.#options.halfOpen, this.#owner.patienceMs, scoutLeaseMs);
  }

  #wakeAt(due: number, now: number): void {
    this.#alarm ??= new Alarm(this.#clock, this);
    this.#alarm.at(due, now);
  }

  /** @internal For the alarm. */
  ring(now: number): void {
    const state = this.present(now);
    // A result has renewed the lease meanwhile.
    if (state.kind === 'half_open' && state.trial.deadline !== undefined) this.#wakeAt(state.trial.deadline, now);
  }

  #leaseOver(state: HalfOpenState, now: number): void {
    const { leaseMs, scouting } = state.trial;
    const error = new CallTimeoutError(this.#options.name, leaseMs);
    this.open(now, { trigger: 'probe_lease', value: (now - state.since) / 1_000, limit: leaseMs / 1_000, error }, scouting, state.since);
  }
}
