import type { SpanContext, Tracer } from '@opentelemetry/api';
import type { Breaker } from '../breaker/breaker.ts';
import type { TransitionEvent } from '../breaker/events.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { reportFault } from '../core/fault.ts';
import { isRefusing } from './attributes.ts';
import { Outage, type OutageEnd } from './outage.ts';

interface Lasting {
  readonly outage: Outage;
  timer: Timer | undefined;
}

/** Does something with a tracer: now, or when there is one. */
export type SendSpans = (work: (tracer: Tracer) => void) => void;

/** The outages under way, by breaker: the real ones, and beside them those that breakers in shadow mode would have had. */
export class Outages {
  readonly #clock: Clock;
  readonly #send: SendSpans;
  readonly #segmentMs: number;
  readonly #real = new Map<object, Lasting>();
  readonly #shadow = new Map<object, Lasting>();

  constructor(clock: Clock, send: SendSpans, segmentMs: number) {
    this.#clock = clock;
    this.#send = send;
    this.#segmentMs = segmentMs;
  }

  /** The span of the opening that a refusal of this breaker goes back to. */
  openingOf(breaker: object): SpanContext | undefined {
    return this.#real.get(breaker)?.outage.opening;
  }

  countProbe(breaker: object): void {
    const lasting = this.#real.get(breaker);
    if (lasting !== undefined) lasting.outage.probes += 1;
  }

  moved(event: TransitionEvent): void {
    // Switched to enforcing: what would have been is over, what is begins.
    if (!event.shadow && event.from === 'shadow') this.#end(this.#shadow, event.breaker, event.at, 'enforced', event);
    const lane = event.shadow ? this.#shadow : this.#real;
    const lasting = lane.get(event.breaker);
    if (!isRefusing(event.to)) this.#end(lane, event.breaker, event.at, endBy(event.to), event);
    else if (lasting === undefined) this.#begin(lane, event);
    else lasting.outage.moved(event);
  }

  removed(breaker: Breaker): void {
    for (const lane of [this.#real, this.#shadow]) this.#end(lane, breaker, breaker.clock.now(), 'removed');
  }

  /** Ends every outage under way and says why: spans are seen only when they have ended. */
  shutdown(): void {
    for (const lane of [this.#real, this.#shadow]) {
      for (const { outage } of [...lane.values()]) this.#end(lane, outage.breaker, outage.breaker.clock.now(), 'shutdown');
    }
  }

  /** Forgets them without a word. */
  dispose(): void {
    for (const lane of [this.#real, this.#shadow]) {
      for (const { timer } of lane.values()) timer?.cancel();
      lane.clear();
    }
  }

  #begin(lane: Map<object, Lasting>, event: TransitionEvent): void {
    const outage = new Outage(event);
    const lasting: Lasting = { outage, timer: undefined };
    lane.set(event.breaker, lasting);
    this.#send((tracer) => outage.tellOpening(tracer));
    this.#scheduleSegment(lasting);
  }

  #end(lane: Map<object, Lasting>, breaker: Breaker, at: number, end: OutageEnd, cause?: TransitionEvent): void {
    const lasting = lane.get(breaker);
    if (lasting === undefined) return;
    lane.delete(breaker);
    lasting.timer?.cancel();
    this.#send((tracer) => lasting.outage.tellEnd(tracer, at, end, cause));
  }

  #scheduleSegment(lasting: Lasting): void {
    lasting.timer = this.#clock.setTimer(() => {
      try {
        const at = lasting.outage.breaker.clock.now();
        this.#send((tracer) => lasting.outage.tellSegment(tracer, at));
        this.#scheduleSegment(lasting);
      } catch (error) {
        reportFault(error, 'telemetry of an outage');
      }
    }, this.#segmentMs);
  }
}

function endBy(to: TransitionEvent['to']): OutageEnd {
  return to === 'disabled' || to === 'shadow' ? to : 'closed';
}
