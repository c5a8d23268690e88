import type { AlertView, TransitionView } from '../../../wire.ts';
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

  /** Alerts are rare, and told at once. */
  tellAlert({ state, severity, summary }: AlertView): void {
    this.#append(state === 'firing' ? `Alert, ${severity}: ${summary}` : `Alert resolved: ${summary}`);
  }

  #say(): void {
    const texts = textsOf(this.#waiting);
    this.#waiting = [];
    for (const text of texts) this.#append(text);
  }

  #append(text: string): void {
    const log = byId('live');
    log.append(h('p', {}, text));
    while (log.childElementCount > maxKept) log.firstElementChild?.remove();
  }
}
