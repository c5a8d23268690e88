import { type AnyFunction, imitate } from './imitate.ts';

type Original = (self: unknown, args: readonly unknown[]) => unknown;

/**
 * Puts a function of ours into a method's place; where there is no such method, nothing is done. Not for clients' methods,
 * which others wrap as well: see `guardMethod`. Returns what puts the original back.
 */
export function replaceMethod(
  owner: object,
  name: PropertyKey,
  around: (original: Original, self: unknown, args: readonly unknown[]) => unknown,
): () => void {
  const found: unknown = Reflect.get(owner, name);
  if (typeof found !== 'function') return () => undefined;
  const original: Original = (self, args) => Reflect.apply(found, self, args);
  let active = true;
  const { ours } = {
    ours(this: unknown, ...args: unknown[]): unknown {
      return active ? around(original, this, args) : original(this, args);
    },
  };
  imitate(ours, found as AnyFunction);
  Reflect.set(owner, name, ours);
  return () => {
    active = false;
    // Somebody who came later calls ours; then it stays, and only passes on.
    if (Reflect.get(owner, name) === ours) Reflect.set(owner, name, found);
  };
}
