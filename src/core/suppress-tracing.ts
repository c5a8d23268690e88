/** The key of `suppressTracing` in `@opentelemetry/core`: the same symbol, without loading an SDK. */
const suppressTracing = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Where all copies of OpenTelemetry's API keep what was registered: so none has to be loaded. */
const apiSlot = Symbol.for('opentelemetry.js.api.1');

/** OpenTelemetry's, as far as it is used here. */
interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
}
interface ContextManager {
  active(): Context;
  with<R>(context: Context, fn: () => R): R;
}

/** Without one there are no contexts, and nothing to suppress. */
function contextManager(): ContextManager | undefined {
  return (globalThis as { [apiSlot]?: { readonly context?: ContextManager } })[apiSlot]?.context;
}

/** Whether OpenTelemetry's own work is under way (an exporter's request): not to be guarded, and not to be traced. */
export function isTracingSuppressed(): boolean {
  return contextManager()?.active().getValue(suppressTracing) === true;
}

/** Runs a function whose I/O must make no spans. */
export function withoutTracing<R>(fn: () => R): R {
  const contexts = contextManager();
  return contexts === undefined ? fn() : contexts.with(contexts.active().setValue(suppressTracing, true), fn);
}
