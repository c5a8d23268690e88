import type { Breaker } from '../breaker/breaker.ts';
import type { Injection } from '../breaker/injection.ts';
import { describeMatch, Matcher } from '../config/matching.ts';
import type { Match } from '../config/schema.ts';
import { canonicalSystem } from '../config/system-names.ts';
import type { InjectionOptions } from '../core/injection.ts';
import { whyNoFaults } from '../core/production.ts';
import type { Concerns } from '../registry/injections.ts';
import type { Registry } from '../registry/registry.ts';
import { Refusal } from './answer.ts';
import type { FaultSource } from './ports.ts';
import { isoTime } from './wall-time.ts';
import type { FaultRequest, FaultView, MatchRequest } from './wire.ts';

/** Faults injected by hand, and those of others seen and ended. */
export class FaultControl implements FaultSource {
  readonly #registry: Registry;
  readonly #allowed: () => boolean;
  /** By the scope that they were asked for. */
  readonly #byHand = new Map<string, Injection>();

  /** @param allowed whether the configuration allows it in production */
  constructor(registry: Registry, allowed: () => boolean = () => false) {
    this.#registry = registry;
    this.#allowed = allowed;
  }

  get refused(): string | undefined {
    return whyNoFaults(process.env, this.#allowed());
  }

  list(): readonly FaultView[] {
    const now = this.#registry.clock.now();
    return this.#registry.injections.map((injection) => faultView(injection, now));
  }

  inject({ breaker, match, kind, ...rest }: FaultRequest, actor: string): void {
    if (breaker !== undefined && match !== undefined)
      throw new Refusal(400, 'invalid_body', 'breaker and match are both given; one of the two says whose calls meet it');
    if (kind === 'off') this.#end(breaker, match);
    else if (breaker !== undefined)
      this.#begin(breaker, () => this.#known(breaker).inject({ ...rest, kind, by: actor, allowInProduction: this.#allowed() }));
    else if (match !== undefined) this.#beginMatching(match, { ...rest, kind, by: actor, allowInProduction: this.#allowed() });
    else throw new Refusal(400, 'invalid_body', 'neither breaker nor match is given; one of the two says whose calls meet it, "match": {} means all');
  }

  #beginMatching(given: MatchRequest, options: InjectionOptions): void {
    const match = canonical(given);
    const scope = describeMatch(match);
    this.#begin(scope, () => this.#registry.inject(options, concerning(match), scope));
  }

  /** In the place of what was asked for there before. */
  #begin(scope: string, begin: () => Injection): void {
    const before = this.#byHand.get(scope);
    this.#byHand.set(scope, begin());
    before?.end();
    for (const [other, { over }] of this.#byHand) if (over) this.#byHand.delete(other);
  }

  /** Whatever concerns one of those that are meant, as a whole: what is to stop shall not go on in part. */
  #end(breaker: string | undefined, given: MatchRequest = {}): void {
    const match = canonical(given);
    const [scope, meant] = breaker === undefined ? [describeMatch(match), concerning(match)] : [breaker, (name: string) => name === breaker];
    if (breaker !== undefined) this.#known(breaker);
    for (const injection of this.#registry.injections) {
      const concerned = injection.breakers.some(({ name, target }) => meant(name, target));
      if (concerned || injection.scope === scope || scope === 'all') injection.end();
    }
  }

  #known(name: string): Breaker {
    const breaker = this.#registry.find(name);
    if (breaker === undefined)
      throw new Refusal(404, 'unknown_breaker', `no breaker is named '${name.slice(0, 200)}'; a match may be for breakers to come`);
    return breaker;
  }
}

function canonical({ system, ...rest }: MatchRequest): Match {
  return system === undefined ? rest : { ...rest, system: canonicalSystem(system) };
}

function concerning(match: Match): Concerns {
  const matcher = new Matcher([{ match }]);
  return (name, target) => matcher.matching(name, target).length > 0;
}

function faultView({ id, fault, scope, breakers, since, until, calls, waiting }: Injection, now: number): FaultView {
  const { kind, share, latencyMs, code, message, by, reason } = fault;
  return {
    id,
    kind,
    share,
    ...(kind === 'latency' && { latencyMs }),
    ...(kind === 'error' && { error: { code, ...(message !== undefined && { message }) } }),
    scope,
    breakers: breakers.map(({ name }) => name),
    since: isoTime(now - since),
    until: isoTime(now - until),
    remainingMs: Math.max(0, Math.round(until - now)),
    by,
    ...(reason !== undefined && { reason }),
    calls,
    waiting,
  };
}
