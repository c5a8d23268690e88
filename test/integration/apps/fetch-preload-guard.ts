// Ours, by the source: what register does for fetch, without a configuration.
import { FetchBreakerInstrumentation } from '../../../instrumentations/fetch/instrumentation.ts';
import { createRegistry } from '../../../src/registry/create-registry.ts';

const registry = createRegistry();
const instrumentation = new FetchBreakerInstrumentation({ registry });

Object.assign(globalThis, {
  guard: {
    forceOpen: (origin: string) => registry.get(origin).forceOpen(),
    counts: (origin: string) => registry.find(origin)?.snapshot().calls,
    disable: () => instrumentation.disable(),
  },
});
