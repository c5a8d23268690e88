import { Emitter } from '../core/emitter.ts';
import { reportFault } from '../core/fault.ts';
import type { Target } from '../core/target.ts';

/** A connection pool at one moment. */
export interface PoolReading {
  /** Connections handed out, or being made for somebody. */
  readonly used: number;
  readonly idle: number;
  /** How many connections it may have. */
  readonly limit: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
}

/** Reads a pool's numbers; `undefined` once it has ended or is gone. Must not keep the pool alive, nor throw. */
export type ReadPool = () => PoolReading | undefined;

/** A pool ran out of connections while its server was fine, or has connections to spare again. */
export interface PoolEvent {
  readonly seat: PoolSeat;
  readonly reading: PoolReading;
  /** Calls that have given up waiting since it ran out. */
  readonly timeouts: number;
  /** How long it lasted, in ms; only of an end. */
  readonly durationMs?: number;
}

export interface PoolEvents {
  exhausted: PoolEvent;
  relieved: PoolEvent;
}

/** What must happen inside the async context of a call that gave up waiting for a connection. */
export type PoolTimeoutTracer = (seat: PoolSeat, reading: PoolReading) => void;

/**
 * A series of telemetry that one pool has for as long as it lives, and another one after it: programs that make a pool per
 * request must not make a series per request. The last seat of a database is shared by all the pools that are too many.
 */
export class PoolSeat {
  /** Calls that gave up waiting for a connection. */
  timeouts = 0;
  readonly #readers = new Set<ReadPool>();
  #sweepAt = 8;

  constructor(
    /** Such as `postgresql://10.0.0.6:5432/shop`, and `postgresql://10.0.0.6:5432/shop 2` for a second pool of the same database. */
    readonly name: string,
    readonly target: Target,
  ) {}

  get taken(): boolean {
    return this.#readers.size > 0;
  }

  /** What its pools come to together; `undefined` when all of them are gone. */
  read(): PoolReading | undefined {
    let sum: PoolReading | undefined;
    for (const read of this.#readers) {
      const reading = read();
      if (reading === undefined) this.#readers.delete(read);
      else sum = sum === undefined ? reading : added(sum, reading);
    }
    return sum;
  }

  /** @internal For `Pools`. */
  take(read: ReadPool): void {
    this.#readers.add(read);
    // Pools that nobody ended are noticed when somebody reads, and perhaps nobody does.
    if (this.#readers.size < this.#sweepAt) return;
    this.read();
    this.#sweepAt = Math.max(8, this.#readers.size * 2);
  }

  /** @internal For `Pools`. */
  leave(read: ReadPool): void {
    this.#readers.delete(read);
  }
}

/** Pools of one database that have a series each. */
const seatsPerBase = 16;
const defaultMaxSeats = 1_000;

/** The connection pools that clients have, for telemetry: instrumentations add them, numbers are read when metrics are collected. */
export class Pools {
  readonly #seats = new Map<string, PoolSeat>();
  readonly #events = new Emitter<PoolEvents>();
  readonly #maxSeats: number;
  #tracer: PoolTimeoutTracer | undefined;

  constructor(maxSeats: number = defaultMaxSeats) {
    this.#maxSeats = maxSeats;
  }

  /** @param base names the server and database; each of its pools gets a number behind it but the first */
  add(base: string, target: Target, read: ReadPool): PoolSeat {
    const seat = this.#freeSeat(base, target);
    seat.take(read);
    return seat;
  }

  /** A pool has ended. */
  remove(seat: PoolSeat, read: ReadPool): void {
    seat.leave(read);
  }

  /** Each seat that is taken, with its numbers as they are now. */
  *read(): Generator<readonly [PoolSeat, PoolReading]> {
    for (const seat of this.#seats.values()) {
      const reading = seat.read();
      if (reading !== undefined) yield [seat, reading];
    }
  }

  /** A call gave up waiting for a connection. To be called in its own async context. */
  timedOut(seat: PoolSeat, reading: PoolReading): void {
    seat.timeouts += 1;
    try {
      this.#tracer?.(seat, reading);
    } catch (fault) {
      reportFault(fault, 'the tracer of pools');
    }
  }

  tell(name: keyof PoolEvents, event: PoolEvent): void {
    this.#events.emit(name, event);
  }

  on<K extends keyof PoolEvents>(name: K, listener: (event: PoolEvents[K]) => void): Disposable {
    return this.#events.on(name, listener);
  }

  /** @internal For telemetry. */
  setTracer(tracer: PoolTimeoutTracer | undefined): void {
    this.#tracer = tracer;
  }

  #freeSeat(base: string, target: Target): PoolSeat {
    for (let number = 1; number <= seatsPerBase; number += 1) {
      const seat = this.#seat(number === 1 ? base : `${base} ${number}`, target);
      if (seat === undefined) return this.#overflow();
      if (!seat.taken || seat.read() === undefined) return seat;
    }
    return this.#seat(`${base} _other`, target) ?? this.#overflow();
  }

  /** The seat of that name, made if there is room for it. */
  #seat(name: string, target: Target): PoolSeat | undefined {
    const known = this.#seats.get(name);
    if (known !== undefined) return known;
    if (this.#seats.size >= this.#maxSeats) {
      for (const [other, seat] of this.#seats) if (seat.read() === undefined) this.#seats.delete(other);
      if (this.#seats.size >= this.#maxSeats) return undefined;
    }
    return this.#make(name, target);
  }

  #overflow(): PoolSeat {
    return this.#seats.get('_other') ?? this.#make('_other', {});
  }

  #make(name: string, target: Target): PoolSeat {
    const seat = new PoolSeat(name, target);
    this.#seats.set(name, seat);
    return seat;
  }
}

function added(left: PoolReading, right: PoolReading): PoolReading {
  return {
    used: left.used + right.used,
    idle: left.idle + right.idle,
    limit: left.limit + right.limit,
    waiting: left.waiting + right.waiting,
  };
}
