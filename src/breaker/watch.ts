import { type Clock, outsideCallContext, type Timer } from '../core/clock.ts';
import { CallTimeoutError } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import type { ResolvedOptions } from '../core/options.ts';
import { Alarm } from './alarm.ts';
import type { Circuit } from './circuit.ts';
import type { InFlight } from './in-flight.ts';
import { Patience } from './trip/patience.ts';
import { StallRule } from './trip/stall.ts';

/** A timer this late says that the event loop was blocked, and answers may lie unread. */
const LATE_MS = 50;
/** How often to look while calls are under way, at least: a pause of our own is measured that well. */
const LOOK_MS = 50;
/** How soon a suspicion is looked at again. */
const RECHECK_MS = 50;
/** A server that is asked and says nothing for so long has said no, should whoever asks have no limit of their own. */
const LONGEST_QUESTION_MS = 5_000;

/**
 * Asks a server whether it is there.
 * @param healthyMs how long a healthy call may take, where that has been learned
 * @param silenced an injected hang keeps the answer from us, whatever it is: it may be left unasked, and takes as long as silence does
 */
export interface Verify {
  (healthyMs?: number, silenced?: boolean): Promise<boolean>;
  /** What came in place of the last answer, such as a refused connection; `undefined`: silence. */
  readonly met?: unknown;
}

/**
 * Watches the calls under way of a closed circuit: those that run for too long (`countInFlight`), and a target that
 * hangs (`stall`). One timer, set only while calls are under way.
 */
export class Watch {
  #stall: StallRule | undefined;
  #patience: Patience | undefined;
  #slowCallMs: number | undefined;
  #asking = false;
  /** Since when the calls had waited that looked stalled at the last look. */
  #suspectedSince: number | undefined;
  /** When the event loop was last found to have been blocked, and for how long. */
  #blockedAt = Number.NEGATIVE_INFINITY;
  #blockedMs = 0;
  readonly #alarm: Alarm;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #calls: InFlight;
  readonly #circuit: Circuit;
  readonly #verify: Verify | undefined;

  constructor(options: ResolvedOptions, clock: Clock, calls: InFlight, circuit: Circuit, verify: Verify | undefined) {
    this.#name = options.name;
    this.#clock = clock;
    this.#calls = calls;
    this.#circuit = circuit;
    this.#verify = verify;
    this.#alarm = new Alarm(clock, this);
    this.setOptions(options, clock.now());
  }

  /** Whether the options have anything that needs watching. */
  static isNeeded({ stall, countInFlight, slowCallMs, slowRatio }: ResolvedOptions): boolean {
    return stall !== undefined || (countInFlight && slowCallMs !== undefined && slowRatio !== undefined);
  }

  setOptions(options: ResolvedOptions, now: number): void {
    if (options.stall !== undefined) this.#patience ??= new Patience(now);
    this.#stall = options.stall && this.#patience && new StallRule(options.stall, this.#verify !== undefined, this.#patience);
    this.#slowCallMs = options.countInFlight && options.slowRatio !== undefined ? options.slowCallMs : undefined;
    this.#set(now, now);
  }

  /** How long a healthy call may take, as learned; 0 while too little is known. */
  get patienceMs(): number {
    return this.#stall?.learnedMs ?? 0;
  }

  /** A call has begun. */
  began(now: number): void {
    if (!this.#alarm.isSet) this.#set(now, now);
  }

  /** A call has succeeded. @param durationMs `undefined` for a call that waits by its nature */
  succeeded(now: number, durationMs: number | undefined): void {
    if (durationMs !== undefined) this.#stall?.learn(durationMs > LATE_MS ? this.#withoutBlock(now, durationMs) : durationMs);
    this.markOverdue(now);
  }

  /**
   * A call's duration less the time for which our own event loop was blocked: one pause of a second would else teach patience
   * of several with the next server that hangs.
   */
  #withoutBlock(now: number, durationMs: number): number {
    const lateMs = this.#alarm.lateMs(now);
    if (lateMs > LATE_MS) return Math.max(0, durationMs - lateMs);
    return now - durationMs < this.#blockedAt ? Math.max(0, durationMs - this.#blockedMs) : durationMs;
  }

  /** Brings the count of overdue calls up to date. */
  markOverdue(now: number): void {
    if (this.#slowCallMs !== undefined) this.#calls.markOverdue(this.#circuit.state, now - this.#slowCallMs);
  }

  #set(now: number, soonest: number): void {
    const { state } = this.#circuit;
    // What began before is nothing to the closed state to come, and its own first call sets the timer again.
    if (state.kind !== 'closed') return;
    const slowCallMs = this.#slowCallMs ?? Number.POSITIVE_INFINITY;
    const slowFrom = this.#slowCallMs === undefined ? undefined : this.#calls.oldestTimely(state);
    // A call is slow when it has taken longer than the limit: one tick after it.
    const slowDue = slowFrom === undefined ? Number.POSITIVE_INFINITY : slowFrom + slowCallMs + 1;
    const stallDue = this.#stall?.due(this.#calls.waiting(state)) ?? Number.POSITIVE_INFINITY;
    const due = Math.min(slowDue, stallDue);
    if (due === Number.POSITIVE_INFINITY) return;
    // A call that begins later does not set the timer, yet it may be due before those under way now.
    const nextLook = now + Math.min(this.#stall === undefined ? Number.POSITIVE_INFINITY : Math.min(this.#stall.lookMs, LOOK_MS), slowCallMs + 1);
    const wanted = Math.min(due, nextLook);
    this.#alarm.at(wanted > now ? wanted : soonest, now);
  }

  /** @internal For the alarm. */
  ring(now: number, lateMs: number): void {
    this.#stall?.forget(now);
    if (lateMs > LATE_MS) {
      this.#blockedAt = now;
      this.#blockedMs = lateMs;
    }
    // After a blocked event loop nothing is judged: the answers may have come and lie unread.
    const again = lateMs <= LATE_MS && this.#examine(now);
    if (again) this.#alarm.at(now, now);
    else this.#set(now, now + RECHECK_MS);
  }

  /** @returns whether to look again at once */
  #examine(now: number): boolean {
    if (this.#circuit.state.kind === 'closed') {
      this.markOverdue(now);
      if (this.#calls.overdue > 0) this.#circuit.evaluate(now, undefined, undefined);
    }
    return this.#circuit.state.kind === 'closed' && this.#judge(now);
  }

  #judge(now: number): boolean {
    const waiting = this.#calls.waiting(this.#circuit.state);
    const verdict = this.#stall?.judge(waiting, now);
    if (verdict === 'ask' && !this.#asking) this.#ask();
    if (verdict !== 'stalled') return false;
    // However short the event loop was busy, answers may lie unread: in a turn of it, those that have come are read.
    if (this.#suspectedSince === waiting.since) {
      this.#trip(now);
      return false;
    }
    this.#suspectedSince = waiting.since;
    return true;
  }

  /** @param met what the server was found to do instead of answering: only silence is a time-out */
  #trip(now: number, met?: unknown): void {
    const measured = this.#stall?.verdict(this.#calls.waiting(this.#circuit.state), now);
    const error = met ?? new CallTimeoutError(this.#name, Math.round((measured?.value ?? 0) * 1_000));
    this.#circuit.open(now, { trigger: 'stall', ...measured, error });
  }

  #ask(): void {
    const asked = this.#circuit.state;
    const { since } = this.#calls.waiting(asked);
    let answered = false;
    const settle = (alive: boolean, met?: unknown): void => {
      if (answered) return;
      answered = true;
      this.#asking = false;
      limit.cancel();
      const now = this.#clock.now();
      if (this.#circuit.state !== asked) return;
      if (alive) this.#stall?.alive(now);
      // An answer may have come meanwhile, to a call or to nobody: only silence on both sides convicts.
      else if (this.#calls.waiting(asked).since === since) this.#trip(now, met);
    };
    this.#asking = true;
    const limit: Timer = this.#clock.setTimer(() => settle(false), LONGEST_QUESTION_MS);
    const verify: Verify = this.#verify ?? (() => Promise.resolve(true));
    const silenced = this.#circuit.silenced(this.#clock.now());
    const heard = (alive: boolean): void => settle(alive && !silenced, silenced ? undefined : verify.met);
    outsideCallContext(async () => verify(this.#stall?.learnedMs, silenced)).then(heard, (fault: unknown) => {
      reportFault(fault, 'verifying a stall');
      settle(true);
    });
  }
}
