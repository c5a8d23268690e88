import { Alarm, type Sleeper } from '../../src/breaker/alarm.ts';
import type { Breaker } from '../../src/breaker/breaker.ts';
import { CallTimeoutError, withoutStack } from '../../src/core/errors.ts';
import { type Call, isolated } from './call.ts';
import { takeOutCall } from './release.ts';
import type { RedisLike } from './types.ts';

/** A timer this late, in ms, says that the event loop was blocked: answers that have come are read before anybody is given up. */
const lateMs = 50;

interface Deadline {
  readonly client: RedisLike;
  readonly at: number;
  readonly timeoutMs: number;
}

/** The calls of a breaker that are given up when their time is over: one timer for all of them. */
export class Deadlines implements Sleeper {
  readonly #breaker: Breaker;
  readonly #open = new Map<Call, Deadline>();
  readonly #alarm: Alarm;

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
    this.#alarm = new Alarm(breaker.clock, this);
  }

  add(call: Call, client: RedisLike, timeoutMs: number): void {
    const now = this.#breaker.clock.now();
    const at = now + timeoutMs;
    this.#open.set(call, { client, at, timeoutMs });
    this.#alarm.at(at, now);
  }

  delete(call: Call): void {
    this.#open.delete(call);
  }

  /** @internal For the alarm. */
  ring(now: number, late: number): void {
    if (late > lateMs) {
      this.#alarm.at(now + 1, now);
      return;
    }
    let next = Number.POSITIVE_INFINITY;
    for (const [call, deadline] of this.#open) {
      if (deadline.at <= now) this.#giveUp(call, deadline);
      else next = Math.min(next, deadline.at);
    }
    if (next !== Number.POSITIVE_INFINITY) this.#alarm.at(next, now);
  }

  /** An answer that is still to come on a living connection stays expected, and is nobody's. */
  #giveUp(call: Call, { client, timeoutMs }: Deadline): void {
    this.#open.delete(call);
    // Switched to watching meanwhile: nobody is given up.
    if (this.#breaker.onlyWatches) return;
    isolated(() => {
      const error = withoutStack((ms) => new CallTimeoutError(this.#breaker.name, ms), timeoutMs);
      call.release(error, takeOutCall(client, call));
    });
  }
}

const known = new WeakMap<Breaker, Deadlines>();

/** Gives a call the time that its breaker's options allow; `undefined` where they allow it any. */
export function limitTime(call: Call, client: RedisLike, totalMs?: number): Deadlines | undefined {
  const { breaker } = call.admission;
  const { timeoutMs } = breaker.options;
  if (timeoutMs === undefined && totalMs === undefined) return undefined;
  if (breaker.onlyWatches || breaker.mode === 'off' || call.admission.permit?.untimed === true) return undefined;
  const ms = Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, totalMs ?? Number.POSITIVE_INFINITY);
  let deadlines = known.get(breaker);
  if (deadlines === undefined) {
    deadlines = new Deadlines(breaker);
    known.set(breaker, deadlines);
  }
  deadlines.add(call, client, ms);
  return deadlines;
}
