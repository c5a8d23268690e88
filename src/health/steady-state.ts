import { type HealthState, healthStates } from '../registry/health-board.ts';

const rank = (state: HealthState): number => healthStates.indexOf(state);

/** The state of the system as it counts: what is worse counts at once, what is better once it has lasted. */
export class SteadyState {
  #current: HealthState = 'healthy';
  #since: number;
  /** The worst since it is better than what counts. */
  #better: { readonly state: HealthState; readonly since: number } | undefined;

  constructor(now: number) {
    this.#since = now;
  }

  get current(): HealthState {
    return this.#current;
  }

  /** When it began, in ms of the clock. */
  get since(): number {
    return this.#since;
  }

  /** What it will be, and when, unless something happens. */
  next(steadyMs: number): { readonly state: HealthState; readonly at: number } | undefined {
    return this.#better && { state: this.#better.state, at: this.#better.since + steadyMs };
  }

  /**
   * @param seen what the dependencies come to now
   * @returns whether what counts has changed
   */
  see(seen: HealthState, now: number, steadyMs: number): boolean {
    if (rank(seen) >= rank(this.#current)) {
      this.#better = undefined;
      return this.#become(seen, now);
    }
    const better = this.#better ?? { state: seen, since: now };
    if (now - better.since < steadyMs) {
      this.#better = rank(seen) > rank(better.state) ? { ...better, state: seen } : better;
      return false;
    }
    // It has got even better meanwhile, or at the last moment worse again: from here on anew.
    const reached = rank(seen) > rank(better.state) ? seen : better.state;
    this.#better = rank(seen) < rank(reached) ? { state: seen, since: now } : undefined;
    return this.#become(reached, now);
  }

  #become(state: HealthState, now: number): boolean {
    if (state === this.#current) return false;
    this.#current = state;
    this.#since = now;
    return true;
  }
}
