import type { Classify } from '../core/outcome.ts';
import type { Breaker } from './breaker.ts';
import type { RunContext, RunOptions } from './execute.ts';
import { judgeError, judgeValue } from './judge.ts';
import { Permit } from './permit.ts';
import type { State } from './state.ts';

const noSignal: RunContext = { signal: undefined };
const settled: Promise<void> = Promise.resolve();
/** Slots kept for re-use; more calls at once than this allocate theirs. */
const MAX_SPARE = 1_024;

/**
 * A permit with the two functions that a promise calls, made once and used for call after call: a call then allocates
 * nothing but the promise that it returns.
 */
class RunSlot extends Permit<Breaker> {
  signal: AbortSignal | undefined;
  classify: Classify | undefined;
  readonly onValue: (value: unknown) => unknown;
  readonly onError: (error: unknown) => never;

  constructor(breaker: Breaker, spare: RunSlot[], state: State, startedAt: number, probe: boolean) {
    super(breaker, state, startedAt, probe, false);
    const free = (): void => {
      this.signal = undefined;
      this.trace = undefined;
      if (spare.length < MAX_SPARE) spare.push(this);
    };
    this.onValue = (value) => {
      breaker.settle(this, judgeValue(value, this.classify), undefined, undefined);
      free();
      return value;
    };
    this.onError = (error) => {
      breaker.settle(this, judgeError(error, this.classify, this.signal), error, undefined);
      free();
      throw error;
    };
  }
}

/** Runs promise functions through a breaker. */
export class Runner {
  readonly #spare: RunSlot[] = [];

  constructor(private readonly breaker: Breaker) {}

  /** A slot for a call that has been admitted. */
  slot(state: State, startedAt: number, probe: boolean): Permit {
    return this.#spare.pop()?.renew(state, startedAt, probe) ?? new RunSlot(this.breaker, this.#spare, state, startedAt, probe);
  }

  run<T>(slot: Permit | undefined, fn: (context: RunContext) => T | PromiseLike<T>, options: RunOptions | undefined): Promise<T> {
    // A turn later: a promise rejected before its caller has it costs Node's book-keeping of unhandled rejections.
    if (slot === undefined) return settled.then(thrower(this.breaker.rejection()));
    const { onValue, onError } = slot as RunSlot;
    (slot as RunSlot).classify = options?.classify ?? this.breaker.options.classify;
    try {
      // No function is made here: a variable that one holds would cost every call an object.
      const context = options?.signal === undefined ? noSignal : withSignal(slot as RunSlot, options.signal);
      const result = slot.probe ? entered(slot, fn, context) : fn(context);
      const promise = result instanceof Promise && result.constructor === Promise ? (result as Promise<T>) : Promise.resolve(result);
      return (promise as Promise<T>).then(onValue as (value: T) => T, onError);
    } catch (error) {
      return settled.then(thrower(error)).then(undefined, onError);
    }
  }
}

function withSignal(slot: RunSlot, signal: AbortSignal): RunContext {
  slot.signal = signal;
  return { signal };
}

function entered<R>(slot: Permit, fn: (context: RunContext) => R, context: RunContext): R {
  return slot.enter(() => fn(context));
}

export function thrower(error: unknown): () => never {
  return () => {
    throw error;
  };
}
