import type { Breaker } from '../breaker/breaker.ts';
import type { RunOptions } from '../breaker/execute.ts';
import type { Classify } from '../core/outcome.ts';
import type { ResolvedStale } from '../core/resolve-policies.ts';
import type { FunctionStale } from './function-stale.ts';
import type { Attempt, PolicyCall } from './policy-call.ts';
import type { StaleHook } from './ports.ts';

/** What there is to know of a protected function's calls, made once per function. */
export interface ProtectedFunction<This, Args extends unknown[], R> {
  readonly fn: (this: This, ...args: Args) => PromiseLike<R>;
  readonly classify: Classify | undefined;
  /** What every attempt is run with; `undefined` where that is nothing. */
  readonly limits: RunOptions | undefined;
  readonly operation: string | undefined;
  idempotent(self: This, args: Args): boolean;
  signal(self: This, args: Args): AbortSignal | undefined;
  readonly withSignal: ((self: This, args: Args, signal: AbortSignal) => Args) | undefined;
  readonly empty: (() => R) | undefined;
  readonly stale: FunctionStale<This, Args, R> | undefined;
}

/** One call of a protected function. */
export class FunctionCall<This, Args extends unknown[], R> implements PolicyCall<R> {
  readonly signal: AbortSignal | undefined;
  readonly stale: StaleHook<R> | undefined;

  constructor(
    readonly breaker: Breaker,
    private readonly of: ProtectedFunction<This, Args, R>,
    private readonly self: This,
    readonly args: Args,
    stale?: ResolvedStale,
  ) {
    this.signal = of.signal(self, args);
    this.stale = of.stale?.hook(stale, self, args);
  }

  get operation(): string | undefined {
    return this.of.operation ?? this.breaker.target.operation;
  }

  get idempotent(): boolean {
    return this.of.idempotent(this.self, this.args);
  }

  get classify(): Classify | undefined {
    return this.of.classify;
  }

  get empty(): (() => R) | undefined {
    return this.of.empty;
  }

  /** Makes the call with no policy around it. */
  once(): Promise<R> {
    return this.attempt({ number: 1, signal: this.signal });
  }

  attempt(attempt: Attempt): Promise<R> {
    const { fn, limits, withSignal } = this.of;
    if (withSignal !== undefined) {
      return this.breaker.run(({ signal }) => fn.apply(this.self, signal === undefined ? this.args : withSignal(this.self, this.args, signal)), {
        ...limits,
        signal: attempt.signal,
      });
    }
    // Who cannot be aborted needs no signal of its own: the caller's tells whether it gave up.
    const options = this.signal === undefined ? limits : { ...limits, signal: this.signal };
    return this.breaker.run(() => fn.apply(this.self, this.args), options);
  }
}
