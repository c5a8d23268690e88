import { register } from '../src/setup.ts';

/**
 * What `node --import otel-breaker/register app.js` loads; also by `--require` and NODE_OPTIONS. Side effects only.
 * A flag on globalThis: the command line and NODE_OPTIONS may both name it, or two copies of the package.
 */
const loaded = Symbol.for('otel-breaker.registered');
const shared = globalThis as { [loaded]?: { readonly handle: ReturnType<typeof register> } };

// The handle is for who must undo it from inside the process, such as a test runner or a console.
if (shared[loaded] === undefined) shared[loaded] = { handle: register() };
