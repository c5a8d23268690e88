export type AnyFunction = (...args: unknown[]) => unknown;

/** What wrappers of others look for on a function. */
export interface Wrapped {
  __wrapped: boolean;
  __original: AnyFunction;
  __unwrap: () => void;
}

/** What a guard answers for itself. */
const ownKeys = new Set<PropertyKey>(['__wrapped', '__original', '__unwrap']);

/** What is the same for as long as a function lives. */
const fixed = new Set<PropertyKey>(['name', 'length', 'prototype']);

/** Gives a function the name, length, prototype and properties of another, whose changes it follows: a spy counts in properties of its own. */
export function imitate(fn: AnyFunction, model: AnyFunction): void {
  Object.setPrototypeOf(fn, Object.getPrototypeOf(model));
  for (const key of Reflect.ownKeys(model)) {
    if (ownKeys.has(key)) continue;
    const descriptor = Object.getOwnPropertyDescriptor(model, key);
    // `arguments` and `caller` of sloppy functions cannot be defined; nobody misses them.
    if (descriptor !== undefined)
      Reflect.defineProperty(fn, key, descriptor.writable === true && !fixed.has(key) ? following(model, key, descriptor) : descriptor);
  }
}

function following(model: object, key: PropertyKey, { enumerable = false }: PropertyDescriptor): PropertyDescriptor {
  return { configurable: true, enumerable, get: () => Reflect.get(model, key), set: (value) => void Reflect.set(model, key, value) };
}
