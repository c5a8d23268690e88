import type { Link, SpanContext, SpanOptions, Tracer } from '@opentelemetry/api';
import type { Breaker } from '../breaker/breaker.ts';
import type { TransitionEvent } from '../breaker/events.ts';
import { rejectionReasons } from '../breaker/meters.ts';
import { policyMetersOf } from '../policies/compose.ts';
import { fallbackTypes } from '../policies/meters.ts';
import { ROOT_CONTEXT, trace } from './api.ts';
import { addTarget, type Named } from './attributes.ts';
import { linksTo } from './call-trace.ts';
import { spanName, type values } from './names.ts';
import { addErrors, tripAttributes } from './transition-attributes.ts';

export type OutageEnd = (typeof values.outageEnd)[number];

/** What an SDK keeps of a span's links. */
const maxLinks = 32;
/** Half-open phases told one by one; the older ones of a very long outage are only counted. */
const maxPhases = 128;

interface Phase {
  readonly at: number;
  readonly probesBefore: number;
  readonly end?: { readonly at: number; readonly probes: number; readonly trigger: string; readonly to: string };
}

interface Totals {
  readonly at: number;
  readonly rejections: number;
  readonly fallbacks: number;
  readonly probes: number;
  readonly halfOpens: number;
}

/** The time from an opening until calls flow again, half-open phases included. Times are ms of the breaker's clock. */
export class Outage {
  /** Of the span that told of the opening. */
  opening: SpanContext | undefined;
  probes = 0;
  readonly breaker: Breaker;
  readonly #cause: TransitionEvent;
  /** Epoch ms of the opening: the times of all its spans count from here, whatever the wall clock does meanwhile. */
  readonly #openedAtEpoch: number;
  readonly #begin: Totals;
  #phases: Phase[] = [];
  #halfOpens = 0;
  #segments = 0;
  #segmentBegin: Totals;
  #segment: SpanContext | undefined;
  /** Faults have been injected at one of its moves. */
  #injected: boolean;

  constructor(cause: TransitionEvent) {
    this.#cause = cause;
    this.#injected = cause.injected;
    this.breaker = cause.breaker;
    this.#openedAtEpoch = Date.now() - (cause.breaker.clock.now() - cause.at);
    this.#begin = this.#totals(cause.at);
    this.#segmentBegin = this.#begin;
    if (cause.to === 'half_open') this.#enterHalfOpen(cause.at);
  }

  /** The short root span that stands for the opening: visible at once, and what rejections link to. */
  tellOpening(tracer: Tracer): void {
    const { failures, waiting, openForMs, to, generation } = this.#cause;
    const calls: { trace: unknown; attributes?: Named }[] = [];
    for (const each of failures) if (each.trace !== undefined) calls.push({ trace: each.trace, attributes: { 'error.type': each.errorType } });
    for (const each of waiting) calls.push({ trace: each });
    const attributes = tripAttributes(this.#cause);
    attributes['breaker.state'] = to;
    attributes['breaker.generation'] = generation;
    if (openForMs !== undefined) attributes['breaker.open.duration'] = openForMs / 1_000;
    addErrors(attributes, failures);
    this.opening = this.#tell(tracer, 'opening', this.#cause.at, this.#cause.at, attributes, calls.length === 0 ? [] : linksTo(calls, maxLinks));
  }

  /** A move that does not end the outage. */
  moved(event: TransitionEvent): void {
    this.#injected ||= event.injected;
    if (event.from === 'half_open') this.#leaveHalfOpen(event.at, event.trigger, event.to);
    if (event.to === 'half_open') this.#enterHalfOpen(event.at);
  }

  /** An outage that lasts tells of itself piece by piece: a span is seen only when it has ended. */
  tellSegment(tracer: Tracer, at: number): void {
    this.#segments += 1;
    const attributes = this.#since(this.#segmentBegin, at);
    attributes['breaker.outage.segment'] = this.#segments;
    const links = this.#links(this.#segment ?? this.opening);
    this.#segment = this.#tell(tracer, 'outage', this.#segmentBegin.at, at, attributes, links);
    this.#segmentBegin = this.#totals(at);
  }

  /** The whole outage as one root span with a child per half-open phase. */
  tellEnd(tracer: Tracer, at: number, end: OutageEnd, cause?: TransitionEvent): void {
    const last = this.#phases.at(-1);
    if (last !== undefined && last.end === undefined) this.#leaveHalfOpen(at, cause?.trigger ?? end, cause?.to ?? end);
    const attributes = this.#since(this.#begin, at);
    attributes['breaker.outage.end'] = end;
    if (this.#segments > 0) attributes['breaker.outage.segment'] = this.#segments;
    const outage = tracer.startSpan(
      spanName('outage', this.breaker.name),
      { root: true, startTime: this.#epoch(this.#begin.at), attributes, links: this.#links(this.opening, this.#segment) },
      ROOT_CONTEXT,
    );
    const inside = trace.setSpan(ROOT_CONTEXT, outage);
    for (const phase of this.#phases) {
      if (phase.end === undefined) continue;
      const attributes = this.#phaseAttributes(phase.end);
      const options = { startTime: this.#epoch(phase.at), attributes };
      tracer.startSpan(spanName('halfOpen', this.breaker.name), options, inside).end(this.#epoch(phase.end.at));
    }
    outage.end(this.#epoch(at));
  }

  #tell(tracer: Tracer, kind: 'opening' | 'outage', from: number, to: number, attributes: Named, links: Link[]): SpanContext | undefined {
    const options: SpanOptions = { root: true, startTime: this.#epoch(from), attributes, links };
    const span = tracer.startSpan(spanName(kind, this.breaker.name), options, ROOT_CONTEXT);
    span.end(this.#epoch(to));
    const context = span.spanContext();
    return trace.isSpanContextValid(context) ? context : undefined;
  }

  #enterHalfOpen(at: number): void {
    this.#halfOpens += 1;
    this.#phases.push({ at, probesBefore: this.probes });
    if (this.#phases.length > maxPhases) this.#phases.shift();
  }

  #leaveHalfOpen(at: number, trigger: string, to: string): void {
    const phase = this.#phases.pop();
    if (phase !== undefined) this.#phases.push({ ...phase, end: { at, probes: this.probes - phase.probesBefore, trigger, to } });
  }

  #phaseAttributes({ probes, trigger, to }: NonNullable<Phase['end']>): Named {
    const made: Named = {
      'breaker.name': this.breaker.name,
      'breaker.trigger': trigger,
      'breaker.state.to': to,
      'breaker.outage.probes': probes,
    };
    addTarget(made, this.breaker);
    if (this.#cause.shadow) made['breaker.shadow'] = true;
    return made;
  }

  #totals(at: number): Totals {
    const { meters } = this.breaker;
    let rejections = 0;
    for (const reason of rejectionReasons) rejections += this.#cause.shadow ? meters.shadowRejections(reason) : meters.rejections(reason);
    return { at, rejections, fallbacks: servedByFallbacks(this.breaker), probes: this.probes, halfOpens: this.#halfOpens };
  }

  #since(begin: Totals, at: number): Named {
    const now = this.#totals(at);
    const made = tripAttributes(this.#cause);
    if (this.#injected) made['breaker.injected'] = true;
    made['breaker.outage.rejections'] = now.rejections - begin.rejections;
    made['breaker.outage.fallbacks'] = now.fallbacks - begin.fallbacks;
    made['breaker.outage.probes'] = now.probes - begin.probes;
    made['breaker.outage.half_opens'] = now.halfOpens - begin.halfOpens;
    return made;
  }

  #links(...contexts: (SpanContext | undefined)[]): Link[] {
    return contexts.filter((each) => each !== undefined).map((context) => ({ context }));
  }

  #epoch(at: number): number {
    return this.#openedAtEpoch + (at - this.#begin.at);
  }
}

function servedByFallbacks(breaker: Breaker): number {
  const meters = policyMetersOf(breaker);
  return meters === undefined ? 0 : fallbackTypes.reduce((sum, type) => sum + meters.fallbacks(type, 'success'), 0);
}
