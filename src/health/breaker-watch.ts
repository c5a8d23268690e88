import type { Registry } from '../registry/registry.ts';
import { Transitions } from '../registry/transitions.ts';

/** Calls `moved` once after whatever happens to circuits at one time: moves, in shadow mode too, and breakers that go. */
export class BreakerWatch implements Disposable {
  readonly #transitions: Transitions;
  readonly #removed: Disposable;
  readonly #moved: () => void;
  #told = false;
  #over = false;

  constructor(registry: Registry, moved: () => void) {
    this.#moved = moved;
    this.#transitions = new Transitions(registry);
    this.#transitions.on(() => this.#tell());
    this.#removed = registry.on('removed', () => this.#tell());
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#transitions.dispose();
    this.#removed[Symbol.dispose]();
  }

  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      if (!this.#over) this.#moved();
    });
  }
}
