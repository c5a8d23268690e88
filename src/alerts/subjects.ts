import type { Breaker } from '../breaker/breaker.ts';
import type { Target } from '../core/target.ts';
import type { BreakerPast } from '../history/breaker-past.ts';
import type { Total } from '../history/columns.ts';
import { RowRing } from '../history/row-ring.ts';
import type { PoolReading, PoolSeat } from '../registry/pools.ts';
import type { Condition } from './condition.ts';
import { Latency } from './latency.ts';
import type { Rule } from './rule.ts';
import type { Rulebook } from './rulebook.ts';

/** Ticks of the history in a minute, and in an hour. */
const minuteTicks = 12;
const hourTicks = 720;
/** Ticks that the longest window has. */
const windowTicks = 180;

/** What a rule can be about. */
interface Watched {
  readonly name: string;
  readonly target: Target;
  /** The server, where it is known: what goes wrong there is one trouble. */
  readonly place: string;
  /** Rules that hold, or have held until just now, by their names. */
  conditions: Map<string, Condition> | undefined;
  /** As the rulebook in force has them. */
  rules: { readonly of: Rulebook; readonly list: readonly Rule[] } | undefined;
}

export class BreakerSubject implements Watched {
  readonly kind = 'breaker';
  readonly past: BreakerPast;
  readonly place: string;
  readonly latency = new Latency();
  conditions: Map<string, Condition> | undefined = undefined;
  rules: Watched['rules'];
  #tick = 0;
  /** A thousand are not read in the same tick. */
  readonly #phase: number;

  constructor(past: BreakerPast, phase: number) {
    this.past = past;
    this.#phase = phase % minuteTicks;
    this.place = this.target.server ?? past.name;
  }

  get name(): string {
    return this.past.name;
  }

  get breaker(): Breaker {
    return this.past.breaker;
  }

  get target(): Target {
    return this.past.breaker.target;
  }

  sampled(tick: number): void {
    this.#tick = tick;
    if (tick % minuteTicks === this.#phase) this.latency.read(this.breaker, Math.floor(tick / hourTicks));
  }

  grown(total: Total, ticks: number): number {
    return this.past.grown(total, this.#tick, ticks);
  }
}

const row = new Uint32Array(2);

export class PoolSubject implements Watched {
  readonly kind = 'pool';
  readonly seat: PoolSeat;
  readonly place: string;
  conditions: Map<string, Condition> | undefined = undefined;
  rules: Watched['rules'];
  reading: PoolReading;
  readonly #timeouts = new RowRing(2, windowTicks + 2);
  #tick = 0;

  constructor(seat: PoolSeat, reading: PoolReading, tick: number) {
    this.seat = seat;
    this.reading = reading;
    this.place = seat.target.server ?? seat.name;
    this.sampled(tick, reading);
  }

  get name(): string {
    return this.seat.name;
  }

  get target(): Target {
    return this.seat.target;
  }

  sampled(tick: number, reading: PoolReading): void {
    this.reading = reading;
    this.#tick = tick;
    row[0] = tick;
    row[1] = this.seat.timeouts;
    this.#timeouts.push(row);
    this.#timeouts.forgetBefore(tick - windowTicks - 1);
  }

  /** Calls that gave up waiting. */
  timeouts(ticks: number): number {
    const before = Math.max(0, this.#timeouts.indexAt(this.#tick - ticks));
    return this.seat.timeouts - this.#timeouts.word(before, 1);
  }
}

export type Subject = BreakerSubject | PoolSubject;
