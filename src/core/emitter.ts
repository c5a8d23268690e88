import { outsideCallContext } from './clock.ts';
import { reportFault } from './fault.ts';

/**
 * Listeners by event name. Silence is free: with no listener, `heard` is false and the event is never built.
 * A listener runs after the fact, outside the call's async context, in order; one that throws is reported and changes
 * nothing. Events caused by a listener are delivered after the one that caused them, so everybody sees one order.
 */
export class Emitter<Events extends object> {
  readonly #listeners: { [K in keyof Events]?: ((event: Events[K]) => void)[] } = {};
  readonly #queue: (() => void)[] = [];
  #draining = false;

  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): Disposable {
    const list = this.#listeners[name] ?? [];
    // A new array each time: a dispatch under way goes on over the one it began with.
    this.#listeners[name] = [...list, listener];
    return {
      [Symbol.dispose]: () => {
        this.#listeners[name] = this.#listeners[name]?.filter((each) => each !== listener);
      },
    };
  }

  heard(name: keyof Events): boolean {
    const list = this.#listeners[name];
    return list !== undefined && list.length > 0;
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    const list = this.#listeners[name];
    if (list === undefined || list.length === 0) return;
    this.#queue.push(() => {
      for (const listener of list) {
        try {
          listener(event);
        } catch (error) {
          reportFault(error, `a listener of '${String(name)}'`);
        }
      }
    });
    if (!this.#draining) outsideCallContext(() => this.#drain());
  }

  #drain(): void {
    this.#draining = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    } finally {
      this.#draining = false;
    }
  }
}
