import { context, createContextKey } from '@opentelemetry/api';

/** The key of `suppressTracing` in `@opentelemetry/core`: the same symbol, without loading an SDK. */
const suppressTracing = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Whether OpenTelemetry's own work is under way (an exporter's request): not to be guarded, and not to be traced. */
export function isTracingSuppressed(): boolean {
  return context.active().getValue(suppressTracing) === true;
}

/** Runs a function whose I/O must make no spans. */
export function withoutTracing<R>(fn: () => R): R {
  return context.with(context.active().setValue(suppressTracing, true), fn);
}
