import type { Breaker } from '../../src/breaker/breaker.ts';
import type { TransitionEvent } from '../../src/breaker/events.ts';
import { createLiveness } from '../shared/liveness.ts';
import { RecoveryWatch } from '../shared/recovery-watch.ts';
import { isRefused, refusedAt } from './classify.ts';

/**
 * Watches, for the life of a breaker, for somebody to listen again where connections were refused: to an origin that nobody listens for, a connection is
 * question enough. An origin that hangs or fails accepts connections all the time; that is for real calls to find out.
 */
export function watchForReturn(breaker: Breaker): void {
  new ReturnWatch(breaker);
}

class ReturnWatch {
  readonly #breaker: Breaker;
  #watch: RecoveryWatch | undefined;
  #at: ReturnType<typeof refusedAt>;

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
    breaker.on('transition', (event) => this.#moved(event));
  }

  #moved(event: TransitionEvent): void {
    if (event.to === 'open' && isRefused(event.error)) this.#at = refusedAt(event.error);
    if (this.#at === undefined) return;
    this.#watch ??= this.#make();
    this.#watch.moved(event);
    if (event.to === 'closed') this.#at = undefined;
  }

  #make(): RecoveryWatch {
    const breaker = this.#breaker;
    const verify = (): Promise<boolean> => (this.#at === undefined ? Promise.resolve(false) : createLiveness({ to: this.#at }, breaker.clock)());
    const listener = {
      refutes: () => false,
      isOfConnection: isRefused,
      recovered: () => breaker.recovered(),
      // Who has to go by a way of his own may get there all the same.
      stillSilent: () => {},
    };
    return new RecoveryWatch(verify, listener, breaker.clock);
  }
}
