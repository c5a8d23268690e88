import type { Meter, MeterProvider } from '@opentelemetry/api';
import type { TransitionEvent } from '../breaker/events.ts';
import { isolated } from '../core/isolated.ts';
import { version } from '../core/version.ts';
import type { Registry } from '../registry/registry.ts';
import { type AdminActionEvent, logAdmin } from './admin-event.ts';
import { type AlertLogEvent, logAlert } from './alert-event.ts';
import { trace } from './api.ts';
import { Binding } from './binding.ts';
import { type ConfigurationEvent, logConfiguration } from './configuration-event.ts';
import { logDegraded } from './degraded-event.ts';
import { faultsToDiag } from './faults.ts';
import { logCheck, logHealth } from './health.ts';
import { logInjection } from './injections.ts';
import type { Logger } from './logs-api.ts';
import { observe } from './metrics.ts';
import { scopeName } from './names.ts';
import { Outages } from './outages.ts';
import { addPoolTimeout, logPool } from './pools.ts';
import { attachProducer, isProducerGiven } from './readers.ts';
import { AttemptRecorder, DurationRecorder } from './recorder.ts';
import { addStateChange, epochOf, logStateChange } from './state-changes.ts';
import { TelemetryTracer } from './tracer.ts';
import { Watch } from './watch.ts';

/** How metrics other than `breaker.call.duration` reach the SDK. */
export type MetricsOption =
  /** By a metric producer where the SDK's readers take one from us or have one already, else by instruments. */
  | 'auto'
  /** By observable instruments: they follow the SDK's views, and its limits; collecting costs many times as much. */
  | 'instruments'
  | 'off';

/** How `breaker.call.duration` reaches the SDK; the README says what each costs a call. */
export type DurationHistogramOption =
  /** From ready-made buckets where the SDK's readers take a metric producer from us or have one already, else `recorded`. */
  | 'auto'
  /** From ready-made buckets or not at all. */
  | 'collected'
  /** Call by call through the SDK: follows views and exponential buckets, costs a call a microsecond or more. */
  | 'recorded'
  | 'off';

export interface TelemetryOptions {
  /** Spans of rejections, probes and outages, and attributes on the caller's span. Default true. */
  readonly spans?: boolean;
  /** Rejection spans under one parent; the rest are counted in an attribute of it. Default 8. */
  readonly rejectionSpansPerParent?: number;
  /** Whether rejections and probes without a caller's span have a span, as a trace of its own. Default false. */
  readonly roots?: boolean;
  /** State changes as events on the span of the call that caused them. Default true. */
  readonly spanEvents?: boolean;
  /** Default `auto`. */
  readonly metrics?: MetricsOption;
  /** Default `auto`. */
  readonly durationHistogram?: DurationHistogramOption;
  /** How often an outage that lasts tells of itself, in ms. Default 300,000. */
  readonly outageSegmentMs?: number;
}

export interface TelemetryHandle {
  /** Whether a meter provider and a tracer provider have been found. */
  readonly bound: { readonly metrics: boolean; readonly traces: boolean; readonly logs: boolean };
  /** Looks for an SDK now and hands it all that waits. Flushing the SDK is its owner's. */
  flush(): void;
  /**
   * Ends the outages under way with `breaker.outage.end = shutdown` and hands all over; no spans or events follow.
   * Metrics stay attached, for the SDK's own last collection: call this before the SDK's shutdown.
   */
  shutdown(): void;
  /** Detaches: no further metrics, spans or events, and nothing more is said of outages under way. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** Needs {@link provideApi} to have been called. */
export class Attachment implements TelemetryHandle {
  readonly #registry: Registry;
  readonly #options: TelemetryOptions;
  readonly #onMoved: (() => void) | undefined;
  readonly #binding: Binding;
  readonly #outages: Outages;
  readonly #watch: Watch;
  readonly #tracer: TelemetryTracer;
  readonly #held: Disposable[] = [faultsToDiag()];
  #ended = false;

  /** @param onMoved told with each move of a breaker: from the first on there may be spans under way */
  constructor(registry: Registry, options: TelemetryOptions, onMoved?: () => void) {
    this.#registry = registry;
    this.#options = options;
    this.#onMoved = onMoved;
    const spans = options.spans ?? true;
    this.#binding = new Binding(registry.clock, (meter, provider) => this.#bindMetrics(meter, provider));
    this.#outages = new Outages(registry.clock, (work) => spans && this.#binding.tracing.send(work), options.outageSegmentMs ?? 300_000);
    this.#tracer = new TelemetryTracer(trace.getTracer(scopeName, version), this.#outages, {
      spans,
      rejectionSpansPerParent: options.rejectionSpansPerParent ?? 8,
      roots: options.roots ?? false,
      now: () => registry.clock.now(),
      injecting: (injection, began) => this.#log((logger, at) => logInjection(logger, injection, began, at)),
    });
    this.#watch = new Watch(registry, {
      transition: (event) => this.#moved(event),
      removed: (breaker) => this.#outages.removed(breaker),
    });
    this.#binding.start();
    registry.setTracer(this.#tracer);
    const { pools } = registry;
    if (options.spanEvents ?? true) pools.setTracer(addPoolTimeout);
    this.#held.push(
      registry.on('degraded', (event) => this.#log((logger, at) => logDegraded(logger, event, at))),
      registry.health.on('changed', (event) => this.#log((logger, at) => logHealth(logger, event, at))),
      registry.health.on('checked', (event) => this.#log((logger, at) => logCheck(logger, event, at))),
    );
    for (const name of ['exhausted', 'relieved'] as const)
      this.#held.push(pools.on(name, (event) => this.#log((logger, at) => logPool(logger, event, at))));
  }

  get bound(): TelemetryHandle['bound'] {
    return { metrics: this.#binding.metering, traces: this.#binding.tracing.bound, logs: this.#binding.logging.bound };
  }

  flush(): void {
    this.#binding.check();
  }

  /** Tells of a configuration that was read again. */
  configured(event: ConfigurationEvent): void {
    const timestamp = Date.now();
    this.#binding.logging.send((logger) => logConfiguration(logger, event, timestamp));
  }

  /** Tells of what somebody did by the management server. */
  acted(event: AdminActionEvent): void {
    const timestamp = Date.now();
    this.#binding.logging.send((logger) => logAdmin(logger, event, timestamp));
  }

  /** Tells of an alert that begins, has become more severe, or is over. */
  alerted(event: AlertLogEvent): void {
    const timestamp = Date.now();
    this.#binding.logging.send((logger) => logAlert(logger, event, timestamp));
  }

  shutdown(): void {
    if (this.#ended) return;
    this.#binding.check();
    this.#outages.shutdown();
    this.#end();
  }

  dispose(): void {
    this.#end();
    for (const each of this.#held.splice(0)) each[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#registry.setTracer(undefined);
    this.#registry.pools.setTracer(undefined);
    this.#watch.dispose();
    this.#outages.dispose();
    this.#binding.dispose();
  }

  #moved(event: TransitionEvent): void {
    isolated('telemetry of a state change', () => this.#onMoved?.());
    this.#binding.check();
    // Each on its own: a fault in one must not cost the other.
    isolated('telemetry of a state change', () => this.#tracer.endLostProbes(event));
    isolated('telemetry of a state change', () => this.#outages.moved(event));
    if (this.#options.spanEvents ?? true) isolated('telemetry of a state change', () => addStateChange(event));
    const timestamp = epochOf(event);
    this.#binding.logging.send((logger) => logStateChange(logger, event, timestamp));
  }

  /** What no breaker tells. */
  #log(write: (logger: Logger, timestamp: number) => void): void {
    if (this.#ended) return;
    this.#binding.check();
    const timestamp = Date.now();
    this.#binding.logging.send((logger) => write(logger, timestamp));
  }

  #bindMetrics(meter: Meter, provider: MeterProvider): void {
    const { metrics = 'auto', durationHistogram = 'auto' } = this.#options;
    const wanted = { counts: metrics === 'auto', durations: durationHistogram === 'auto' || durationHistogram === 'collected' };
    const produced = (wanted.counts || wanted.durations) && this.#produce(provider, wanted);
    if (metrics === 'instruments' || (wanted.counts && !produced)) {
      this.#watch.keepsDeparted = true;
      this.#tracer.attempts = new AttemptRecorder(meter);
      this.#held.push(observe(meter, this.#watch, this.#registry));
    }
    if (durationHistogram === 'recorded' || (durationHistogram === 'auto' && !produced)) this.#tracer.recorder = new DurationRecorder(meter);
  }

  /** Whether the SDK's readers collect from a metric producer of ours. */
  #produce(provider: MeterProvider, wanted: { counts: boolean; durations: boolean }): boolean {
    const attached = attachProducer(provider, this.#registry, wanted);
    if (attached !== undefined) this.#held.push(attached);
    return attached !== undefined || isProducerGiven(this.#registry);
  }
}
