import { Registry } from '../../src/registry/registry.ts';

const key = Symbol.for('otel-breaker.registry');
const shared = globalThis as { [key]?: Registry };

/** The registry of the process: of instrumentations that were given none. Shared by all copies of this package. */
export function defaultRegistry(): Registry {
  shared[key] ??= new Registry();
  return shared[key];
}

/** Sets the registry of the process; instrumentations that were given none use it from their next call on. */
export function setDefaultRegistry(registry: Registry | undefined): void {
  if (registry === undefined) delete shared[key];
  else shared[key] = registry;
}
