// What the parts of the chaos run of the policies tell each other.
import type { Fault } from '../../soak/types.ts';

/**
 * One operation, written down by the worker when it ended. `subject`: what was asked or written. `value`: what came, as the operation tells it.
 * Times are ms of the wall clock, which all processes share.
 */
export interface Ended {
  readonly kind: string;
  readonly subject: string;
  readonly from: number;
  readonly to: number;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
  readonly value?: unknown;
  /** The mark that the caller was given; the age in ms. */
  readonly stale?: number | undefined;
  /** Of writes in an order: their place. */
  readonly order?: number;
}

/** A process from its start to its end. */
export interface Life {
  readonly from: number;
  to: number;
  killed: boolean;
  readonly ended: Ended[];
  readonly troubles: string[];
  /** When its event loop did not get to run. */
  readonly stalls: (readonly [from: number, to: number])[];
  report?: Report;
}

/** What a process says of itself before it ends. */
export interface Report {
  readonly outstanding: number;
  readonly queueDepth: number;
  readonly heapUsed: readonly number[];
  readonly breakers: readonly {
    readonly name: string;
    readonly state: string;
    readonly inFlight: number;
    readonly places: number;
    readonly waiting: number;
    /** Calls that might be repeated, and all their attempts. */
    readonly repeatable: number;
    readonly attempts: number;
    readonly mostAttempts: number;
    readonly fallbacks: Readonly<Record<string, number>>;
  }[];
}

/** A request as it arrived at an HTTP server. */
export interface Arrival {
  readonly at: number;
  readonly origin: 'first' | 'second';
  readonly method: string;
  readonly call: string;
  readonly personal: boolean;
}

/** A value of a key, from when its writer began until it was acknowledged (`Infinity`: never). */
export interface Version {
  readonly key: string;
  readonly version: number;
  readonly from: number;
  to: number;
}

export interface Limits {
  readonly maxAgeMs: number;
  readonly attempts: number;
  readonly budget: { readonly ratio: number; readonly minPerSecond: number };
  /** Longest time for any operation, the wait behind queued writes included. */
  readonly longestMs: number;
}

/** All there is to judge. */
export interface Story {
  readonly seed: number;
  readonly began: number;
  /** When the last fault was over. */
  readonly calm: number;
  readonly limits: Limits;
  readonly faults: readonly Fault[];
  readonly lives: readonly Life[];
  /** While writes were switched off by the file; `to` is Infinity while they are. */
  readonly readOnly: readonly { readonly from: number; readonly to: number }[];
  readonly versions: readonly Version[];
  /** What Redis has carried out, in its order, by its append-only file: key and value. */
  readonly carriedOut: readonly (readonly [key: string, value: string])[];
  /** What lists in Redis and the table in PostgreSQL hold at the end. */
  readonly kept: { readonly redis: readonly string[]; readonly pg: readonly string[] };
  readonly arrivals: readonly Arrival[];
}
