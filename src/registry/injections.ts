import type { Breaker } from '../breaker/breaker.ts';
import { Injection, type InjectionOwner } from '../breaker/injection.ts';
import type { Clock } from '../core/clock.ts';
import { type InjectionOptions, resolveInjection } from '../core/injection.ts';
import { refuseInProduction } from '../core/production.ts';
import type { Target } from '../core/target.ts';
import type { CallTracer } from '../core/tracer.ts';

/** Whose calls meet an injection. */
export type Concerns = (name: string, target: Target) => boolean;

/** More at a time is a mistake of somebody's script. */
const maxInjections = 100;

/** The injections that concern breakers by what they are, those to come as well. */
export class Injections implements InjectionOwner {
  /** Of telemetry. */
  tracer: CallTracer | undefined;
  readonly #clock: Clock;
  readonly #underWay = new Map<Injection, Concerns>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes one that concerns none yet. @throws Error where it is refused */
  begin(options: InjectionOptions, concerns: Concerns, scope: string): Injection {
    const fault = resolveInjection(options);
    refuseInProduction(options.allowInProduction);
    if (this.#underWay.size >= maxInjections) throw new Error(`${maxInjections} injections are under way: end some of them first`);
    const injection = new Injection(fault, scope, this.#clock, this);
    this.#underWay.set(injection, concerns);
    return injection;
  }

  /** A breaker is there. */
  reach(breaker: Breaker): void {
    for (const [injection, concerns] of this.#underWay) if (concerns(breaker.name, breaker.target)) injection.attach(breaker);
  }

  ended(injection: Injection): void {
    this.#underWay.delete(injection);
  }

  /** With those of single breakers, the oldest first. */
  list(breakers: Iterable<Breaker>): Injection[] {
    const all = new Set(this.#underWay.keys());
    for (const { injections } of breakers) for (const injection of injections) all.add(injection);
    return [...all].sort((a, b) => a.id - b.id);
  }
}
