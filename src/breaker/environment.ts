import type { Clock } from '../core/clock.ts';
import type { Target } from '../core/target.ts';
import type { CallTracer } from '../core/tracer.ts';
import type { Verify } from './watch.ts';

/** What surrounds a breaker; all of it may be left out. */
export interface BreakerEnvironment {
  readonly clock?: Clock | undefined;
  readonly target?: Target | undefined;
  /** The configuration rule that applied, for `snapshot()`. */
  readonly rule?: string | undefined;
  readonly tracer?: CallTracer | undefined;
  /** Stands for many servers, as the overflow breaker does: a fault of one's connection says nothing of the others. */
  readonly shared?: boolean;
  /**
   * Asks the server whether it is there, apart from the traffic: `true` when it has answered anything, `false` when it
   * kept silent, for which five seconds without any answer stand too. Called when calls wait and nothing succeeds; with it,
   * a single waiting call is enough to ask.
   */
  readonly verify?: Verify | undefined;
}

export interface AcquireOptions {
  /** For calls that wait by their nature (BLPOP, LISTEN): exempt from everything that time decides. */
  readonly untimed?: boolean;
  /**
   * Which faults that are injected on purpose the call may meet. Default `errors`: it is then counted as failed, `undefined` is
   * returned, and `rejection()` is its error. `all`: whoever asks heeds `permit.injection`, too.
   */
  readonly faults?: 'none' | 'errors' | 'all';
}

/** What an answer of the server proves. */
export interface RecoveryEvidence {
  /** It was the answer to a call that had waited for so long, in ms: scouts are given twice the time. */
  readonly waitedMs?: number;
  /** Calls succeed on that server: a circuit that only evidence of the connection had opened closes, any other that is open asks at once. */
  readonly proven?: boolean;
}

/** What a fault of the connection proves. */
export interface ConnectionEvidence {
  /** The server refuses connections outright: the circuit opens at once. */
  readonly refused?: boolean;
  /** Of the call that met the fault (`permit.trace`): what the evidence causes belongs to its trace. */
  readonly trace?: unknown;
}
