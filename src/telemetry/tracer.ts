import type { Context, Link, Span, Tracer } from '@opentelemetry/api';
import type { TransitionEvent } from '../breaker/events.ts';
import { errorType, type RejectionReason, type StateName, stateAndReason } from '../core/errors.ts';
import type { ResolvedInjection } from '../core/injection.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import type { CallTracer, PolicyTrace, TracedBreaker, TracedInjection } from '../core/tracer.ts';
import { activeContext } from './active-context.ts';
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from './api.ts';
import { addTarget, type Named } from './attributes.ts';
import { isSuppressed } from './binding.ts';
import { AttemptTrace, callerSpan, ProbeTrace, untraced } from './call-trace.ts';
import { CallerNotes } from './caller-notes.ts';
import { addFault } from './injections.ts';
import { attributes as a, limitReasons, spanName } from './names.ts';
import type { Outages } from './outages.ts';
import { PolicySpan, type PolicySpanMaker, policySpanOf, refusalType } from './policy-span.ts';
import type { AttemptRecorder, DurationRecorder } from './recorder.ts';

export interface TracerOptions {
  readonly spans: boolean;
  readonly rejectionSpansPerParent: number;
  readonly roots: boolean;
  /** Milliseconds, on the breakers' own scale. */
  readonly now: () => number;
  /** Injecting faults has begun or ended. */
  readonly injecting: (injection: TracedInjection, began: boolean) => void;
}

/** A probe's span begins a moment after its lease. */
const leaseToleranceMs = 5;

/**
 * What telemetry does inside a call's own context. Without a span around it, an admitted call pays for one look-up of
 * the context.
 */
export class TelemetryTracer implements CallTracer {
  /** Set while durations are recorded one by one. */
  recorder: DurationRecorder | undefined;
  /** The same for attempts per call. */
  attempts: AttemptRecorder | undefined;
  readonly #tracer: Tracer;
  readonly #outages: Outages;
  readonly #options: TracerOptions;
  readonly #notes = new CallerNotes();

  constructor(tracer: Tracer, outages: Outages, options: TracerOptions) {
    this.#tracer = tracer;
    this.#outages = outages;
    this.#options = options;
  }

  admitted(breaker: TracedBreaker, probe: boolean): unknown {
    const active = activeContext();
    // Nothing is set in the root: no span, and no exporter's own call either.
    if (active === ROOT_CONTEXT && !probe) return this.recorder === undefined ? undefined : untraced;
    return this.#traceOf(breaker, probe, active);
  }

  #traceOf(breaker: TracedBreaker, probe: boolean, active: Context): unknown {
    const span = trace.getSpan(active);
    if (probe) {
      this.#outages.countProbe(breaker);
      const made = this.#startProbe(breaker, active, span);
      if (made !== undefined) return made;
    }
    if (span === undefined || isSuppressed(active)) return this.recorder === undefined ? undefined : untraced;
    return policySpanOf(breaker) === undefined ? span : new AttemptTrace(span);
  }

  settled(
    callTrace: unknown,
    breaker: TracedBreaker,
    state: StateName,
    outcome: CountedOutcome,
    durationMs: number | undefined,
    error: unknown,
  ): void {
    // Calls that wait by their nature have no duration.
    if (this.recorder !== undefined && durationMs !== undefined) this.recorder.record(breaker, outcome, durationMs, error);
    if (callTrace === untraced) return;
    const caller = callerSpan(callTrace);
    // A span that has ended records no more and must be left alone.
    if (this.#options.spans && caller?.isRecording() === true) {
      this.#notes.decided(caller, breaker.name, state, outcome);
      if (callTrace === caller && isTimeOutOf(breaker, error)) this.#timedOut(breaker, state, outcome, error, caller);
    }
    if (callTrace instanceof ProbeTrace) endProbe(callTrace.span, outcome, errorType(error));
  }

  /** Its span is made when it is known that there is something to tell, and begins when the call did. */
  #timedOut(breaker: TracedBreaker, state: StateName, outcome: CountedOutcome, { timeoutMs }: TimeOut, caller: Span): void {
    if (!this.#notes.mayTellTimeOut(caller, this.#options.rejectionSpansPerParent)) return;
    const attributes: Named = { 'breaker.name': breaker.name, 'breaker.state': state, 'breaker.outcome': outcome, 'error.type': 'ECALLTIMEOUT' };
    addTarget(attributes, breaker);
    if (breaker.injected === true) attributes['breaker.injected'] = true;
    const options = { startTime: Date.now() - timeoutMs, attributes, links: this.#linkToOpening(breaker) };
    const span = this.#tracer.startSpan(spanName('call', breaker.name), options, trace.setSpan(ROOT_CONTEXT, caller));
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  rejected(breaker: TracedBreaker, reason: RejectionReason, retryAfterMs: number | undefined, shadow: boolean): void {
    if (shadow || !this.#options.spans) return;
    const call = policySpanOf(breaker);
    // A fallback may make it good, or another attempt: told of once that is known.
    if (call !== undefined) call.refused({ reason, retryAfterMs });
    else this.#refused(breaker, reason, retryAfterMs, activeContext());
  }

  injected(callTrace: unknown, breaker: TracedBreaker, fault: ResolvedInjection): void {
    if (!this.#options.spans) return;
    policySpanOf(breaker)?.injected();
    if (callTrace instanceof ProbeTrace && callTrace.span.isRecording()) callTrace.span.setAttribute(a.injected, true);
    const caller = callerSpan(callTrace);
    if (caller?.isRecording() !== true) return;
    caller.setAttribute(a.injected, true);
    if (this.#notes.mayTellFault(caller)) addFault(caller, breaker.name, fault);
  }

  injecting(injection: TracedInjection, began: boolean): void {
    this.#options.injecting(injection, began);
  }

  around(breaker: TracedBreaker): PolicyTrace | undefined {
    if (!this.#options.spans) return undefined;
    const active = activeContext();
    const caller = active === ROOT_CONTEXT ? undefined : trace.getSpan(active);
    const wanted = caller === undefined ? this.#options.roots : caller.isRecording();
    return wanted && !isSuppressed(active) ? new PolicySpan(breaker, this.#policySpans, active) : undefined;
  }

  retried(breaker: TracedBreaker, attempts: number, outcome: CountedOutcome): void {
    this.attempts?.record(breaker, attempts, outcome);
  }

  readonly #policySpans: PolicySpanMaker = {
    start: (breaker, startTime, active) => {
      const attributes: Named = { 'breaker.name': breaker.name, 'breaker.state': breaker.state };
      addTarget(attributes, breaker);
      return this.#tracer.startSpan(spanName('call', breaker.name), { startTime, attributes, links: this.#linkToOpening(breaker) }, active);
    },
    refused: (breaker, { reason, retryAfterMs }, active) => this.#refused(breaker, reason, retryAfterMs, active),
    served: (breaker, active) => {
      const caller = trace.getSpan(active);
      if (caller?.isRecording() === true) this.#notes.decided(caller, breaker.name, breaker.state, 'fallback');
    },
  };

  #refused(breaker: TracedBreaker, reason: RejectionReason, retryAfterMs: number | undefined, active: Context): void {
    if (active === ROOT_CONTEXT && !this.#options.roots) return;
    const caller = trace.getSpan(active);
    const wanted = caller === undefined ? this.#options.roots : caller.isRecording();
    if (!wanted || isSuppressed(active)) return;
    const { name, state } = breaker;
    if (caller !== undefined) {
      this.#notes.decided(caller, name, state, 'rejected');
      if (!this.#notes.mayReject(caller, this.#options.rejectionSpansPerParent)) return;
    }
    const attributes: Named = {
      'breaker.name': name,
      'breaker.state': state,
      'breaker.outcome': 'rejected',
      'breaker.rejection.reason': reason,
      'error.type': refusalType(reason),
    };
    addTarget(attributes, breaker);
    if (retryAfterMs !== undefined) attributes['breaker.retry_after'] = retryAfterMs / 1_000;
    if (breaker.injected === true) attributes['breaker.injected'] = true;
    const span = this.#tracer.startSpan(spanName('call', name), { attributes, links: this.#linkToOpening(breaker) }, active);
    span.setStatus({ code: SpanStatusCode.ERROR, message: limitReasons.has(reason) ? reason : `circuit is ${stateAndReason(state, reason)}` });
    span.end();
  }

  enter<R>(callTrace: unknown, fn: () => R): R {
    return callTrace instanceof ProbeTrace ? context.with(callTrace.context, fn) : fn();
  }

  /** Probes without an answer: their calls may never settle, and a span is seen only when it has ended. */
  endLostProbes({ trigger, waiting, at, limit = 0 }: TransitionEvent): void {
    if (trigger !== 'probe_lease') return;
    for (const each of waiting) {
      const lost = each instanceof ProbeTrace && at - each.startedAt >= limit * 1_000 - leaseToleranceMs;
      if (lost) endProbe(each.span, 'failure', trigger);
    }
  }

  #startProbe(breaker: TracedBreaker, active: Context, caller: Span | undefined): ProbeTrace | undefined {
    const wanted = caller === undefined ? this.#options.roots : caller.isRecording();
    if (!this.#options.spans || !wanted || isSuppressed(active)) return undefined;
    const attributes: Named = { 'breaker.name': breaker.name, 'breaker.state': 'half_open', 'breaker.probe': true };
    addTarget(attributes, breaker);
    const span = this.#tracer.startSpan(spanName('call', breaker.name), { attributes, links: this.#linkToOpening(breaker) }, active);
    return new ProbeTrace(span, trace.setSpan(active, span), caller, this.#options.now());
  }

  #linkToOpening(breaker: TracedBreaker): Link[] {
    const opening = this.#outages.openingOf(breaker);
    return opening === undefined ? [] : [{ context: opening }];
  }
}

interface TimeOut {
  readonly timeoutMs: number;
}

/** Whether a call of the breaker was given up because its time was over: another one's, inside it, has told of that itself. */
function isTimeOutOf({ name }: TracedBreaker, error: unknown): error is TimeOut {
  if (typeof error !== 'object' || error === null) return false;
  const { code, breaker, timeoutMs } = error as { code?: unknown; breaker?: unknown; timeoutMs?: unknown };
  return code === 'ECALLTIMEOUT' && breaker === name && typeof timeoutMs === 'number';
}

function endProbe(span: Span, outcome: CountedOutcome, type: string): void {
  if (!span.isRecording()) return;
  span.setAttribute(a.outcome, outcome);
  if (outcome === 'failure') {
    span.setAttribute(a.errorType, type);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
