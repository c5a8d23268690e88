import type { Registry } from '../../src/registry/registry.ts';
import { defaultRegistry } from './default-registry.ts';
import type { Undo } from './hook.ts';

/**
 * Knows one kind of client by its shape. `undefined` for what is none of its kind; else the client is guarded from now on,
 * and once however often it is given, until the returned function is called.
 */
export type InstanceGuard = (client: object, source: { readonly registry: Registry }) => Undo | undefined;

/**
 * Guards clients by hand: those whose files no hook sees, as in a bundle. One that is guarded already stays as it is.
 */
export class ClientProtection {
  readonly #guards: readonly InstanceGuard[];
  readonly #undo: Undo[] = [];
  #protected = new WeakSet<object>();

  constructor(guards: readonly InstanceGuard[]) {
    this.#guards = guards;
  }

  /**
   * Guards one client or pool, with what it makes for itself: the nodes of a cluster, the clients of a pool.
   * @returns the same client
   * @throws TypeError for what is no client that is known
   */
  protect<T extends object>(client: T): T {
    if (this.#protected.has(client)) return client;
    const source = {
      get registry() {
        return defaultRegistry();
      },
    };
    for (const guard of this.#guards) {
      const undo = guard(client, source);
      if (undo === undefined) continue;
      this.#protected.add(client);
      this.#undo.push(undo);
      return client;
    }
    throw new TypeError('protectClient: this is no client of a kind that it knows (an ioredis client or cluster, a pg pool or client)');
  }

  /** Puts all of them back as they were. */
  undo(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
    this.#protected = new WeakSet();
  }
}
