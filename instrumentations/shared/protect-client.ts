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
  readonly #undo = new Set<Undo>();
  /** A client that is gone needs no undoing; an `Undo` that holds on to its client keeps both. */
  readonly #gone = new FinalizationRegistry<Undo>((undo) => {
    if (this.#undo.delete(undo)) undo();
  });
  /** One for all: what a guard keeps of a server is kept by source. */
  readonly #source = {
    get registry() {
      return defaultRegistry();
    },
  };
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
    if (typeof client !== 'object' || client === null) throw unknownClient();
    if (this.#protected.has(client)) return client;
    for (const guard of this.#guards) {
      const undo = guard(client, this.#source);
      if (undo === undefined) continue;
      this.#protected.add(client);
      this.#undo.add(undo);
      this.#gone.register(client, undo);
      return client;
    }
    throw unknownClient();
  }

  /** Puts all of them back as they were. */
  undo(): void {
    const all = [...this.#undo].reverse();
    this.#undo.clear();
    for (const undo of all) undo();
    this.#protected = new WeakSet();
  }
}

function unknownClient(): TypeError {
  return new TypeError('protectClient: this is no client of a kind that it knows (an ioredis client or cluster, a pg pool or client)');
}
