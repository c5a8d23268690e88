import type { Breaker } from '../../src/breaker/breaker.ts';
import { ReturnWatch } from './return-watch.ts';
import { WaitingCalls } from './waiting-calls.ts';

/** An origin and what is known of it. */
export class Upstream {
  /** Connections that it refused in a row, with no answer between. */
  refusals = 0;
  readonly waiting: WaitingCalls;
  readonly returns: ReturnWatch;

  constructor(
    readonly origin: string,
    readonly breaker: Breaker,
  ) {
    this.waiting = new WaitingCalls(breaker);
    this.returns = new ReturnWatch(breaker);
  }
}
