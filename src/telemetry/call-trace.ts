import type { Context, Link, Span, SpanContext } from '@opentelemetry/api';
import { trace } from './api.ts';

/** A call that is traced only because its duration is recorded. */
export const untraced = Symbol('otel-breaker.untraced');

/** A probe with a span of its own. */
export class ProbeTrace {
  constructor(
    readonly span: Span,
    /** The context in which the probe's function runs: its client span becomes the probe's child. */
    readonly context: Context,
    /** The caller's span, if that is recorded. */
    readonly caller: Span | undefined,
    /** Milliseconds of the registry's clock. */
    readonly startedAt: number,
  ) {}
}

/** An attempt of a call with policies around it, whose span tells what has become of the whole. */
export class AttemptTrace {
  constructor(readonly caller: Span) {}
}

/**
 * What the engine keeps with a call: nothing of ours but the caller's active span, so that a call allocates nothing.
 * Only probes, and attempts that policies make, have more.
 */
export type CallTrace = Span | ProbeTrace | AttemptTrace | typeof untraced;

/** The span that a call's events belong on: the caller's. */
export function callerSpan(callTrace: unknown): Span | undefined {
  if (callTrace === undefined || callTrace === untraced) return undefined;
  return callTrace instanceof ProbeTrace || callTrace instanceof AttemptTrace ? callTrace.caller : (callTrace as Span);
}

/** The trace context of a call, a probe's own span first. */
export function spanContextOf(callTrace: unknown): SpanContext | undefined {
  const span = callTrace instanceof ProbeTrace ? callTrace.span : callerSpan(callTrace);
  const context = span?.spanContext();
  if (context === undefined) return undefined;
  return trace.isSpanContextValid(context) ? context : undefined;
}

const sampledFlag = 1;

/** Links to the sampled ones among calls, each once, at most `limit`. */
export function linksTo(calls: Iterable<{ readonly trace: unknown; readonly attributes?: Link['attributes'] }>, limit: number): Link[] {
  const links = new Map<string, Link>();
  for (const call of calls) {
    if (links.size === limit) break;
    const context = spanContextOf(call.trace);
    if (context === undefined || (context.traceFlags & sampledFlag) === 0) continue;
    const key = context.traceId + context.spanId;
    if (!links.has(key)) links.set(key, call.attributes === undefined ? { context } : { context, attributes: call.attributes });
  }
  return [...links.values()];
}
