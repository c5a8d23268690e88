import type { History } from '../history/history.ts';
import type { MoveRecord, Sample } from '../history/records.ts';
import type { HistorySource } from './ports.ts';
import { timeText } from './wall-time.ts';
import type { SampleView, TransitionView } from './wire.ts';

/** A history in the terms of the server. */
export class HistoryViews implements HistorySource {
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  transitions(breaker?: string): TransitionView[] {
    return this.#history.moves(breaker).map(moveView);
  }

  samples(breaker: string): SampleView[] {
    return this.#history.samples(breaker).map(sampleView);
  }
}

function moveView({ breaker, at, from, to, trigger, value, limit, errorType, reason, shadow, openForMs }: MoveRecord): TransitionView {
  return {
    breaker,
    at: timeText(at),
    from,
    to,
    trigger,
    ...(value !== undefined && { value }),
    ...(limit !== undefined && { limit }),
    ...(errorType !== undefined && { errorType }),
    ...(reason !== undefined && { reason }),
    ...(shadow && { shadow }),
    ...(openForMs !== undefined && { openForMs }),
  };
}

function sampleView({ at, failureRatio, slowRatio, served, ...rest }: Sample): SampleView {
  return {
    at: timeText(at),
    ...rest,
    ...(failureRatio !== undefined && { failureRatio }),
    ...(slowRatio !== undefined && { slowRatio }),
    fallbacks: served,
  };
}
