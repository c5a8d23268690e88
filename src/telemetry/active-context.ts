import { type Context, type ContextManager, ROOT_CONTEXT } from '@opentelemetry/api';

/**
 * Under this key all copies of the API of line 1 keep what an SDK has registered: the contract between them (source:
 * `global-utils.ts` of opentelemetry-js). The object stays the same for the life of the process; what is in it comes and goes.
 */
const key = Symbol.for('opentelemetry.js.api.1');

let registered: { readonly context?: ContextManager } | undefined;

/** The same as `context.active()`, which checks versions each time: this is asked for every call. */
export function activeContext(): Context {
  registered ??= (globalThis as { [key]?: typeof registered })[key];
  return registered?.context?.active() ?? ROOT_CONTEXT;
}
