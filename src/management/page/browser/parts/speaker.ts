import type { TransitionView } from '../../../wire.ts';
import { textsOf } from '../facts/news.ts';
import { byId, h } from './dom.ts';

/** What happens within that time is said together, in ms. */
const gatherMs = 1_500;
const maxKept = 20;

/** Says to who cannot see the page that circuits have opened, closed, or been moved by hand. */
export class Speaker {
  #waiting: TransitionView[] = [];

  tell(move: TransitionView): void {
    this.#waiting.push(move);
    if (this.#waiting.length === 1) setTimeout(() => this.#say(), gatherMs);
  }

  #say(): void {
    const log = byId('live');
    for (const text of textsOf(this.#waiting)) log.append(h('p', {}, text));
    this.#waiting = [];
    while (log.childElementCount > maxKept) log.firstElementChild?.remove();
  }
}
