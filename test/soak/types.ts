// What the parts of the soak tell each other.

export type System = 'redis' | 'pg' | 'fetch';

/** One way to one server: directly, or through a proxy that can slow it down and cut it off. */
export interface Lane {
  readonly name: string;
  readonly system: System;
  readonly port: number;
}

/** Number, lane, kind, begin and end (ms of the wall clock, which both processes share), `ok`, an error code, or what was wrong. */
export type Result = readonly [n: number, lane: number, kind: string, from: number, to: number, outcome: string];

/** A time in which something was done to some lanes. */
export interface Fault {
  readonly lanes: readonly string[];
  readonly kind: string;
  readonly from: number;
  to: number;
}

export interface Transition {
  readonly at: number;
  readonly name: string;
  readonly port?: number;
  readonly from: string;
  readonly to: string;
  readonly trigger: string;
  readonly error?: string;
}

export interface Trouble {
  readonly event: string;
  readonly what: string;
  readonly stack: string;
}

export interface Sample {
  readonly at: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly rss: number;
  readonly outstanding: number;
  readonly begun: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly inFlight: number;
}

export interface BreakerReport {
  readonly name: string;
  readonly state: string;
  readonly inFlight: number;
  readonly permits: number;
  readonly calls: Readonly<Record<string, number>>;
  readonly rejections: Readonly<Record<string, number>>;
}

export interface Finish {
  readonly last: Sample;
  readonly ledger: Readonly<Record<string, readonly string[]>>;
  readonly breakers: readonly BreakerReport[];
}

/** All that a process told. */
export interface Story {
  readonly results: Result[];
  readonly transitions: Transition[];
  readonly troubles: Trouble[];
  readonly samples: Sample[];
  finish?: Finish;
  /** How it ended, and how long after it had been told to, in ms. */
  exit?: { readonly code: number | null; readonly signal: string | null; readonly afterMs: number };
  /** Operations that never came to an end. */
  outstanding: number;
}

export interface Run {
  readonly minutes: number;
  readonly seed: number;
  readonly lanes: readonly Lane[];
  readonly faults: readonly Fault[];
  readonly began: number;
  readonly ended: number;
  readonly guarded: Story;
  readonly twin: Story;
  /** Circuits that were open still although everything was well again. */
  readonly stillOpen: readonly string[];
}
