import { CallTimeoutError, ConfigError, withoutStack } from '../core/errors.ts';
import type { Admission } from './admission.ts';
import { Alarm, type Sleeper } from './alarm.ts';
import type { Breaker } from './breaker.ts';
import type { RunContext, RunOptions } from './execute.ts';
import { judgeError, judgeValue } from './judge.ts';
import { Permit } from './permit.ts';

/** A timer this late, in ms, says that the event loop was blocked: answers that have come are read before anybody is given up. */
const LATE_MS = 50;
/** Those whose alarm is set. */
const set = new Set<TimedRunner>();
/**
 * The alarms keep no process alive, for most calls end long before; but one that has nothing else to do would end without
 * an answer to those who wait for theirs. To ask then costs the calls nothing.
 */
let listening = false;
function keepAlive(): void {
  for (const runner of set) runner.keepAlive();
}

/** Slots kept for re-use. */
const MAX_SPARE = 1_024;

/** The signal is made for who reads it, and fires when the call's time is over or the caller's own signal does. */
class TimedContext implements RunContext {
  #made: { readonly controller: AbortController; readonly signal: AbortSignal } | undefined;
  #timedOut: Error | undefined;

  constructor(private readonly given: AbortSignal | undefined) {}

  get signal(): AbortSignal {
    if (this.#made === undefined) {
      const controller = new AbortController();
      if (this.#timedOut !== undefined) controller.abort(this.#timedOut);
      this.#made = { controller, signal: this.given === undefined ? controller.signal : AbortSignal.any([this.given, controller.signal]) };
    }
    return this.#made.signal;
  }

  abort(error: Error): void {
    this.#timedOut = error;
    this.#made?.controller.abort(error);
  }
}

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

/** Of the promise just made: one function for all promises, where each would have its own. */
const nobody = (): void => {};
let resolveLatest: Resolve = nobody;
let rejectLatest: Reject = nobody;
function handOver(resolve: Resolve, reject: Reject): void {
  resolveLatest = resolve;
  rejectLatest = reject;
}

/** A permit with a deadline, and with what answers its caller when it has come. */
class TimedSlot extends Permit<Breaker> {
  deadline = 0;
  timeoutMs = 0;
  options: RunOptions | undefined = undefined;
  context: TimedContext | undefined = undefined;
  resolve: Resolve = nobody;
  reject: Reject = nobody;
  readonly onValue: (value: unknown) => void;
  readonly onError: (error: unknown) => void;

  constructor(breaker: Breaker, runner: TimedRunner) {
    super(breaker, false);
    this.onValue = (value) => {
      // What comes too late is nobody's any more.
      if (!this.settled) {
        const classify = this.options?.classify ?? breaker.options.classify;
        if (classify === undefined) breaker.succeed(this);
        else breaker.settle(this, judgeValue(value, classify), undefined, undefined);
        this.resolve(value);
      }
      runner.free(this);
    };
    this.onError = (error) => {
      this.give(error);
      runner.free(this);
    };
  }

  /** The call has failed, and its caller is told. */
  give(error: unknown): void {
    if (this.settled) return;
    const { options, breaker } = this;
    breaker.settle(this, judgeError(error, options?.classify ?? breaker.options.classify, options?.signal), error, undefined);
    this.reject(error);
  }
}

/**
 * Runs promise functions that have a time-out. One timer for all of them, set to the earliest deadline among the calls under
 * way: a call costs no timer, no closure and no AbortController.
 */
export class TimedRunner implements Sleeper {
  readonly #breaker: Breaker;
  readonly #admission: Admission;
  readonly #spare: TimedSlot[] = [];
  readonly #alarm: Alarm;

  constructor(breaker: Breaker, admission: Admission) {
    this.#breaker = breaker;
    this.#admission = admission;
    this.#alarm = new Alarm(breaker.clock, this);
  }

  slot(): TimedSlot {
    return this.#spare.pop() ?? new TimedSlot(this.#breaker, this);
  }

  free(slot: TimedSlot): void {
    slot.renew();
    slot.options = undefined;
    slot.context = undefined;
    slot.resolve = nobody;
    slot.reject = nobody;
    if (this.#spare.length < MAX_SPARE) this.#spare.push(slot);
  }

  /** Makes the call of a slot that has been admitted. */
  run<T>(slot: TimedSlot, fn: (context: RunContext) => T | PromiseLike<T>, options: RunOptions | undefined, timeoutMs: number): Promise<T> {
    const answer = new Promise<unknown>(handOver) as Promise<T>;
    const context = new TimedContext(options?.signal);
    slot.resolve = resolveLatest;
    slot.reject = rejectLatest;
    slot.options = options;
    slot.context = context;
    slot.timeoutMs = timeoutMs;
    slot.deadline = slot.startedAt + timeoutMs;
    this.#wake(slot.deadline, slot.startedAt);
    try {
      const result = slot.probe ? entered(slot, fn, context) : fn(context);
      Promise.resolve(result).then(slot.onValue, slot.onError);
    } catch (error) {
      Promise.reject(error).then(undefined, slot.onError);
    }
    return answer;
  }

  #wake(due: number, now: number): void {
    if (!this.#alarm.isSet) this.#watch();
    this.#alarm.at(due, now);
  }

  #watch(): void {
    set.add(this);
    if (!listening) process.on('beforeExit', keepAlive);
    listening = true;
  }

  /** The process is about to end: not before those who still wait have their answer. */
  keepAlive(): void {
    for (const permit of this.#admission.calls) {
      if (!(permit instanceof TimedSlot)) continue;
      this.#alarm.await();
      return;
    }
  }

  /** @internal For the alarm. */
  ring(now: number, lateMs: number): void {
    if (lateMs > LATE_MS) {
      this.#wake(now + 1, now);
      return;
    }
    let next = Number.POSITIVE_INFINITY;
    for (const permit of this.#admission.calls) {
      if (!(permit instanceof TimedSlot) || permit.settled) continue;
      if (permit.deadline <= now) this.#timeOut(permit);
      else next = Math.min(next, permit.deadline);
    }
    if (next === Number.POSITIVE_INFINITY) set.delete(this);
    else this.#wake(next, now);
  }

  #timeOut(slot: TimedSlot): void {
    const error = withoutStack((ms: number) => new CallTimeoutError(this.#breaker.name, ms), slot.timeoutMs);
    const { context } = slot;
    slot.give(error);
    // Last: it runs whatever the function has hung on its signal.
    context?.abort(error);
  }
}

function entered<R>(slot: Permit, fn: (context: RunContext) => R, context: RunContext): R {
  return slot.enter(() => fn(context));
}

/** None left is a time too: what comes of a deadline that has passed meanwhile. */
export function isTime(timeoutMs: unknown): boolean {
  return typeof timeoutMs === 'number' && !Number.isNaN(timeoutMs);
}

/** A call with a time that is no number would never end, and it is not the dependency's fault. */
export function wrongTimeout(timeoutMs: unknown): ConfigError {
  return new ConfigError([{ path: 'timeoutMs', value: timeoutMs, allowed: 'a time in ms, or Infinity for none' }], 'run');
}
