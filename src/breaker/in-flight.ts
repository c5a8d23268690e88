import type { Permit } from './permit.ts';

/**
 * The calls under way, oldest first: a linked list through the permits themselves, so that a call costs no allocation
 * and every question is about its ends. Calls exempt from time (`untimed`) are counted only.
 */
export class InFlight {
  /** Calls under way, the exempt ones included. */
  count = 0;
  /** Of these, the ones past `slowCallMs` as of the last {@link markOverdue}. */
  overdue = 0;
  /** Calls that began after the last success: while they wait, nothing has succeeded. */
  waiting = 0;
  /** The oldest of those. */
  oldestWaiting: Permit | undefined;
  #oldest: Permit | undefined;
  #newest: Permit | undefined;
  #firstTimely: Permit | undefined;
  /** How often something has succeeded, or the circuit has begun a new state. */
  era = 0;
  /** Tells the calls that are counted as overdue from those that were so in an earlier state. */
  #term = 1;

  add(permit: Permit): void {
    this.count += 1;
    if (permit.untimed) return;
    permit.older = this.#newest;
    permit.newer = undefined;
    if (this.#newest === undefined) this.#oldest = permit;
    else this.#newest.newer = permit;
    this.#newest = permit;
    this.#firstTimely ??= permit;
    this.oldestWaiting ??= permit;
    permit.era = this.era;
    this.waiting += 1;
  }

  remove(permit: Permit): void {
    this.count -= 1;
    if (permit.untimed) return;
    if (permit.overdue === this.#term) this.overdue -= 1;
    if (permit.era === this.era) this.waiting -= 1;
    if (this.oldestWaiting === permit) this.oldestWaiting = permit.newer;
    if (this.#firstTimely === permit) this.#firstTimely = permit.newer;
    if (permit.older === undefined) this.#oldest = permit.newer;
    else permit.older.newer = permit.newer;
    if (permit.newer === undefined) this.#newest = permit.older;
    else permit.newer.older = permit.older;
    permit.older = undefined;
    permit.newer = undefined;
  }

  /** Something has succeeded: nobody under way has waited in vain yet. */
  succeeded(): void {
    this.era += 1;
    this.waiting = 0;
    this.oldestWaiting = undefined;
  }

  /** A new state has begun: the calls under way belong to the one before, and are neither late nor waiting in this one. */
  startOver(): void {
    this.succeeded();
    this.overdue = 0;
    this.#term += 1;
    this.#firstTimely = undefined;
  }

  /** Counts the calls that began before `startedBefore` as overdue; each is passed once. */
  markOverdue(startedBefore: number): void {
    let permit = this.#firstTimely;
    while (permit !== undefined && permit.startedAt < startedBefore) {
      permit.overdue = this.#term;
      this.overdue += 1;
      permit = permit.newer;
    }
    this.#firstTimely = permit;
  }

  /** When the oldest call not yet overdue began. */
  get oldestTimely(): number | undefined {
    return this.#firstTimely?.startedAt;
  }

  /** What telemetry kept with the oldest calls, at most `limit` of them. */
  oldestTraces(limit: number): unknown[] {
    const traces: unknown[] = [];
    for (let permit = this.#oldest; permit !== undefined && traces.length < limit; permit = permit.newer) {
      if (permit.trace !== undefined) traces.push(permit.trace);
    }
    return traces;
  }
}
