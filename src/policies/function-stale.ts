import type { Breaker } from '../breaker/breaker.ts';
import { reportFault } from '../core/fault.ts';
import type { ResolvedStale } from '../core/resolve-policies.ts';
import { policyPorts, type StaleHook, type StaleStore } from './ports.ts';
import { StaleCache } from './stale-cache/stale-cache.ts';

/** The last good answers of one protected function. */
export class FunctionStale<Args extends unknown[], R> {
  #store: StaleStore | undefined;
  #options: ResolvedStale | undefined;

  constructor(
    private readonly breaker: Breaker,
    private readonly keyOf: (...args: Args) => string | undefined,
  ) {}

  /** Of one call; `undefined` where answers are not kept. */
  hook(options: ResolvedStale | undefined, args: Args): StaleHook<R> | undefined {
    if (options === undefined) return undefined;
    try {
      const store = this.#storeFor(options);
      const key = store === undefined ? undefined : this.keyOf(...args);
      if (store === undefined || key === undefined) return undefined;
      return { keep: (value) => void store.set(key, value), find: () => store.get(key) as ReturnType<StaleHook<R>['find']> };
    } catch (fault) {
      reportFault(fault, 'the cache of last good answers');
      return undefined;
    }
  }

  /** Other options are another store: what it keeps, and for how long, cannot be changed in place. */
  #storeFor(options: ResolvedStale): StaleStore | undefined {
    if (options === this.#options) return this.#store;
    this.#options = options;
    const { path, ...limits } = options;
    this.#store =
      path === undefined ? new StaleCache(limits, { clock: this.breaker.clock }) : policyPorts().stale?.(this.breaker.name, { ...limits, path });
    return this.#store;
  }
}
