import type { Span } from '@opentelemetry/api';
import type { StateName } from '../core/errors.ts';
import type { CountedOutcome } from '../core/outcome.ts';
import { attributes as a } from './names.ts';

type SpanOutcome = CountedOutcome | 'rejected' | 'fallback';

const weight: Readonly<Record<SpanOutcome, number>> = { success: 1, ignored: 2, cancelled: 3, stale: 4, failure: 5, fallback: 6, rejected: 7 };

interface Note {
  weight: number;
  rejections: number;
  faults: number;
  timeOuts: number;
}

/** A span keeps 128 events: those of injected faults leave room for others. */
const maxFaults = 16;

/**
 * What breakers decided, on the span of the caller. A request that makes fifty calls has one span: the weightiest
 * outcome stays on it (a rejection over a failure over a success), and the other forty-nine cost one look-up each.
 */
export class CallerNotes {
  readonly #notes = new WeakMap<Span, Note>();

  decided(span: Span, breaker: string, state: StateName, outcome: SpanOutcome): void {
    const note = this.#of(span);
    const weighs = weight[outcome];
    if (weighs <= note.weight) return;
    note.weight = weighs;
    span.setAttribute(a.name, breaker);
    span.setAttribute(a.state, state);
    span.setAttribute(a.outcome, outcome);
  }

  /** Whether one more refusal of this caller's may have a span; those that may not are counted on the caller's. */
  mayReject(span: Span, limit: number): boolean {
    const note = this.#of(span);
    note.rejections += 1;
    if (note.rejections <= limit) return true;
    span.setAttribute(a.rejectionsSuppressed, note.rejections - limit);
    return false;
  }

  /** Whether one more injected fault of this caller's calls is told. */
  mayTellFault(span: Span): boolean {
    const note = this.#of(span);
    note.faults += 1;
    return note.faults <= maxFaults;
  }

  /** Whether one more of this caller's calls that ran out of time may have a span: a thousand at once say no more than a few. */
  mayTellTimeOut(span: Span, limit: number): boolean {
    const note = this.#of(span);
    note.timeOuts += 1;
    return note.timeOuts <= limit;
  }

  #of(span: Span): Note {
    let note = this.#notes.get(span);
    if (note === undefined) {
      note = { weight: 0, rejections: 0, faults: 0, timeOuts: 0 };
      this.#notes.set(span, note);
    }
    return note;
  }
}
