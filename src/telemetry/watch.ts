import type { Breaker } from '../breaker/breaker.ts';
import type { TransitionEvent } from '../breaker/events.ts';
import type { Registry } from '../registry/registry.ts';
import type { Series } from './series.ts';
import { SeriesBook } from './series-book.ts';

export interface WatchListener {
  /** A state change, or with `event.shadow` one that a breaker in shadow mode would have made. */
  transition(event: TransitionEvent): void;
  removed(breaker: Breaker): void;
}

/** Binds to the registry, not to instances: the breakers present, then those added, until removed or disposed of. */
export class Watch {
  readonly #book: SeriesBook;
  readonly #listener: WatchListener;
  readonly #registered: Disposable[];
  readonly #subscriptions = new Map<Breaker, { readonly series: Series | undefined; readonly held: Disposable[] }>();
  #departed: Series[] = [];

  constructor(registry: Registry, listener: WatchListener) {
    this.#book = SeriesBook.of(registry);
    this.#listener = listener;
    this.#registered = [registry.on('added', ({ breaker }) => this.#add(breaker)), registry.on('removed', ({ breaker }) => this.#remove(breaker))];
    for (const breaker of registry.list()) this.#add(breaker);
  }

  get series(): ReadonlyMap<Breaker, Series> {
    return this.#book.series;
  }

  /** The series of breakers removed since the last time this was asked. */
  takeDeparted(): readonly Series[] {
    const departed = this.#departed;
    this.#departed = [];
    return departed;
  }

  /** Whether anybody will ask for the departed; else they are not kept. */
  keepsDeparted = false;

  dispose(): void {
    for (const each of this.#registered) each[Symbol.dispose]();
    for (const breaker of [...this.#subscriptions.keys()]) this.#forget(breaker);
  }

  #add(breaker: Breaker): void {
    if (this.#subscriptions.has(breaker)) return;
    const tell = (event: TransitionEvent): void => this.#listener.transition(event);
    this.#subscriptions.set(breaker, { series: this.series.get(breaker), held: [breaker.on('transition', tell), breaker.on('verdict', tell)] });
  }

  #remove(breaker: Breaker): void {
    const series = this.#subscriptions.get(breaker)?.series;
    this.#forget(breaker);
    if (series !== undefined && this.keepsDeparted) this.#departed.push(series);
    this.#listener.removed(breaker);
  }

  #forget(breaker: Breaker): void {
    for (const each of this.#subscriptions.get(breaker)?.held ?? []) each[Symbol.dispose]();
    this.#subscriptions.delete(breaker);
  }
}
