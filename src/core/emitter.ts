import { outsideCallContext } from './clock.ts';
import { reportFault } from './fault.ts';

/**
 * Listeners by event name. Silence is free: with no listener, `heard` is false and the event is never built.
 * A listener runs after the fact, outside the call's async context, in order; one that throws is reported and changes
 * nothing. Events caused by a listener are delivered after the one that caused them, so everybody sees one order.
 */
export class Emitter<Events extends object> {
  /** By name; never an empty list. */
  readonly listeners: { [K in keyof Events]?: { readonly hear: (event: Events[K]) => unknown }[] | undefined } = {};
  /** What has not been delivered yet. */
  #queue: (() => void)[] | undefined;
  #draining = false;

  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): Disposable {
    const list = this.listeners[name] ?? [];
    // Of its own, so that a function registered twice is let go once at a time.
    const entry = { hear: listener };
    // A new array each time: a dispatch under way goes on over the one it began with.
    this.listeners[name] = [...list, entry];
    return {
      [Symbol.dispose]: () => {
        const rest = this.listeners[name]?.filter((each) => each !== entry) ?? [];
        this.listeners[name] = rest.length === 0 ? undefined : rest;
      },
    };
  }

  heard(name: keyof Events): boolean {
    return this.listeners[name] !== undefined;
  }

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    const list = this.listeners[name];
    if (list === undefined) return;
    this.#queue ??= [];
    this.#queue.push(() => {
      for (const { hear } of list) {
        const failed = (error: unknown): void => reportFault(error, `a listener of '${String(name)}'`);
        try {
          const returned = hear(event);
          // An async listener that fails must not end the process as an unhandled rejection.
          if (returned instanceof Promise) returned.catch(failed);
        } catch (error) {
          failed(error);
        }
      }
    });
    if (!this.#draining) outsideCallContext(() => this.#drain());
  }

  #drain(): void {
    this.#draining = true;
    try {
      for (let next = this.#queue?.shift(); next !== undefined; next = this.#queue?.shift()) next();
    } finally {
      this.#draining = false;
    }
  }
}
