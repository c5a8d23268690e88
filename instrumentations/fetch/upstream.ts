import type { Breaker } from '../../src/breaker/breaker.ts';

/** An origin and what is known of it. */
export class Upstream {
  /** Connections that it refused in a row, with no answer between. */
  refusals = 0;

  constructor(
    readonly origin: string,
    readonly breaker: Breaker,
  ) {}
}
