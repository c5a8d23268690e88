import type { Breaker } from '../../src/breaker/breaker.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { BreakerOpenError } from '../../src/core/errors.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { isTracingSuppressed } from '../shared/suppress.ts';
import { BodyGrace } from './body-grace.ts';
import { httpDefaults, maxRememberedOrigins } from './defaults.ts';
import { HttpCall } from './http-call.ts';
import { targetOf } from './origin.ts';

/** Either the call, admitted, or the error that refuses it. */
export type Admission = { readonly call: HttpCall; readonly refusal?: undefined } | { readonly call?: undefined; readonly refusal: BreakerOpenError };

/** Admits calls by the breaker of their origin. */
export class HttpAdmission {
  readonly #registry: () => Registry;
  #breakers = new Map<string, Breaker>();
  #of: Registry | undefined;
  #grace: { readonly clock: Clock; readonly bodies: BodyGrace } | undefined;

  /** @param registry asked on each call: it may be replaced while the process runs */
  constructor(registry: () => Registry) {
    this.#registry = registry;
  }

  /** `undefined` when the call is not to be guarded: OpenTelemetry's own, such as an exporter's. */
  admit(origin: string, signal?: AbortSignal): Admission | undefined {
    if (isTracingSuppressed()) return undefined;
    const breaker = this.#breaker(origin);
    const permit = breaker.tryAcquire();
    if (permit === undefined) return { refusal: breaker.rejection() };
    return { call: new HttpCall(origin, permit, this.#bodies(breaker.clock), signal) };
  }

  #breaker(origin: string): Breaker {
    const registry = this.#registry();
    if (this.#of !== registry || this.#breakers.size > maxRememberedOrigins) {
      this.#of = registry;
      this.#breakers = new Map();
    }
    const known = this.#breakers.get(origin);
    if (known !== undefined && !known.retired) return known;
    const breaker = registry.get(origin, targetOf(origin), { defaults: httpDefaults });
    this.#breakers.set(origin, breaker);
    return breaker;
  }

  #bodies(clock: Clock): BodyGrace {
    if (this.#grace?.clock !== clock) this.#grace = { clock, bodies: new BodyGrace(clock) };
    return this.#grace.bodies;
  }
}
