// Preload: the guard alone, its registry within reach of the app.
import { PgBreakerInstrumentation } from '../../../../instrumentations/pg/instrumentation.ts';
import { createRegistry } from '../../../../src/registry/create-registry.ts';

const registry = createRegistry();
Object.assign(globalThis, { breakers: registry, guard: new PgBreakerInstrumentation({ registry }) });
