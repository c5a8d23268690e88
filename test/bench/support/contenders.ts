import { context, metrics, trace } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import CircuitBreaker from 'opossum';

export type Call = () => Promise<unknown>;

/** Answers when it is asked to, and sends nothing anywhere. */
export class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** An SDK with all three signals that exports to nobody. */
export function registerSdk(): PullReader {
  const reader = new PullReader();
  const nowhere = { export: (_: unknown, done: (result: { code: number }) => void) => done({ code: 0 }), shutdown: async () => {} };
  new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(nowhere)] }).register();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  logs.setGlobalLoggerProvider(new LoggerProvider());
  return reader;
}

/** Runs something with a recording span around it. */
export function inSpan<R>(fn: () => R): R {
  const span = trace.getTracer('bench').startSpan('request');
  return context.with(trace.setSpan(context.active(), span), fn);
}

/** What the limit counts, read by nobody. */
export const limit = { inFlight: 0, settled: 0, lastMs: 0 };

/** The least that a wrapper which counts and times its calls can do: try / await, two integers, two reads of the clock. */
export async function wrapper<T>(fn: () => Promise<T>): Promise<T> {
  const started = performance.now();
  limit.inFlight += 1;
  try {
    return await fn();
  } finally {
    limit.inFlight -= 1;
    limit.settled += 1;
    limit.lastMs = performance.now() - started;
  }
}

/** The counter and the histogram that a user would add by hand. */
function instruments(): (outcome: string, ms: number) => void {
  const meter = metrics.getMeter('bench');
  const calls = meter.createCounter('breaker.calls');
  const durations = meter.createHistogram('breaker.call.duration', { unit: 's' });
  return (outcome, ms) => {
    const attributes = { 'breaker.name': 'bench', 'breaker.state': 'closed', 'breaker.outcome': outcome };
    calls.add(1, attributes);
    durations.record(ms / 1_000, attributes);
  };
}

/** opossum, never opening, without its time-out, which would only slow it down. */
export function opossum(fn: Call, observed: boolean): Call {
  const breaker = new CircuitBreaker(fn, { timeout: false, errorThresholdPercentage: 100, volumeThreshold: Number.MAX_SAFE_INTEGER });
  if (observed) {
    const tell = instruments();
    breaker.on('success', (_value: unknown, ms: number) => tell('success', ms));
    breaker.on('failure', (_error: unknown, ms: number) => tell('failure', ms));
  }
  return () => breaker.fire();
}

export function openOpossum(fn: Call): Call {
  const breaker = new CircuitBreaker(fn, { timeout: false, resetTimeout: 1_000_000_000 });
  breaker.open();
  return () => breaker.fire();
}

/** cockatiel, never opening. */
export function cockatiel(fn: Call, observed: boolean): Call {
  const policy = circuitBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(Number.MAX_SAFE_INTEGER) });
  if (observed) {
    const tell = instruments();
    policy.onSuccess(({ duration }) => tell('success', duration));
    policy.onFailure(({ duration }) => tell('failure', duration));
  }
  return () => policy.execute(fn);
}

export function openCockatiel(fn: Call): Call {
  const policy = circuitBreaker(handleAll, { halfOpenAfter: 1_000_000_000, breaker: new ConsecutiveBreaker(1) });
  policy.isolate();
  return () => policy.execute(fn);
}
