import { type Clock, outsideCallContext } from '../core/clock.ts';
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
/** How soon a suspicion is looked at again. */
const RECHECK_MS = 50;

/**
 * Watches the calls under way of a closed circuit: those that run for too long (`countInFlight`), and a target that
 * hangs (`stall`). One timer, set only while calls are under way.
 */
export class Watch {
  #stall: StallRule | undefined;
  #patience: Patience | undefined;
  #slowCallMs: number | undefined;
  #asking = false;
  readonly #alarm: Alarm;
  private readonly name: string;

  constructor(
    options: ResolvedOptions,
    private readonly clock: Clock,
    private readonly calls: InFlight,
    private readonly circuit: Circuit,
    private readonly verify: (() => Promise<boolean>) | undefined,
  ) {
    this.#alarm = new Alarm(clock, (now, lateMs) => this.#look(now, lateMs));
    this.name = options.name;
    this.setOptions(options, clock.now());
  }

  setOptions(options: ResolvedOptions, now: number): void {
    if (options.stall !== undefined) this.#patience ??= new Patience(now);
    this.#stall = options.stall && this.#patience && new StallRule(options.stall, this.verify !== undefined, this.#patience);
    this.#slowCallMs = options.countInFlight && options.slowRatio !== undefined ? options.slowCallMs : undefined;
    this.#set(now);
  }

  /** How long a healthy call may take, as learned; 0 while too little is known. */
  get patienceMs(): number {
    return this.#stall?.learnedMs ?? 0;
  }

  /** A call has begun. */
  began(now: number): void {
    if (!this.#alarm.isSet) this.#set(now);
  }

  /** A call has succeeded. @param durationMs `undefined` for a call that waits by its nature */
  succeeded(now: number, durationMs: number | undefined): void {
    if (durationMs !== undefined) this.#stall?.learn(now, durationMs);
  }

  /** Brings the count of overdue calls up to date. */
  markOverdue(now: number): void {
    if (this.#slowCallMs !== undefined) this.calls.markOverdue(now - this.#slowCallMs);
  }

  #set(now: number, soonest = now): void {
    // What began before is nothing to the closed state to come, and its own first call sets the timer again.
    if (this.circuit.state.kind !== 'closed') return;
    const slowFrom = this.#slowCallMs === undefined ? undefined : this.calls.oldestTimely;
    const stallFrom = this.#stall?.due(this.calls);
    if (slowFrom === undefined && stallFrom === undefined) return;
    // A call is slow when it has taken longer than the limit: one tick after it.
    const slowDue = slowFrom === undefined ? Number.POSITIVE_INFINITY : slowFrom + (this.#slowCallMs as number) + 1;
    // A call that begins later does not set the timer, yet it may be due before those under way now.
    const nextLook = now + Math.min(this.#stall?.lookMs ?? Number.POSITIVE_INFINITY, (this.#slowCallMs ?? Number.POSITIVE_INFINITY) + 1);
    this.#alarm.at(Math.max(soonest, Math.min(slowDue, stallFrom ?? Number.POSITIVE_INFINITY, nextLook)), now);
  }

  #look(now: number, lateMs: number): void {
    // After a blocked event loop nothing is judged: the answers may have come and lie unread.
    if (lateMs <= LATE_MS) this.#examine(now);
    this.#set(now, now + RECHECK_MS);
  }

  #examine(now: number): void {
    if (this.circuit.state.kind === 'closed') {
      this.markOverdue(now);
      if (this.calls.overdue > 0) this.circuit.evaluate(now, undefined, undefined);
    }
    if (this.circuit.state.kind === 'closed') this.#judge(now);
  }

  #judge(now: number): void {
    const verdict = this.#stall?.judge(this.calls, now);
    if (verdict === 'stalled') this.#trip(now);
    else if (verdict === 'ask' && !this.#asking) this.#ask(now);
  }

  #trip(now: number): void {
    const measured = this.#stall?.verdict(this.calls, now);
    const error = new CallTimeoutError(this.name, Math.round((measured?.value ?? 0) * 1_000));
    this.circuit.open(now, { trigger: 'stall', ...measured, error });
  }

  #ask(now: number): void {
    const asked = this.circuit.state;
    const waiting = this.calls.era;
    const settle = (alive: boolean): void => {
      this.#asking = false;
      const then = this.clock.now();
      if (this.circuit.state !== asked || asked.kind !== 'closed') return;
      if (alive) this.#stall?.alive(then);
      // An answer may have come meanwhile, to a call or to nobody: only silence on both sides convicts.
      else if (this.calls.era === waiting && this.calls.waiting > 0) this.#trip(then);
    };
    this.#asking = true;
    const verify = this.verify ?? (() => Promise.resolve(true));
    outsideCallContext(async () => verify()).then(settle, (fault: unknown) => {
      reportFault(fault, `verifying at ${now}`);
      settle(true);
    });
  }
}
