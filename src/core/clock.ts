import { AsyncLocalStorage } from 'node:async_hooks';
import { reportFault } from './fault.ts';

/** What a timer returns: `cancel` is idempotent and safe after the timer has fired. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time, timers and randomness for the engine.
 * Production code uses {@link systemClock}; tests and replays use `ManualClock` from `otel-breaker/testing`.
 */
export interface Clock {
  /** Milliseconds on a monotonic scale; the origin means nothing. Never the wall clock, which may jump. */
  now(): number;
  /**
   * Calls `fn` once, `ms` milliseconds from now. Must not keep the process alive, unless it is `awaited`: a caller's own answer
   * depends on it, and a program with nothing else to do would end without one.
   */
  setTimer(fn: () => void, ms: number, awaited?: boolean): Timer;
  /** A number in [0, 1). */
  random(): number;
}

/** Runs a function outside the async context of whoever calls: a breaker's timers and listeners belong to no request. */
export const outsideCallContext: <R>(fn: () => R) => R = AsyncLocalStorage.snapshot();

/** What Node's timers can hold; a longer one would fire at once. Whoever set it sees that it is early and sets it again. */
const LONGEST_MS = 2_147_483_647;

/** As they are now: the fake timers of a test replace them, and are the host's time, not ours. */
const { setTimeout, clearTimeout } = globalThis;
const { hrtime } = process;
/** None in a test environment with a `performance` of its own, such as jsdom. */
const nodeTiming: { readonly duration: number } | undefined = globalThis.performance?.nodeTiming;

/**
 * The same clock as `performance.now`, as the property that is nothing but the clock: the method looks at its `this` first, and
 * `process.hrtime` makes a pair, by so much bytecode that V8 has no room left to inline the rest of a call (see `Admission`).
 */
function now(): number {
  return nodeTiming === undefined ? nowByPair() : nodeTiming.duration;
}

function nowByPair(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1_000 + nanoseconds * 1e-6;
}

/** What a timer's function throws has nobody above it: it would be the end of the process. Callbacks of the application's do not run here. */
function ring(fn: () => void): void {
  try {
    fn();
  } catch (fault) {
    reportFault(fault, 'a timer');
  }
}

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout;

  constructor(fn: () => void, ms: number, awaited: boolean) {
    this.#handle = outsideCallContext(() => setTimeout(ring, Math.min(ms, LONGEST_MS), fn));
    if (!awaited) this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** Node's monotonic clock, timers that are unref'd unless awaited, `Math.random`. */
export const systemClock: Clock = {
  now,
  setTimer: (fn, ms, awaited = false) => new SystemTimer(fn, ms, awaited),
  random: () => Math.random(),
};
