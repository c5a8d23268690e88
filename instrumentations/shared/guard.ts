import { isBreakerError } from '../../src/core/errors.ts';
import { reportFault } from '../../src/core/fault.ts';
import { type Around, type Before, type GoesOn, goOn, type Original, type Through } from './around.ts';
import { type AnyFunction, imitate, type Wrapped } from './imitate.ts';
import { deepenStacks, restoreStacks } from './stack-depth.ts';

export { type Around, type Before, type GoesOn, goOn, type Original, type Through } from './around.ts';

export interface Guard {
  /** Whether it guards: not after `remove`, and not where another guard had been first. */
  readonly active: boolean;
  /** Moves to the top when somebody has wrapped the method since; happens by itself on the next call. */
  promote(): void;
  /** Puts back exactly the function that was there. Wrappers of others that came later stay. */
  remove(): void;
}

/** On the owner: the names guarded by any copy of this package. A method is guarded once, or every call would count twice. */
const guardedNames = Symbol.for('otel-breaker.guarded');
/** Others that promote themselves too would play leapfrog with us for ever. */
const maxPromotions = 32;

const inert: Guard = { active: false, promote: () => undefined, remove: () => undefined };

/**
 * Guards a method of a prototype or object. The guard is always outermost, so that a refused call makes no client span:
 * when somebody wraps it later, it becomes a pass-through at its old place and wraps the new top. OpenTelemetry's patches
 * say `if (isWrapped(fn)) unwrap(fn)`; hence it answers `__wrapped`, `__original` and `__unwrap` for what is inside it.
 * Never throws: what cannot be guarded is reported and left alone.
 */
export function guardMethod(owner: object, name: PropertyKey, around: Around | Before | Through): Guard {
  const names = (owner as { [guardedNames]?: Set<PropertyKey> })[guardedNames];
  if (Object.hasOwn(owner, guardedNames) && names?.has(name)) return inert;
  try {
    return new MethodGuard(owner, name, around);
  } catch (error) {
    reportFault(error, `guarding ${String(name)}`);
    return inert;
  }
}

/** One function that was put into the slot. Only the active shell guards; older ones, buried under other wrappers, pass through. */
interface Shell {
  fn: AnyFunction;
  /** What is inside it, whatever that is by then. */
  readonly original: Original;
  inner: AnyFunction;
}

class MethodGuard implements Guard {
  readonly #owner: object;
  readonly #name: PropertyKey;
  readonly #around: Around | Before | Through;
  readonly #shells = new WeakMap<object, Shell>();
  /** As found; `undefined` when the method was inherited. */
  readonly #descriptor: PropertyDescriptor | undefined;
  #top: Shell;
  #promotions = 0;
  active = true;

  constructor(owner: object, name: PropertyKey, around: Around | Before | Through) {
    this.#owner = owner;
    this.#name = name;
    this.#around = around;
    this.#descriptor = Object.getOwnPropertyDescriptor(owner, name);
    this.#top = this.#install(this.#current());
    note(owner, name, true);
  }

  promote(): void {
    const current = this.#current();
    if (!this.active || current === this.#top.fn || this.#promotions >= maxPromotions) return;
    this.#promotions += 1;
    this.#top = this.#install(current);
  }

  remove(): void {
    if (!this.active) return;
    this.active = false;
    note(this.#owner, this.#name, false);
    const current = this.#current();
    const shell = this.#shells.get(current);
    if (shell !== undefined) this.#put(this.#bare(shell.inner));
    this.#mend(this.#current());
  }

  #current(): AnyFunction {
    const value: unknown = Reflect.get(this.#owner, this.#name);
    if (typeof value !== 'function') throw new TypeError(`${String(this.#name)} is not a function`);
    return value as AnyFunction;
  }

  #put(value: AnyFunction): void {
    const { configurable = true, enumerable = true, writable = true } = this.#descriptor ?? {};
    if (!this.active && this.#descriptor === undefined && value === Reflect.get(Object.getPrototypeOf(this.#owner) ?? {}, this.#name)) {
      Reflect.deleteProperty(this.#owner, this.#name);
    } else {
      Object.defineProperty(this.#owner, this.#name, { configurable, enumerable, writable, value });
    }
  }

  #install(inner: AnyFunction): Shell {
    const around = this.#around;
    const shell: Shell = { fn: inner, inner, original: (self, args) => Reflect.apply(shell.inner, self, args) };
    const fn = this.#fnOf(around, shell);
    shell.fn = fn;
    imitate(fn, inner);
    Object.defineProperties(fn, {
      __wrapped: { configurable: true, get: () => (shell.inner as Partial<Wrapped>).__wrapped },
      __original: { configurable: true, get: () => (shell.inner as Partial<Wrapped>).__original },
      __unwrap: { configurable: true, get: () => this.#unwrapOf(shell) },
    });
    this.#shells.set(fn, shell);
    this.#put(fn);
    return shell;
  }

  /** Takes the wrapper right inside a shell away, as that wrapper's own `__unwrap` would if it were on top. */
  #unwrapOf(shell: Shell): (() => void) | undefined {
    const inner = shell.inner as Partial<Wrapped>;
    if (inner.__unwrap === undefined || typeof inner.__original !== 'function') return undefined;
    return () => {
      shell.inner = this.#bare(inner.__original as AnyFunction);
      this.#promotions = Math.max(0, this.#promotions - 1);
    };
  }

  /** What a function is without shells of ours on top of it. */
  #bare(fn: AnyFunction): AnyFunction {
    let bare = fn;
    for (let shell = this.#shells.get(bare); shell !== undefined; shell = this.#shells.get(bare)) bare = shell.inner;
    return bare;
  }

  /** After removal: lets wrappers of others that stand on a shell of ours unwrap to what was inside it. */
  #mend(top: AnyFunction): void {
    let wrapper = top as Partial<Wrapped>;
    while (typeof wrapper.__original === 'function') {
      const original = wrapper.__original;
      const bare = this.#bare(original);
      if (bare !== original) {
        const here = wrapper;
        Object.defineProperty(here, '__original', { configurable: true, writable: true, value: bare });
        Object.defineProperty(here, '__unwrap', {
          configurable: true,
          writable: true,
          value: () => {
            if (this.#current() === here) this.#put(bare);
          },
        });
      }
      wrapper = bare as Partial<Wrapped>;
    }
  }

  #fnOf(around: Around | Before | Through, shell: Shell): AnyFunction {
    if (typeof around === 'function') return this.#fnAround(around, shell);
    return 'through' in around ? this.#fnThrough(around, shell) : this.#fnBefore(around, shell);
  }

  #fnAround(around: Around, shell: Shell): AnyFunction {
    const guard = this;
    // A method, not a function expression: like most of what it stands for, it has no `prototype` of its own.
    const { fn } = {
      fn(this: unknown, ...args: unknown[]): unknown {
        return guard.#isOn(shell) ? guard.#callAround(around, shell, this, args) : Reflect.apply(shell.inner, this, args);
      },
    };
    return fn;
  }

  #fnThrough(through: Through, shell: Shell): AnyFunction {
    const guard = this;
    const { fn } = {
      fn(this: unknown, ...args: unknown[]): unknown {
        if (!guard.#isOn(shell)) return Reflect.apply(shell.inner, this, args);
        const going = letThrough(through, guard.#name, this, args);
        return going === undefined ? guard.#callAround(through.around, shell, this, args) : goOnAs(going, shell, this);
      },
    };
    return fn;
  }

  /** What calls it is machine code together with it, as far as V8 allows so much: short, for that has functions of its own to inline. */
  #fnBefore(around: Before, shell: Shell): AnyFunction {
    const guard = this;
    const owner = this.#owner;
    const name = this.#name;
    const current = around.current ?? (() => Reflect.get(owner, name));
    const { fn } = {
      // V8 makes no array of arguments that are handed on as they are, and to nobody else.
      fn(this: unknown, ...args: unknown[]): unknown {
        const isOn = (guard.#top === shell && guard.active && current(owner) === fn) || guard.#isOn(shell);
        const answer = isOn ? ask(around, name, shell, this, args[0], args[1]) : goOn;
        if (answer !== goOn) return answer;
        try {
          return Reflect.apply(shell.inner, this, args);
        } catch (error) {
          if (isOn) tell(around, name, this, args[0]);
          throw error;
        }
      },
    };
    return fn;
  }

  /** Whether a call of a shell is to be guarded. */
  #isOn(shell: Shell): boolean {
    return this.active && !this.#passesThrough(shell);
  }

  #callAround(around: Around, shell: Shell, self: unknown, args: unknown[]): unknown {
    let stage: 'before' | 'answered' | 'threw' = 'before';
    let outcome: unknown;
    const original: Original = (that, given) => {
      const depth = deepenStacks();
      try {
        outcome = Reflect.apply(shell.inner, that, given);
        stage = 'answered';
        return outcome;
      } catch (error) {
        outcome = error;
        stage = 'threw';
        throw error;
      } finally {
        restoreStacks(depth);
      }
    };
    try {
      return around(original, self, args);
    } catch (error) {
      // The assertion: control flow analysis does not see that `original` writes to it.
      const reached = stage as 'before' | 'answered' | 'threw';
      if (reached === 'threw' && outcome === error) throw error;
      if (reached === 'before' && isBreakerError(error)) throw error;
      reportFault(error, `the guard of ${String(this.#name)}`);
      if (reached === 'before') return Reflect.apply(shell.inner, self, args);
      if (reached === 'threw') throw outcome;
      return outcome;
    }
  }

  /** Whether a shell is buried under the active one; as a side effect the guard gets back to the top. */
  #passesThrough(shell: Shell): boolean {
    const current = (this.#owner as Record<PropertyKey, unknown>)[this.#name];
    if (current === shell.fn) {
      // Somebody put back a function that he had kept.
      this.#top = shell;
      return false;
    }
    if (current === this.#top.fn) return true;
    if (this.#promotions >= maxPromotions) return shell !== this.#top;
    // Wrapped since: this one call is guarded where it is.
    try {
      this.promote();
    } catch (error) {
      reportFault(error, `the guard of ${String(this.#name)}`);
    }
    return false;
  }
}

function letThrough(through: Through, name: PropertyKey, self: unknown, args: unknown[]): GoesOn | undefined {
  try {
    return through.through(self, args);
  } catch (error) {
    reportFault(error, `the guard of ${String(name)}`);
    return { args };
  }
}

function goOnAs(going: GoesOn, shell: Shell, self: unknown): unknown {
  try {
    return Reflect.apply(shell.inner, self, going.args);
  } catch (error) {
    going.threw?.(error);
    throw error;
  }
}

function ask(around: Before, name: PropertyKey, shell: Shell, self: unknown, first: unknown, second: unknown): unknown {
  try {
    return around.before(self, first, second, shell.original);
  } catch (error) {
    if (isBreakerError(error)) throw error;
    reportFault(error, `the guard of ${String(name)}`);
    return goOn;
  }
}

function tell(around: Before, name: PropertyKey, self: unknown, first: unknown): void {
  try {
    around.threw?.(self, first);
  } catch (fault) {
    reportFault(fault, `the guard of ${String(name)}`);
  }
}

function note(owner: object, name: PropertyKey, guarded: boolean): void {
  const own = Object.hasOwn(owner, guardedNames) ? (owner as { [guardedNames]?: Set<PropertyKey> })[guardedNames] : undefined;
  const names = own ?? new Set<PropertyKey>();
  if (guarded) names.add(name);
  else names.delete(name);
  if (names.size === 0) Reflect.deleteProperty(owner, guardedNames);
  else if (own === undefined) Object.defineProperty(owner, guardedNames, { configurable: true, value: names });
}
