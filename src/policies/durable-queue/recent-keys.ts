const LIMIT = 10_000;

/** The latest place in the order that was carried out, for the keys last written. What it has forgotten counts as never written. */
export class RecentKeys {
  readonly #orders = new Map<string, number>();

  note(keys: readonly string[], order: number): void {
    for (const key of keys) {
      const before = this.#orders.get(key);
      if (before !== undefined && before >= order) continue;
      this.#orders.delete(key);
      this.#orders.set(key, order);
    }
    while (this.#orders.size > LIMIT) this.#orders.delete(this.#orders.keys().next().value as string);
  }

  /** The key of which a later write than this has been carried out. */
  later(keys: readonly string[], order: number): string | undefined {
    return keys.find((key) => (this.#orders.get(key) ?? order) > order);
  }
}
