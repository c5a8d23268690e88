// Preload: the guard alone, its registry within reach of the app.
import { IORedisBreakerInstrumentation } from '../../../../instrumentations/ioredis/instrumentation.ts';
import { Registry } from '../../../../src/registry/registry.ts';

const registry = new Registry();
Object.assign(globalThis, { breakers: registry, guard: new IORedisBreakerInstrumentation({ registry }) });
