import { isPlainObject } from '../../core/schema.ts';

// Loaded by Node itself; node:v8 is loaded with the first value.
const { types } = process.getBuiltinModule('node:util');

/** Turns values into bytes and back, types included. Both throw for what they cannot keep faithfully. */
export interface Codec {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/**
 * A class whose instances are data: their own enumerable properties are all there is to them. Never one with private fields
 * or functions of its own.
 */
export interface DataClass {
  /** Stands in the bytes; unique within a codec. */
  readonly name: string;
  is(value: object): boolean;
  /** What instances inherit from; `undefined` while it is not known: then nothing can be decoded. */
  prototype(): object | undefined;
  /** The properties to keep; default: all own enumerable ones. */
  keys?(value: object): readonly string[];
}

/** A {@link DataClass} known by its constructor's name alone, whose prototype is learned from the first instance seen. */
export function dataClass(name: string, keys?: readonly string[]): DataClass {
  let prototype: object | undefined;
  return {
    name,
    is(value) {
      if ((value.constructor as { name?: unknown } | undefined)?.name !== name) return false;
      prototype ??= Object.getPrototypeOf(value) as object;
      return true;
    },
    prototype: () => prototype,
    ...(keys === undefined ? {} : { keys: () => keys }),
  };
}

/** A value that would not come back as it was. */
export class NotPreservedError extends TypeError {
  override readonly name = 'NotPreservedError';
}

/** What cannot be told in V8's format: [object in the tree, class, properties that the object itself does not carry]. */
type Note = readonly [target: object, type: string, properties: Record<string, unknown> | undefined];

const errorType = 'Error';

/**
 * Keeps primitives, BigInt, plain objects and arrays, cycles, Buffers, typed arrays, ArrayBuffers, Date, RegExp, Map, Set, Errors
 * (class of the built-in ones; message, stack, cause and all own properties of any), and the given classes. Refuses
 * functions, symbols and instances of other classes, which would come back as something else.
 * The bytes are V8's structured clone format: a newer Node reads what an older one wrote.
 */
export function createCodec(classes: readonly DataClass[] = []): Codec {
  const byName = new Map(classes.map((each) => [each.name, each]));
  return {
    encode(value) {
      const notes: Note[] = [];
      const tree = new Copier(classes, notes).copy(value);
      return process.getBuiltinModule('node:v8').serialize([tree, notes]);
    },
    decode(bytes) {
      // Buffers come back as views of the memory they are read from: nobody else may hold that.
      const [tree, notes] = process.getBuiltinModule('node:v8').deserialize(Uint8Array.from(bytes)) as [unknown, Note[]];
      for (const [target, type, properties] of notes) restore(target, type, properties, byName);
      return tree;
    },
  };
}

function restore(target: object, type: string, properties: Record<string, unknown> | undefined, byName: ReadonlyMap<string, DataClass>): void {
  if (type !== errorType) {
    const prototype = byName.get(type)?.prototype();
    if (prototype === undefined) throw new NotPreservedError(`the class ${type} is not known here`);
    Object.setPrototypeOf(target, prototype);
    return;
  }
  for (const [key, value] of Object.entries(properties ?? {})) {
    // As the language makes them: what `new Error` sets does not show up when properties are listed.
    Object.defineProperty(target, key, { value, writable: true, configurable: true, enumerable: !hiddenOfErrors.has(key) });
  }
}

const hiddenOfErrors: ReadonlySet<string> = new Set(['message', 'stack', 'cause', 'name', 'errors']);

/** Copies a value into what V8 can write, noting down the rest. Shared references and cycles stay what they are. */
class Copier {
  readonly #copies = new Map<object, object>();

  constructor(
    readonly classes: readonly DataClass[],
    readonly notes: Note[],
  ) {}

  copy(value: unknown): unknown {
    if (typeof value === 'function' || typeof value === 'symbol') throw new NotPreservedError(`a ${typeof value} cannot be kept`);
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    if (types.isNativeError(value)) return this.#error(value);
    // By name: those of another realm (a test runner's) are as good.
    const type = value.constructor?.name;
    if (Array.isArray(value) && type === 'Array') return this.#array(value);
    if (types.isMap(value) && type === 'Map') return this.#map(value);
    if (types.isSet(value) && type === 'Set') return this.#set(value);
    if (isPlainObject(value)) return this.#properties(value, Object.keys(value));
    if (isKept(value)) return value;
    return this.#instance(value);
  }

  #array(value: readonly unknown[]): unknown {
    const copy: unknown[] = new Array(value.length);
    this.#copies.set(value, copy);
    // Holes stay holes.
    for (const key of Object.keys(value))
      (copy as unknown as Record<string, unknown>)[key] = this.copy((value as unknown as Record<string, unknown>)[key]);
    return copy;
  }

  #map(value: ReadonlyMap<unknown, unknown>): unknown {
    const copy = new Map<unknown, unknown>();
    this.#copies.set(value, copy);
    for (const [key, each] of value) copy.set(this.copy(key), this.copy(each));
    return copy;
  }

  #set(value: ReadonlySet<unknown>): unknown {
    const copy = new Set<unknown>();
    this.#copies.set(value, copy);
    for (const each of value) copy.add(this.copy(each));
    return copy;
  }

  #properties(value: object, keys: readonly string[]): object {
    const copy: Record<string, unknown> = {};
    this.#copies.set(value, copy);
    for (const key of keys) {
      // Assignment would set the prototype.
      Object.defineProperty(copy, key, {
        value: this.copy((value as Record<string, unknown>)[key]),
        writable: true,
        configurable: true,
        enumerable: true,
      });
    }
    return copy;
  }

  #instance(value: object): object {
    const found = this.classes.find((each) => each.is(value));
    if (found === undefined) throw new NotPreservedError(`an instance of ${value.constructor?.name ?? 'an unknown class'} cannot be kept`);
    const copy = this.#properties(value, found.keys?.(value) ?? Object.keys(value));
    this.notes.push([copy, found.name, undefined]);
    return copy;
  }

  #error(value: Error): object {
    // V8 keeps message, stack and the built-in class; a copy without own properties spares it those it cannot write.
    const Type = builtInErrors.get(value.name) ?? Error;
    const copy = new Type(value.message);
    this.#copies.set(value, copy);
    const properties: Record<string, unknown> = { stack: value.stack };
    this.notes.push([copy, errorType, properties]);
    if (!builtInErrors.has(value.name)) properties['name'] = value.name;
    for (const key of Object.getOwnPropertyNames(value)) {
      if (key !== 'message' && key !== 'stack') properties[key] = this.copy((value as unknown as Record<string, unknown>)[key]);
    }
    const found = this.classes.find((each) => each.is(value));
    if (found !== undefined) this.notes.push([copy, found.name, undefined]);
    return copy;
  }
}

const builtInErrors: ReadonlyMap<string, ErrorConstructor> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type as ErrorConstructor]),
);

/** Whether V8 writes it whole. A subclass of any of these would come back as its base. */
function isKept(value: object): boolean {
  if (types.isProxy(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Buffer.isBuffer(value)) return prototype === Buffer.prototype;
  if (ArrayBuffer.isView(value)) return keptViews.has(prototype);
  if (types.isArrayBuffer(value)) return prototype === ArrayBuffer.prototype;
  if (types.isDate(value)) return prototype === Date.prototype;
  return types.isRegExp(value) && prototype === RegExp.prototype;
}

const keptViews: ReadonlySet<unknown> = new Set(
  [
    ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
    ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView],
  ].map((type) => type.prototype),
);
