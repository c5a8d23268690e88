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
  /** Whether anybody listens to every call. Asked for every call, and so kept as a value. */
  tellsCalls = false;
  /** Made for the first listener. */
  #events: Emitter<BreakerEvents> | undefined;
  lastTrip: (Omit<LastTrip, 'agoMs'> & { readonly at: number }) | undefined;
  #failures: RecentFailures | undefined;
  readonly #breaker: Breaker;

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
  }

  on<K extends keyof BreakerEvents>(name: K, listener: (event: BreakerEvents[K]) => void): Disposable {
    this.#events ??= new Emitter();
    const held = this.#events.on(name, listener);
    this.tellsCalls = this.heard('call');
    return {
      [Symbol.dispose]: () => {
        held[Symbol.dispose]();
        this.tellsCalls = this.heard('call');
      },
    };
  }

  heard(name: keyof BreakerEvents): boolean {
    return this.#events?.listeners[name] !== undefined;
  }

  /** Remembers a failure, for who asks why the circuit has opened. */
  failed(type: string, trace: unknown): void {
    this.#failures ??= new RecentFailures();
    this.#failures.add(type, trace);
  }

  forgetFailures(): void {
    this.#failures = undefined;
  }

  moved({ from, to, beside, at, counts, cause, tripError }: Move, calls: InFlight): void {
    const { trigger, value, limit, reason, trace, openForMs } = cause;
    const error = cause.error ?? (to === 'open' ? tripError : undefined);
    // Of a circuit that was open beside the traffic already, what opened it there stands.
    if (to === 'open' && trigger !== 'config')
      this.lastTrip = { trigger, at, value, limit, errorType: error === undefined ? undefined : errorType(error) };
    const name = beside ? 'verdict' : 'transition';
    if (!this.heard(name)) return;
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
      injected: this.#breaker.injected,
      failures: this.#failures?.list() ?? [],
      waiting: calls.oldestTraces(MAX_TRACES),
    };
    this.#events?.emit(name, event);
  }

  refused(state: State, reason: RejectionReason, retryAfterMs: number | undefined): void {
    if (this.heard('rejected'))
      this.#events?.emit('rejected', { breaker: this.#breaker, state: publicName(state), reason, shadow: state.shadow, retryAfterMs });
  }

  settled(permit: Permit, outcome: CountedOutcome, durationMs: number, slow: boolean, error: unknown): void {
    this.#events?.emit('call', { breaker: this.#breaker, state: publicName(permit.state), outcome, durationMs, slow, error });
  }
}
