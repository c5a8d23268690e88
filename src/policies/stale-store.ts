import type { Breaker } from '../breaker/breaker.ts';
import type { ResolvedStale } from '../core/resolve-policies.ts';
import { policyPorts, type StaleStore } from './ports.ts';
import type { Codec } from './stale-cache/codec.ts';
import { StaleCache } from './stale-cache/stale-cache.ts';

interface Kept {
  options: ResolvedStale;
  /** Of the options, to tell a reload that says the same from a change. */
  text: string;
  store: StaleStore | undefined;
}

/** As long as their breakers. */
const known = new WeakMap<Breaker, Kept>();

/**
 * Where the last good answers of a breaker's calls are kept; `undefined` where they are not. Of a client's calls: the key says
 * all that an answer depends on. Other options are another store: what it keeps, and for how long, cannot be changed in place.
 * @param codec for answers of more kinds than data; the same one for all calls of a breaker
 */
export function staleStoreOf(breaker: Breaker, codec?: Codec): StaleStore | undefined {
  const options = breaker.options.policies?.fallback?.stale;
  if (options === undefined) return undefined;
  const kept = known.get(breaker);
  if (kept !== undefined && kept.options === options) return kept.store;
  const text = JSON.stringify(options);
  if (kept !== undefined && kept.text === text) {
    kept.options = options;
    return kept.store;
  }
  const store = storeFor(breaker, options, codec);
  known.set(breaker, { options, text, store });
  return store;
}

function storeFor(breaker: Breaker, options: ResolvedStale, codec: Codec | undefined): StaleStore | undefined {
  const { path, ...limits } = options;
  if (path === undefined) return new StaleCache(limits, { clock: breaker.clock, ...(codec && { codec }) });
  return policyPorts().stale?.(breaker.name, { ...limits, path }, codec);
}
