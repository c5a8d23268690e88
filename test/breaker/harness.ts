import type { Breaker, BreakerEnvironment } from '../../src/breaker/breaker.ts';
import { createBreaker } from '../../src/breaker/create-breaker.ts';
import type { CallEvent, RejectedEvent, TransitionEvent } from '../../src/breaker/events.ts';
import type { Permit } from '../../src/breaker/permit.ts';
import type { BreakerOptions } from '../../src/core/options.ts';
import { ManualClock } from '../../src/testing.ts';

export interface Bench {
  readonly clock: ManualClock;
  readonly breaker: Breaker;
  /** Every `transition` so far. */
  readonly moves: TransitionEvent[];
  readonly verdicts: TransitionEvent[];
  readonly rejections: RejectedEvent[];
  readonly calls: CallEvent[];
  /** The moves as `from>to trigger`. */
  readonly trail: () => string[];
}

/** A breaker on a clock that stands still, with no rule but those asked for, no jitter, and everything it tells written down. */
export function bench(options: BreakerOptions = {}, environment: BreakerEnvironment = {}): Bench {
  const clock = new ManualClock();
  const given = { name: 'subject', failureRatio: undefined, ...options, open: { jitter: 0, ...options.open } };
  const breaker = createBreaker(given, { clock, ...environment });
  const moves: TransitionEvent[] = [];
  const verdicts: TransitionEvent[] = [];
  const rejections: RejectedEvent[] = [];
  const calls: CallEvent[] = [];
  breaker.on('transition', (event) => void moves.push(event));
  breaker.on('verdict', (event) => void verdicts.push(event));
  breaker.on('rejected', (event) => void rejections.push(event));
  breaker.on('call', (event) => void calls.push(event));
  return { clock, breaker, moves, verdicts, rejections, calls, trail: () => moves.map(({ from, to, trigger }) => `${from}>${to} ${trigger}`) };
}

/** A breaker that one failure opens, already open. */
export function opened(options: BreakerOptions = {}, environment: BreakerEnvironment = {}): Bench {
  const made = bench({ consecutiveFailures: 1, ...options }, environment);
  fail(made.breaker);
  return made;
}

/** The same, gone half-open. */
export function halfOpened(options: BreakerOptions = {}, environment: BreakerEnvironment = {}): Bench {
  const made = opened(options, environment);
  made.clock.advance(made.breaker.options.open.durationMs);
  return made;
}

export class Boom extends Error {
  readonly code = 'EBOOM';
}

/** The permit of a call that must be admitted. */
export function admit(breaker: Breaker): Permit<Breaker> {
  const permit = breaker.tryAcquire();
  if (permit === undefined) throw new Error(`refused in state ${breaker.state}`);
  return permit;
}

export function admitMany(breaker: Breaker, count: number): Permit<Breaker>[] {
  return Array.from({ length: count }, () => admit(breaker));
}

export function fail(breaker: Breaker, times = 1, durationMs?: number): void {
  for (let i = 0; i < times; i += 1) admit(breaker).fail(new Boom('no'), durationMs);
}

export function succeed(breaker: Breaker, times = 1, durationMs?: number): void {
  for (let i = 0; i < times; i += 1) admit(breaker).succeed(durationMs);
}

/** Lets what hangs on resolved promises run. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
}

/** Calls of a fixed duration, one after the other. */
export function traffic({ breaker, clock }: Bench, calls: number, ms: number): void {
  for (let i = 0; i < calls; i += 1) {
    const permit = admit(breaker);
    clock.advance(ms);
    permit.succeed();
  }
}

/** What the calls so far have come to. */
export function outcomes({ calls }: Bench): string[] {
  return calls.map(({ outcome }) => outcome);
}

/** Lets streams and timers of this turn run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
