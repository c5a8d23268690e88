import type { Permit } from './permit.ts';
import type { State } from './state.ts';

/**
 * The calls under way, as a chain of their permits in the order of their admission: to enter and to leave it costs the same
 * however many there are, and no memory. Nothing is looked for in it but by a timer or a transition, which look it all through.
 * Calls exempt from time (`untimed`) are counted only.
 */
export class InFlight {
  /** Calls under way, the exempt ones included. */
  count = 0;
  /** Calls past `slowCallMs` as of the last {@link markOverdue}. */
  overdue = 0;
  /** When something last succeeded: who began before has not waited in vain. */
  succeededAt = Number.NEGATIVE_INFINITY;
  #oldest: Permit | undefined;
  #newest: Permit | undefined;
  /** None of the calls that are not overdue yet began before. */
  #timelySince = Number.NEGATIVE_INFINITY;

  add(permit: Permit): void {
    this.count += 1;
    if (permit.untimed) return;
    const older = this.#newest;
    if (older === undefined) this.#oldest = permit;
    else older.newer = permit;
    permit.older = older;
    this.#newest = permit;
  }

  /** @param present the state of the circuit */
  remove(permit: Permit, present: State): void {
    this.count -= 1;
    if (permit.untimed) return;
    const { older, newer } = permit;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    // Whoever keeps a settled permit keeps no other with it.
    permit.older = undefined;
    permit.newer = undefined;
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
    for (let permit = this.#oldest; permit !== undefined; permit = permit.newer) {
      if (permit.startedAt >= startedBefore || permit.overdue || permit.queued || permit.state !== present) continue;
      permit.overdue = true;
      this.overdue += 1;
    }
    this.#timelySince = this.oldestTimely(present) ?? startedBefore;
  }

  /** When the oldest call of a state began that is neither overdue nor in a queue of the caller's. */
  oldestTimely(present: State): number | undefined {
    let oldest = Number.POSITIVE_INFINITY;
    // One that has waited in a queue began later than its place says.
    for (let permit = this.#oldest; permit !== undefined; permit = permit.newer) {
      if (permit.state === present && !permit.overdue && !permit.queued && permit.startedAt < oldest) oldest = permit.startedAt;
    }
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
  }

  /** The calls of a state that have begun since something last succeeded: how many, and when the oldest of them began. */
  waiting(present: State): Waiting {
    let calls = 0;
    let since = Number.POSITIVE_INFINITY;
    for (let permit = this.#oldest; permit !== undefined; permit = permit.newer) {
      if (permit.state !== present || permit.startedAt < this.succeededAt) continue;
      calls += 1;
      if (permit.startedAt < since) since = permit.startedAt;
    }
    return { calls, since };
  }

  /** What telemetry kept with the oldest calls, at most `limit` of them. */
  oldestTraces(limit: number): unknown[] {
    const traced = [...this].filter((permit) => permit.trace !== undefined);
    traced.sort((a, b) => a.startedAt - b.startedAt);
    return traced.slice(0, limit).map((permit) => permit.trace);
  }

  /** Every call under way but the exempt ones, as of now. */
  [Symbol.iterator](): Iterator<Permit> {
    const calls: Permit[] = [];
    for (let permit = this.#oldest; permit !== undefined; permit = permit.newer) calls.push(permit);
    return calls.values();
  }
}

/** Calls that wait while nothing succeeds. */
export interface Waiting {
  readonly calls: number;
  /** When the oldest of them began; infinity when there is none. */
  readonly since: number;
}
