import type { HistorySource } from './ports.ts';
import { transitionView } from './views.ts';
import type { Transitions } from './watch.ts';
import type { SampleView, TransitionView } from './wire.ts';

/** The last transitions of all breakers together, where nobody keeps a history of each. */
export class RecentTransitions implements HistorySource {
  readonly #kept: TransitionView[] = [];
  readonly #limit: number;

  constructor(transitions: Transitions, limit = 500) {
    this.#limit = limit;
    transitions.on((event) => {
      this.#kept.push(transitionView(event));
      if (this.#kept.length > this.#limit) this.#kept.shift();
    });
  }

  transitions(breaker?: string): TransitionView[] {
    return breaker === undefined ? [...this.#kept] : this.#kept.filter((each) => each.breaker === breaker);
  }

  samples(): SampleView[] {
    return [];
  }
}
