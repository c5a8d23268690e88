import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock, Timer } from '../core/clock.ts';
import { reportFault } from '../core/fault.ts';
import { InjectedFaultError } from '../core/injected-fault-error.ts';
import { type InjectionKind, type InjectionOptions, type ResolvedInjection, resolveInjection } from '../core/injection.ts';
import { refuseInProduction } from '../core/production.ts';
import type { CallTracer } from '../core/tracer.ts';
import type { Breaker } from './breaker.ts';
import { isolated } from './isolated.ts';
import type { Permit } from './permit.ts';

/** A call that is kept waiting: `drop` it when it has ended by other means. */
export interface Held {
  drop(): void;
}

/** Who keeps it. */
export interface InjectionOwner {
  /** It has ended; what it held is still to be let go. */
  ended(injection: Injection): void;
  /** Told of it even while it concerns no breaker that there is. */
  readonly tracer: CallTracer | undefined;
}

let injections = 0;

/**
 * Faults injected on purpose, from when it is made until its time is over or somebody ends it. It may concern many breakers;
 * what it keeps waiting is let go when it ends, so that nothing of it stays.
 */
export class Injection implements Disposable {
  /** Of the process. */
  readonly id: number;
  readonly fault: ResolvedInjection;
  /** For people: whose calls meet it. */
  readonly scope: string;
  /** In ms of the breakers' clock. */
  readonly since: number;
  readonly until: number;
  /** Calls that have met it. */
  calls = 0;
  readonly #clock: Clock;
  readonly #breakers = new Set<Breaker>();
  readonly #held = new Set<() => void>();
  readonly #timer: Timer;
  readonly #owner: InjectionOwner | undefined;
  /** Whoever waits keeps the process alive, as a socket would. */
  #awaited: Timer | undefined;
  #over = false;
  #ending = false;

  constructor(fault: ResolvedInjection, scope: string, clock: Clock, owner?: InjectionOwner) {
    injections += 1;
    this.id = injections;
    this.fault = fault;
    this.scope = scope;
    this.#clock = clock;
    this.#owner = owner;
    this.since = clock.now();
    this.until = this.since + fault.durationMs;
    this.#timer = clock.setTimer(() => this.end(), fault.durationMs);
  }

  /** @throws ConfigError for options that cannot be used; Error in production, unless that is allowed */
  static into(breaker: Breaker, options: InjectionOptions): Injection {
    const fault = resolveInjection(options);
    refuseInProduction(options.allowInProduction);
    const injection = new Injection(fault, breaker.name, breaker.clock);
    injection.attach(breaker);
    injection.tell(true);
    return injection;
  }

  get kind(): InjectionKind {
    return this.fault.kind;
  }
  get over(): boolean {
    return this.#over;
  }
  /** Calls that it keeps waiting now. */
  get waiting(): number {
    return this.#held.size;
  }
  /** Those that there are at present. */
  get breakers(): readonly Breaker[] {
    return [...this.#breakers];
  }

  /** @internal From now on calls of that breaker may meet it. */
  attach(breaker: Breaker): void {
    if (this.#over || this.#breakers.has(breaker)) return;
    this.#breakers.add(breaker);
    breaker.setInjections([this, ...breaker.injections]);
  }

  /** @internal The breaker is gone. Whom it keeps waiting there waits on. */
  detach(breaker: Breaker): void {
    if (this.#breakers.delete(breaker)) breaker.setInjections(breaker.injections.filter((each) => each !== this));
  }

  /** @internal Tells of its beginning or end. */
  tell(began: boolean): void {
    const tracers = new Set([...this.#breakers].map(({ tracer }) => tracer));
    tracers.add(this.#owner?.tracer);
    for (const tracer of tracers) if (tracer?.injecting !== undefined) isolated(() => tracer.injecting?.(this, began));
  }

  /** Whether a call that begins now meets it. */
  meets(now: number): boolean {
    if (now >= this.until) this.#endSoon();
    return !this.#over && now < this.until && (this.fault.share >= 1 || this.#clock.random() < this.fault.share);
  }

  /** @internal A call has met it. To be called in the call's own context. */
  met(permit: Permit<Breaker>): void {
    const { breaker, trace } = permit;
    this.calls += 1;
    breaker.meters.countInjection(this.kind);
    const { tracer } = breaker;
    if (tracer?.injected !== undefined) isolated(() => tracer.injected?.(trace, breaker, this.fault));
  }

  /** What a call fails with. */
  error({ name }: Breaker): InjectedFaultError {
    const { kind, code, message } = this.fault;
    const said = kind === 'hang' ? 'the injected hang has ended' : `a fault injected on purpose (${code})`;
    return InjectedFaultError.of(name, code, message ?? `${name}: ${said}`);
  }

  /** Calls `go` when the added latency is over, or the injection is; in the async context of now. */
  delay(go: () => void): Held {
    const inContext = AsyncLocalStorage.snapshot();
    const wake = (): void => {
      timer.cancel();
      if (this.#held.delete(wake)) inContext(() => guarded(go));
    };
    const timer = this.#clock.setTimer(wake, this.#over ? 0 : this.fault.latencyMs, true);
    this.#held.add(wake);
    return {
      drop: () => {
        timer.cancel();
        this.#held.delete(wake);
      },
    };
  }

  /** Calls `release` when the injection ends; in the async context of now. */
  hold(release: () => void): Held {
    const inContext = AsyncLocalStorage.snapshot();
    const wake = (): void => {
      if (this.#held.delete(wake)) inContext(() => guarded(release));
    };
    if (this.#over) {
      this.#held.add(wake);
      this.#clock.setTimer(wake, 0, true);
      return { drop: () => void this.#held.delete(wake) };
    }
    this.#held.add(wake);
    this.#await();
    return {
      drop: () => {
        this.#held.delete(wake);
        if (this.#held.size === 0) this.#relax();
      },
    };
  }

  /** It is over: calls go as ever, and what was kept waiting is let go. Idempotent. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.cancel();
    this.#relax();
    this.#owner?.ended(this);
    this.tell(false);
    for (const breaker of this.breakers) this.detach(breaker);
    for (const wake of [...this.#held]) wake();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** Its timer is late. Not at once: what it lets go would run within the admission of whoever asks. */
  #endSoon(): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    this.#clock.setTimer(() => this.end(), 0);
  }

  #await(): void {
    this.#awaited ??= this.#clock.setTimer(() => this.end(), Math.max(0, this.until - this.#clock.now()), true);
  }

  #relax(): void {
    this.#awaited?.cancel();
    this.#awaited = undefined;
  }
}

/** What is let go must not keep the others from it. */
function guarded(work: () => void): void {
  try {
    work();
  } catch (fault) {
    reportFault(fault, 'letting go of a call that had met an injected fault');
  }
}
