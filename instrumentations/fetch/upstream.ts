import type { Breaker } from '../../src/breaker/breaker.ts';
import { watchForReturn } from './return-watch.ts';
import { WaitingCalls } from './waiting-calls.ts';

/** An origin and what is known of it. */
export class Upstream {
  /** Connections that it refused in a row, with no answer between. */
  refusals = 0;
  readonly waiting: WaitingCalls;

  constructor(
    readonly origin: string,
    readonly breaker: Breaker,
  ) {
    this.waiting = new WaitingCalls(breaker);
    if (!this.ownsBreaker) return;
    this.waiting.follow();
    watchForReturn(breaker);
  }

  /** The overflow breaker stands for many origins: what moves it says nothing of a single one. */
  get ownsBreaker(): boolean {
    return this.breaker.name === this.origin;
  }
}
