import type { Meter, MeterProvider, Tracer } from '@opentelemetry/api';
import type { Clock, Timer } from '../core/clock.ts';
import { reportFault } from '../core/fault.ts';
import { version } from '../core/version.ts';
import { context, createNoopMeter, metrics, trace } from './api.ts';
import { findLogger, type Logger } from './logs-api.ts';
import { scopeName } from './names.ts';

/** What `createContextKey` makes of this name in every copy of the API: the SDK's own key. */
const suppressed = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Whether the active context is an exporter's own: nothing of it may be traced. */
export function isSuppressed(active = context.active()): boolean {
  return active.getValue(suppressed) === true;
}

const firstPollMs = 50;
const maxPollMs = 5_000;
/** Once metrics and traces are bound only logs may be missing, and most services have none. */
const idlePollMs = 30_000;
const pendingLimit = 256;

/** Work for a signal that may not have an SDK yet: kept, bounded, oldest dropped first. */
class Pending<T> {
  #target: T | undefined;
  #waiting: ((target: T) => void)[] = [];

  get bound(): boolean {
    return this.#target !== undefined;
  }

  send(work: (target: T) => void): void {
    const target = this.#target;
    if (target !== undefined) {
      isolate(() => work(target));
      return;
    }
    this.#waiting.push(work);
    if (this.#waiting.length > pendingLimit) this.#waiting.shift();
  }

  bind(target: T): void {
    this.#target = target;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) isolate(() => work(target));
  }
}

function isolate(work: () => void): void {
  try {
    work();
  } catch (error) {
    reportFault(error, 'telemetry');
  }
}

function findTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider() as { getDelegateTracer?: (name: string, version: string) => Tracer | undefined } & ReturnType<
    typeof trace.getTracerProvider
  >;
  // The API's proxy has no delegate before an SDK is registered.
  if (typeof provider.getDelegateTracer === 'function') return provider.getDelegateTracer(scopeName, version);
  return provider.getTracer(scopeName, version);
}

/**
 * Finds the global SDK whenever it appears: before us, after us, or never. A meter obtained too early is a no-op for
 * ever and logs have no proxy on every line, so an unref'd timer of the clock looks until all are there.
 */
export class Binding {
  readonly tracing = new Pending<Tracer>();
  readonly logging = new Pending<Logger>();
  readonly #clock: Clock;
  readonly #onMeter: (meter: Meter, provider: MeterProvider) => void;
  #metering = false;
  #timer: Timer | undefined;
  #pollMs = firstPollMs;
  #disposed = false;

  constructor(clock: Clock, onMeter: (meter: Meter, provider: MeterProvider) => void) {
    this.#clock = clock;
    this.#onMeter = onMeter;
  }

  get metering(): boolean {
    return this.#metering;
  }

  start(): void {
    this.check();
    this.#poll();
  }

  /** Binds to whatever is registered by now; cheap when all is bound. */
  check(): void {
    if (this.#disposed) return;
    if (!this.#metering) isolate(() => this.#bindMeter());
    if (!this.tracing.bound) isolate(() => bindTo(this.tracing, findTracer()));
    if (!this.logging.bound) isolate(() => bindTo(this.logging, findLogger()));
  }

  dispose(): void {
    this.#disposed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #bindMeter(): void {
    const provider = metrics.getMeterProvider();
    const meter = provider.getMeter(scopeName, version);
    if (meter === createNoopMeter()) return;
    this.#metering = true;
    this.#onMeter(meter, provider);
  }

  #poll(): void {
    if (this.#disposed || (this.#metering && this.tracing.bound && this.logging.bound)) return;
    const wait = this.#metering && this.tracing.bound ? idlePollMs : this.#pollMs;
    this.#pollMs = Math.min(this.#pollMs * 2, maxPollMs);
    this.#timer = this.#clock.setTimer(() => {
      this.check();
      this.#poll();
    }, wait);
  }
}

function bindTo<T>(pending: Pending<T>, target: T | undefined): void {
  if (target !== undefined) pending.bind(target);
}
