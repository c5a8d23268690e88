import type { Breaker } from '../breaker/breaker.ts';
import type { TransitionEvent } from '../breaker/events.ts';
import type { Registry } from './registry.ts';

/** Hears of the moves of every breaker of a registry, of those present and to come. */
export class Transitions {
  readonly #held = new Map<Breaker, Disposable[]>();
  readonly #listeners = new Set<(event: TransitionEvent) => void>();
  readonly #registry: readonly Disposable[];

  constructor(registry: Registry) {
    this.#registry = [registry.on('added', ({ breaker }) => this.#follow(breaker)), registry.on('removed', ({ breaker }) => this.#leave(breaker))];
    for (const breaker of registry.list()) this.#follow(breaker);
  }

  on(listener: (event: TransitionEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  dispose(): void {
    for (const each of this.#registry) each[Symbol.dispose]();
    for (const breaker of [...this.#held.keys()]) this.#leave(breaker);
    this.#listeners.clear();
  }

  #follow(breaker: Breaker): void {
    const tell = (event: TransitionEvent): void => {
      for (const listener of this.#listeners) listener(event);
    };
    this.#held.set(breaker, [breaker.on('transition', tell), breaker.on('verdict', tell)]);
  }

  #leave(breaker: Breaker): void {
    for (const each of this.#held.get(breaker) ?? []) each[Symbol.dispose]();
    this.#held.delete(breaker);
  }
}
