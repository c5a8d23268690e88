import type { Permit } from './permit.ts';
import type { State } from './state.ts';

/**
 * The calls under way, in no order: to keep them in one would cost every call, and it is seldom asked for, by a timer or
 * a transition, which look them all through. Calls exempt from time (`untimed`) are counted only.
 */
export class InFlight {
  /** Calls past `slowCallMs` as of the last {@link markOverdue}. */
  overdue = 0;
  /** When something last succeeded: who began before has not waited in vain. */
  succeededAt = Number.NEGATIVE_INFINITY;
  #untimed = 0;
  #timed: Permit[] = [];
  /** None of the calls that are not overdue yet began before. */
  #timelySince = Number.NEGATIVE_INFINITY;

  /** Calls under way, the exempt ones included. */
  get count(): number {
    return this.#timed.length + this.#untimed;
  }

  add(permit: Permit): void {
    if (permit.untimed) this.#untimed += 1;
    else permit.place = this.#timed.push(permit) - 1;
  }

  /** @param present the state of the circuit */
  remove(permit: Permit, present: State): void {
    if (permit.untimed) {
      this.#untimed -= 1;
      return;
    }
    // The last one takes its place.
    const last = this.#timed.pop() as Permit;
    if (last !== permit) {
      this.#timed[permit.place] = last;
      last.place = permit.place;
    }
    if (permit.overdue && permit.state === present) this.overdue -= 1;
  }

  /** Another state has begun: the calls under way belong to the one before, and are neither late nor waiting in this one. */
  startOver(): void {
    this.overdue = 0;
    this.#timelySince = Number.NEGATIVE_INFINITY;
  }

  /** Counts the calls of `present` that began before `startedBefore` as overdue. */
  markOverdue(present: State, startedBefore: number): void {
    if (startedBefore <= this.#timelySince) return;
    for (const permit of this.#timed) {
      if (permit.startedAt >= startedBefore || permit.overdue || permit.queued || permit.state !== present) continue;
      permit.overdue = true;
      this.overdue += 1;
    }
    this.#timelySince = this.oldestTimely(present) ?? startedBefore;
  }

  /** When the oldest call of a state began that is neither overdue nor in a queue of the caller's. */
  oldestTimely(present: State): number | undefined {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { state, overdue, queued, startedAt } of this.#timed) {
      if (state === present && !overdue && !queued && startedAt < oldest) oldest = startedAt;
    }
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
  }

  /** The calls of a state that have begun since something last succeeded: how many, and when the oldest of them began. */
  waiting(present: State): Waiting {
    let calls = 0;
    let since = Number.POSITIVE_INFINITY;
    for (const { state, startedAt } of this.#timed) {
      if (state !== present || startedAt < this.succeededAt) continue;
      calls += 1;
      if (startedAt < since) since = startedAt;
    }
    return { calls, since };
  }

  /** What telemetry kept with the oldest calls, at most `limit` of them. */
  oldestTraces(limit: number): unknown[] {
    const traced = this.#timed.filter((permit) => permit.trace !== undefined);
    traced.sort((a, b) => a.startedAt - b.startedAt || a.place - b.place);
    return traced.slice(0, limit).map((permit) => permit.trace);
  }

  /** Every call under way but the exempt ones. */
  [Symbol.iterator](): Iterator<Permit> {
    return this.#timed.slice().values();
  }
}

/** Calls that wait while nothing succeeds. */
export interface Waiting {
  readonly calls: number;
  /** When the oldest of them began; infinity when there is none. */
  readonly since: number;
}
