import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Clock } from '../../src/core/clock.ts';
import { isTracingSuppressed } from '../../src/core/suppress-tracing.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { gateRefusal } from '../../src/policies/gate.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { BodyGrace } from './body-grace.ts';
import { httpDefaults, maxRememberedOrigins } from './defaults.ts';
import { HttpCall, type ToldBy } from './http-call.ts';
import { asOfFetch } from './injected.ts';
import { targetOf } from './origin.ts';
import { Upstream } from './upstream.ts';

const heedsFaults = { faults: 'all' } as const;

/** Admits calls by the breaker of their origin. */
export class HttpAdmission {
  readonly #registry: () => Registry;
  /** Those that were asked for lately, and all that follow a breaker, which each does once. */
  #upstreams = new Map<string, Upstream>();
  readonly #following = new WeakMap<Breaker, Upstream>();
  #latest: Upstream | undefined;
  #of: Registry | undefined;
  #grace: { readonly clock: Clock; readonly bodies: BodyGrace } | undefined;

  /** @param registry asked on each call: it may be replaced while the process runs */
  constructor(registry: () => Registry) {
    this.#registry = registry;
  }

  /**
   * The call, admitted, or the error that refuses it; `undefined` when it is not to be guarded: OpenTelemetry's own, such as an exporter's. No policy
   * stands around it, so that read-only mode and the rate limit are asked here.
   */
  admit(origin: string, toldBy: ToldBy, signal?: AbortSignal, reads = true): HttpCall | Error | undefined {
    if (isTracingSuppressed()) return undefined;
    const upstream = this.upstreamOf(origin);
    const { breaker } = upstream;
    const policies = policiesOf(breaker);
    return (policies && gateRefusal(breaker, policies, reads)) ?? this.admitTo(upstream, toldBy, signal);
  }

  /** The same for a call that has been found to be guarded. */
  admitTo(upstream: Upstream, toldBy: ToldBy, signal: AbortSignal | undefined): HttpCall | Error {
    const { breaker } = upstream;
    const permit = breaker.tryAcquire(heedsFaults);
    if (permit === undefined) return toldBy === 'promise' ? asOfFetch(breaker.rejection()) : breaker.rejection();
    return new HttpCall(upstream, permit, this.#bodies(breaker.clock), toldBy, signal);
  }

  upstreamOf(origin: string): Upstream {
    const registry = this.#registry();
    if (this.#of !== registry || this.#upstreams.size > maxRememberedOrigins) {
      this.#of = registry;
      this.#upstreams = new Map();
      this.#latest = undefined;
    }
    let upstream = this.#latest?.origin === origin ? this.#latest : this.#upstreams.get(origin);
    if (upstream === undefined || upstream.breaker.retired) {
      upstream = this.#make(origin, registry.get(origin, targetOf(origin), { defaults: httpDefaults }));
      this.#upstreams.set(origin, upstream);
    }
    this.#latest = upstream;
    return upstream;
  }

  #make(origin: string, breaker: Breaker): Upstream {
    const following = this.#following.get(breaker);
    if (following?.origin === origin) return following;
    const upstream = new Upstream(origin, breaker);
    if (upstream.ownsBreaker) this.#following.set(breaker, upstream);
    return upstream;
  }

  #bodies(clock: Clock): BodyGrace {
    if (this.#grace?.clock !== clock) this.#grace = { clock, bodies: new BodyGrace(clock) };
    return this.#grace.bodies;
  }
}
