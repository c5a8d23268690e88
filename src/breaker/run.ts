import type { Breaker } from './breaker.ts';
import type { RunContext, RunOptions } from './execute.ts';
import { judgeError, judgeValue } from './judge.ts';
import { Permit } from './permit.ts';

const noSignal: RunContext = { signal: undefined };
const settled: Promise<void> = Promise.resolve();
/** Slots kept for re-use; more calls at once than this allocate theirs. */
const MAX_SPARE = 1_024;

/**
 * A permit with the two functions that a promise calls, made once and used for call after call, of whatever breaker: a call
 * then allocates nothing but the promise that it returns, and a breaker that nobody calls keeps nothing for it.
 */
class RunSlot extends Permit<Breaker> {
  /** Of the call that it is used for. */
  declare breaker: Breaker;
  options: RunOptions | undefined = undefined;
  /** The next of those that wait to be used. */
  next: RunSlot | undefined = undefined;
  /** Of the call's function. */
  promise: Promise<unknown> | undefined = undefined;
  readonly onValue: (value: unknown) => unknown;
  readonly onError: (error: unknown) => unknown;

  constructor(breaker: Breaker) {
    super(breaker, false);
    this.onValue = (value) => {
      const { breaker } = this;
      const classify = this.options?.classify ?? breaker.options.classify;
      if (classify === undefined) breaker.succeed(this);
      else breaker.settle(this, judgeValue(value, classify), undefined, undefined);
      freeSlot(this);
      return value;
    };
    this.onError = (error) => {
      const { breaker, options, promise } = this;
      const outcome = judgeError(error, options?.classify ?? breaker.options.classify, options?.signal);
      if (outcome === 'failure') breaker.fail(this, error);
      else breaker.settle(this, outcome, error, undefined);
      freeSlot(this);
      // Rejected with the same error and heard already: to go on with it costs half of what throwing the error would.
      return promise;
    };
  }
}

/** Slots that wait to be used, as a chain: those of all breakers. */
let spare: RunSlot | undefined;
let spares = 0;

/** A slot for a call to come. */
export function slotFor(breaker: Breaker): RunSlot {
  const slot = spare;
  if (slot === undefined) return new RunSlot(breaker);
  spare = slot.next;
  spares -= 1;
  slot.breaker = breaker;
  return slot;
}

export function freeSlot(slot: RunSlot): void {
  slot.renew();
  slot.options = undefined;
  slot.promise = undefined;
  // A breaker that was dropped is not kept by what waits to be used.
  (slot as { breaker: Breaker | undefined }).breaker = undefined;
  if (spares === MAX_SPARE) return;
  slot.next = spare;
  spare = slot;
  spares += 1;
}

/** Makes the call of a slot that has been admitted. */
export function runIn<T>(slot: RunSlot, fn: (context: RunContext) => T | PromiseLike<T>, options: RunOptions | undefined): Promise<T> {
  slot.options = options;
  try {
    // No function is made here: a variable that one holds would cost every call an object.
    const context = options?.signal === undefined ? noSignal : { signal: options.signal };
    const promise = Promise.resolve(slot.probe ? entered(slot, fn, context) : fn(context));
    slot.promise = promise;
    return promise.then(slot.onValue as (value: Awaited<T>) => T, slot.onError as () => never);
  } catch (error) {
    slot.promise = rejectedLater(error);
    return slot.promise.then(undefined, slot.onError) as Promise<never>;
  }
}

function entered<R>(slot: Permit, fn: (context: RunContext) => R, context: RunContext): R {
  return slot.enter(() => fn(context));
}

/**
 * A turn later: a promise rejected before its caller has it costs Node's book-keeping of unhandled rejections. And without
 * a throw, of which V8 notes where it came from.
 */
export function rejectedLater(error: unknown): Promise<never> {
  return new Promise((_, reject) => {
    settled.then(() => reject(error));
  });
}
