import type * as Api from '@opentelemetry/api';

/**
 * What telemetry uses of OpenTelemetry's API, once {@link provideApi} has been called. The API is not imported here: loading
 * it takes longer than all the rest of a preload, and a process without a breaker has no use for it.
 */
export let context: typeof Api.context;
export let createNoopMeter: typeof Api.createNoopMeter;
export let metrics: typeof Api.metrics;
export let ROOT_CONTEXT: typeof Api.ROOT_CONTEXT;
export let SpanStatusCode: typeof Api.SpanStatusCode;
export let trace: typeof Api.trace;

/** Must come before anything else of telemetry is used. */
export function provideApi(api: typeof Api): void {
  ({ context, createNoopMeter, metrics, ROOT_CONTEXT, SpanStatusCode, trace } = api);
}
