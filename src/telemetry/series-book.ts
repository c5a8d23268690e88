import type { Breaker } from '../breaker/breaker.ts';
import type { Registry } from '../registry/registry.ts';
import { Series } from './series.ts';

const books = new WeakMap<Registry, SeriesBook>();

/**
 * The series of a registry's breakers: those present, then those added, until removed (source: resilience4j
 * `TaggedCircuitBreakerMetrics`). One per registry, for as long as that lives, so that everybody who tells of it counts
 * the same transitions.
 */
export class SeriesBook {
  readonly series = new Map<Breaker, Series>();

  static of(registry: Registry): SeriesBook {
    let book = books.get(registry);
    if (book === undefined) {
      book = new SeriesBook(registry);
      books.set(registry, book);
    }
    return book;
  }

  private constructor(registry: Registry) {
    registry.on('added', ({ breaker }) => this.#add(breaker));
    registry.on('removed', ({ breaker }) => this.series.delete(breaker));
    for (const breaker of registry.list()) this.#add(breaker);
  }

  #add(breaker: Breaker): void {
    if (this.series.has(breaker)) return;
    const series = new Series(breaker);
    this.series.set(breaker, series);
    breaker.on('transition', (event) => series.countTransition(event));
  }
}
