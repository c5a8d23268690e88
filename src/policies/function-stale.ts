import type { Breaker } from '../breaker/breaker.ts';
import { reportFault } from '../core/fault.ts';
import type { ResolvedStale } from '../core/resolve-policies.ts';
import { policyPorts, type StaleHook, type StaleStore } from './ports.ts';
import { digest } from './stale-cache/keys.ts';
import { StaleCache } from './stale-cache/stale-cache.ts';

/** Who keeps answers on a disk, by where and as what. */
const kept = new Map<string, WeakRef<object>>();

/** The last good answers of one protected function. */
export class FunctionStale<This, Args extends unknown[], R> {
  #store: StaleStore | undefined;
  #options: ResolvedStale | undefined;

  constructor(
    private readonly breaker: Breaker,
    private readonly fn: (this: This, ...args: Args) => unknown,
    private readonly keyOf: (this: This, ...args: Args) => string | undefined,
  ) {}

  /** Of one call; `undefined` where answers are not kept. */
  hook(options: ResolvedStale | undefined, self: This, args: Args): StaleHook<R> | undefined {
    if (options === undefined) return undefined;
    try {
      const store = this.#storeFor(options);
      const key = store === undefined ? undefined : this.keyOf.apply(self, args);
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
    const name = path === undefined ? undefined : this.#nameIn(path);
    this.#store =
      path === undefined || name === undefined
        ? new StaleCache(limits, { clock: this.breaker.clock })
        : policyPorts().stale?.(name, { ...limits, path });
    return this.#store;
  }

  /**
   * What tells its answers from those of others in the same place, in the next process too: its breaker, its name, and what it does. `undefined`
   * where another function, made of the same source, is there already: nobody could tell whose answer is whose.
   */
  #nameIn(path: string): string | undefined {
    const { breaker, fn } = this;
    const name = `${breaker.name} ${fn.name} ${digest('source', [Function.prototype.toString.call(fn)])}`;
    const place = `${path} ${name}`;
    const other = kept.get(place)?.deref();
    if (other === undefined) kept.set(place, new WeakRef(this));
    if (other === undefined || other === this) return name;
    const message = `two functions "${fn.name}" of the breaker "${breaker.name}" cannot be told apart: give each a breaker of its own. The answers of the second are kept in memory only`;
    reportFault(new TypeError(message), 'fallback.stale.path');
    return undefined;
  }
}
