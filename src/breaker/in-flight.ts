import type { Permit } from './permit.ts';

/**
 * The calls under way, in no order: to keep them in one would cost every call, and it is seldom asked for, by a timer or
 * a transition, which look them all through. Calls exempt from time (`untimed`) are counted only.
 */
export class InFlight {
  /** Calls under way, the exempt ones included. */
  count = 0;
  /** Of these, the ones past `slowCallMs` as of the last {@link markOverdue}. */
  overdue = 0;
  /** Calls that began after the last success: while they wait, nothing has succeeded. */
  waiting = 0;
  /** How often something has succeeded, or the circuit has begun a new state. */
  era = 0;
  readonly #timed: Permit[] = [];
  /** Counts the circuit's states: the calls of an earlier one are never late in this. */
  #term = 0;
  /** None of the calls that are not overdue yet began before. */
  #timelySince = Number.NEGATIVE_INFINITY;

  add(permit: Permit): void {
    this.count += 1;
    if (permit.untimed) return;
    permit.era = this.era;
    permit.term = this.#term;
    this.waiting += 1;
    permit.place = this.#timed.length;
    this.#timed.push(permit);
  }

  remove(permit: Permit): void {
    this.count -= 1;
    if (permit.untimed) return;
    if (permit.era === this.era) this.waiting -= 1;
    if (permit.overdue && permit.term === this.#term) this.overdue -= 1;
    const last = this.#timed.pop() as Permit;
    if (last === permit) return;
    this.#timed[permit.place] = last;
    last.place = permit.place;
  }

  /** Something has succeeded: nobody under way has waited in vain yet. */
  succeeded(): void {
    this.era += 1;
    this.waiting = 0;
  }

  /** A new state has begun: the calls under way belong to the one before, and are neither late nor waiting in this one. */
  startOver(): void {
    this.succeeded();
    this.overdue = 0;
    this.#term += 1;
  }

  /** Counts the calls that began before `startedBefore` as overdue. */
  markOverdue(startedBefore: number): void {
    if (startedBefore <= this.#timelySince) return;
    for (const permit of this.#timed) {
      if (permit.startedAt >= startedBefore || !this.#isTimely(permit)) continue;
      permit.overdue = true;
      this.overdue += 1;
    }
    this.#timelySince = this.oldestTimely ?? startedBefore;
  }

  /** When the oldest call not yet overdue began. */
  get oldestTimely(): number | undefined {
    return oldestOf(this.#timed.filter((permit) => this.#isTimely(permit)));
  }

  /** When the oldest of those that wait began. */
  get waitingSince(): number | undefined {
    return this.waiting === 0 ? undefined : oldestOf(this.#timed.filter((permit) => permit.era === this.era));
  }

  /** What telemetry kept with the oldest calls, at most `limit` of them. */
  oldestTraces(limit: number): unknown[] {
    const traced = this.#timed.filter((permit) => permit.trace !== undefined);
    traced.sort((a, b) => a.startedAt - b.startedAt || a.place - b.place);
    return traced.slice(0, limit).map((permit) => permit.trace);
  }

  #isTimely(permit: Permit): boolean {
    return permit.term === this.#term && !permit.overdue;
  }
}

function oldestOf(permits: readonly Permit[]): number | undefined {
  return permits.length === 0 ? undefined : permits.reduce((oldest, { startedAt }) => Math.min(oldest, startedAt), Number.POSITIVE_INFINITY);
}
