import type { Readable } from 'node:stream';
import type { Classify } from '../core/outcome.ts';
import type { Breaker } from './breaker.ts';
import { judgeError, judgeValue } from './judge.ts';

/** What a protected function is handed. */
export interface RunContext {
  /** To be passed on to whatever takes one: the caller's, which in a call with a time-out fires at the end of that as well. */
  readonly signal: AbortSignal | undefined;
}

export interface RunOptions {
  /** The caller's: aborted before the call, the call is not made; a call that ends by it is `cancelled`, never a failure. */
  readonly signal?: AbortSignal | undefined;
  /** For this call, instead of the breaker's. */
  readonly classify?: Classify | undefined;
  /**
   * Time, in ms, after which the call counts as failed and its caller gets a `CallTimeoutError`, instead of the breaker's. The
   * function is not stopped by it, unless it heeds `context.signal`.
   */
  readonly timeoutMs?: number | undefined;
}

/** Any stream of Node's; described by its shape so that our types need none of Node's. */
export interface StreamLike {
  on(event: string, listener: (...args: never[]) => void): unknown;
}

export function runSync<T>(breaker: Breaker, fn: () => T, options: Omit<RunOptions, 'signal' | 'timeoutMs'> | undefined): T {
  const permit = breaker.tryAcquire();
  if (permit === undefined) throw breaker.rejection();
  const classify = options?.classify ?? breaker.options.classify;
  try {
    const value = permit.enter(fn);
    permit.settle(judgeValue(value, classify));
    return value;
  } catch (error) {
    permit.settle(judgeError(error, classify, undefined), error);
    throw error;
  }
}

const heedsFaults = { faults: 'all' } as const;

/** Node's callback: an error or nothing first, then results. */
export type Callback<Results extends unknown[]> = (error: unknown, ...results: Results) => void;

export function callbackCall<Results extends unknown[]>(
  breaker: Breaker,
  start: (callback: Callback<Results>) => void,
  callback: Callback<Results>,
  options: Omit<RunOptions, 'signal' | 'timeoutMs'> | undefined,
): void {
  const permit = breaker.tryAcquire(heedsFaults);
  if (permit === undefined) {
    const refusal = breaker.rejection();
    // Never within the caller's own turn: a callback that is called now and then at once is a trap.
    process.nextTick(() => Reflect.apply(callback, undefined, [refusal]));
    return;
  }
  const classify = options?.classify ?? breaker.options.classify;
  const settle: Callback<Results> = (error, ...results) => {
    const failed = error !== undefined && error !== null;
    permit.settle(failed ? judgeError(error, classify, undefined) : judgeValue(results[0], classify), failed ? error : undefined);
    callback(error, ...results);
  };
  const begin = (): void => {
    try {
      permit.enter(() => start(settle));
    } catch (error) {
      permit.settle(judgeError(error, classify, undefined), error);
      throw error;
    }
  };
  const fail = (error: unknown): void => process.nextTick(() => Reflect.apply(callback, undefined, [error]));
  const { injection } = permit;
  if (injection === undefined) begin();
  else if (injection.kind === 'latency') injection.delay(() => later(begin, fail));
  else {
    injection.hold(() => {
      const error = injection.error(breaker);
      permit.ignore(error);
      fail(error);
    });
  }
}

/** Its caller has gone on: nobody is left to throw to. */
function later(begin: () => void, fail: (error: unknown) => void): void {
  try {
    begin();
  } catch (error) {
    fail(error);
  }
}

export function runStream<S extends StreamLike>(breaker: Breaker, open: () => S, options: Omit<RunOptions, 'signal' | 'timeoutMs'> | undefined): S {
  const permit = breaker.tryAcquire();
  if (permit === undefined) throw breaker.rejection();
  const classify = options?.classify ?? breaker.options.classify;
  try {
    const stream = permit.enter(open);
    // Loaded when there is a stream: most programs that load the engine have none.
    const [{ finished }, { errorMonitor }] = [process.getBuiltinModule('node:stream'), process.getBuiltinModule('node:events')];
    const failed = (error: unknown): void => permit.settle(judgeError(error, classify, undefined), error);
    // Without a listener for `error` of ours: an error that nobody handles is uncaught, as it is without us.
    finished(stream as unknown as Readable, { error: false }, (error) => {
      // Destroyed by its reader without an error: the reader had enough.
      if (error?.code === 'ERR_STREAM_PREMATURE_CLOSE') permit.cancel();
      else if (error) failed(error);
      else permit.succeed();
    });
    (stream as unknown as Readable).on(errorMonitor, failed);
    return stream;
  } catch (error) {
    permit.settle(judgeError(error, classify, undefined), error);
    throw error;
  }
}

/** A function of the same signature that runs through the breaker; `this` is passed on. */
export function wrapped<This, Args extends unknown[], R>(
  breaker: Breaker,
  fn: (this: This, ...args: Args) => PromiseLike<R>,
  options: RunOptions | undefined,
): (this: This, ...args: Args) => Promise<R> {
  const guarded = function (this: This, ...args: Args): Promise<R> {
    return breaker.run(() => fn.apply(this, args), options);
  };
  Object.defineProperty(guarded, 'name', { value: fn.name, configurable: true });
  Object.defineProperty(guarded, 'length', { value: fn.length, configurable: true });
  return guarded;
}
