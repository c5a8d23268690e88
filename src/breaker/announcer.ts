import { Emitter } from '../core/emitter.ts';
import { errorType, type RejectionReason } from '../core/errors.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import type { Breaker } from './breaker.ts';
import type { BreakerEvents, TransitionEvent } from './events.ts';
import type { InFlight } from './in-flight.ts';
import type { Move } from './move.ts';
import type { Permit } from './permit.ts';
import { RecentFailures } from './recent-failures.ts';
import type { LastTrip } from './snapshot.ts';
import { publicName, type State } from './state.ts';

/** How many traces an event lists: what an SDK keeps as links of one span. */
const MAX_TRACES = 32;

/** Tells whoever listens what a breaker has done, after the fact; with no listener, nothing is put together. */
export class Announcer {
  readonly events = new Emitter<BreakerEvents>();
  lastTrip: (Omit<LastTrip, 'agoMs'> & { readonly at: number }) | undefined;
  #failures: RecentFailures | undefined;
  readonly #breaker: Breaker;

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
  }

  /** Remembers a failure, for who asks why the circuit has opened. */
  failed(type: string, trace: unknown): void {
    this.#failures ??= new RecentFailures();
    this.#failures.add(type, trace);
  }

  forgetFailures(): void {
    this.#failures = undefined;
  }

  moved({ from, to, beside, at, counts, cause, lastFailure }: Move, calls: InFlight): void {
    const { trigger, value, limit, reason, trace, openForMs } = cause;
    const error = cause.error ?? (to === 'open' ? lastFailure : undefined);
    // Of a circuit that was open beside the traffic already, what opened it there stands.
    if (to === 'open' && trigger !== 'config')
      this.lastTrip = { trigger, at, value, limit, errorType: error === undefined ? undefined : errorType(error) };
    const name = beside ? 'verdict' : 'transition';
    if (!this.events.heard(name)) return;
    const event: TransitionEvent = {
      breaker: this.#breaker,
      from,
      to,
      trigger,
      shadow: beside,
      generation: this.#breaker.generation,
      at,
      value,
      limit,
      counts,
      openForMs,
      error,
      reason,
      trace,
      failures: this.#failures?.list() ?? [],
      waiting: calls.oldestTraces(MAX_TRACES),
    };
    this.events.emit(name, event);
  }

  refused(state: State, reason: RejectionReason, retryAfterMs: number | undefined): void {
    if (!this.events.heard('rejected')) return;
    this.events.emit('rejected', { breaker: this.#breaker, state: publicName(state), reason, shadow: state.shadow, retryAfterMs });
  }

  /** Whether anybody listens to every call. */
  get tellsCalls(): boolean {
    return this.events.listeners.call !== undefined;
  }

  settled(permit: Permit, outcome: CountedOutcome, durationMs: number, slow: boolean, error: unknown): void {
    this.events.emit('call', { breaker: this.#breaker, state: publicName(permit.state), outcome, durationMs, slow, error });
  }
}
