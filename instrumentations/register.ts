import { register } from '../src/setup.ts';

/**
 * What `node --import otel-breaker/register app.js` loads; also by `--require` and NODE_OPTIONS. Side effects only.
 * A flag on globalThis: the command line and NODE_OPTIONS may both name it, or two copies of the package.
 */
const loaded = Symbol.for('otel-breaker.registered');
const shared = globalThis as { [loaded]?: true };

if (shared[loaded] !== true) {
  shared[loaded] = true;
  register();
}
