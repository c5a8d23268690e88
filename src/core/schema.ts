import type { ConfigIssue } from './errors.ts';
import { nearest } from './nearest.ts';

/**
 * A description of options as data. One description serves to check code, files and environment variables, to make the
 * JSON Schema for editors and to hold the README's tables against. The engine has no dependency, hence no library here.
 */
export type Schema = (NumberSchema | BooleanSchema | StringSchema | EnumSchema | FunctionSchema | ArraySchema | ObjectSchema | VariantSchema) & {
  readonly description?: string;
  /** For tables and the JSON Schema; the resolver applies it. */
  readonly default?: unknown;
  /** `undefined`, and in files also `null`, `false` and `off`, switch it off. */
  readonly offable?: boolean;
};

export interface NumberSchema {
  readonly kind: 'number';
  readonly integer?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** `min` itself is not allowed. */
  readonly exclusiveMin?: boolean;
  /** A time in milliseconds: files may also say `250ms`, `30s`, `5m`, `1h`. */
  readonly duration?: boolean;
}
export interface BooleanSchema {
  readonly kind: 'boolean';
}
export interface StringSchema {
  readonly kind: 'string';
}
export interface EnumSchema {
  readonly kind: 'enum';
  readonly values: readonly (string | number)[];
}
/** Only from code: never in files, never in the JSON Schema. */
export interface FunctionSchema {
  readonly kind: 'function';
}
export interface ArraySchema {
  readonly kind: 'array';
  readonly items: Schema;
}
export interface ObjectSchema {
  readonly kind: 'object';
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}
/** An object whose `type` says which properties it has. */
export interface VariantSchema {
  readonly kind: 'variant';
  readonly variants: Readonly<Record<string, ObjectSchema>>;
}

export interface CheckOptions {
  /** Whether text such as `30s`, `off` and numbers in strings are understood: in files and environment variables. */
  readonly text?: boolean;
  /** Where the value stands, for messages. */
  readonly path?: string;
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `250ms`, `30s`, `1.5m`, `1h`; `undefined` when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(text.trim());
  return match ? Number(match[1]) * (durationUnits[match[2] ?? 'ms'] as number) : undefined;
}

/** In words, what a schema allows. */
export function allowed(schema: Schema): string {
  const off = schema.offable ? ', or undefined (in files: off) to switch it off' : '';
  return describe(schema) + off;
}

function describe(schema: Schema): string {
  switch (schema.kind) {
    case 'number': {
      const what = schema.duration ? 'a time in ms' : schema.integer ? 'a whole number' : 'a number';
      const min = schema.min === undefined ? '' : schema.exclusiveMin ? ` over ${schema.min}` : ` of at least ${schema.min}`;
      const max = schema.max === undefined ? '' : ` and at most ${schema.max}`;
      return what + min + max;
    }
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'a text that is not empty';
    case 'enum':
      return `one of ${schema.values.join(', ')}`;
    case 'function':
      return 'a function, from code only';
    case 'array':
      return `a list of: ${allowed(schema.items)}`;
    case 'object':
      return `an object with ${Object.keys(schema.properties).join(', ')}`;
    case 'variant':
      return `an object whose type is one of ${Object.keys(schema.variants).join(', ')}`;
  }
}

/** Whether a value is an object made by `{}` or a parser, not an instance of something. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype as object) === null;
}

/** Checks a value and returns a normalised copy; faults are added to `issues`, and then the copy must not be used. */
export function check(schema: Schema, value: unknown, issues: ConfigIssue[], options: CheckOptions = {}): unknown {
  const path = options.path ?? '';
  const refuse = (): undefined => {
    issues.push({ path, value, allowed: allowed(schema) });
  };
  if (schema.offable && (value === undefined || (options.text && (value === null || value === false || value === 'off')))) return undefined;
  switch (schema.kind) {
    case 'number': {
      const number = options.text && typeof value === 'string' ? parseNumber(schema, value) : value;
      if (typeof number !== 'number' || Number.isNaN(number)) return refuse();
      if (schema.integer && !Number.isInteger(number)) return refuse();
      if (schema.min !== undefined && (schema.exclusiveMin ? number <= schema.min : number < schema.min)) return refuse();
      if (number > (schema.max ?? Number.MAX_VALUE)) return refuse();
      return number;
    }
    case 'boolean':
      if (options.text && (value === 'true' || value === 'false')) return value === 'true';
      return typeof value === 'boolean' ? value : refuse();
    case 'string':
      return typeof value === 'string' && value !== '' ? value : refuse();
    case 'enum': {
      // YAML 1.1 habits: an unquoted `off` may arrive as false.
      const text = value === false && schema.values.includes('off') ? 'off' : value;
      return schema.values.includes(text as string) ? text : refuse();
    }
    case 'function':
      return typeof value === 'function' && !options.text ? value : refuse();
    case 'array':
      if (!Array.isArray(value)) return refuse();
      return value.map((item, index) => check(schema.items, item, issues, { ...options, path: `${path}[${index}]` }));
    case 'object':
      return isPlainObject(value) ? checkObject(schema, value, issues, options) : refuse();
    case 'variant': {
      const variant = isPlainObject(value) ? schema.variants[String(value.type)] : undefined;
      return variant ? checkObject(variant, value as Record<string, unknown>, issues, options) : refuse();
    }
  }
}

function parseNumber(schema: NumberSchema, text: string): number | undefined {
  if (schema.duration) return parseDuration(text);
  return text.trim() === '' ? undefined : Number(text);
}

function checkObject(schema: ObjectSchema, value: Record<string, unknown>, issues: ConfigIssue[], options: CheckOptions): Record<string, unknown> {
  const prefix = options.path ? `${options.path}.` : '';
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const property = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (property === undefined) {
      const known = Object.keys(schema.properties);
      const near = nearest(key, known);
      issues.push({
        path: `${prefix}${key}`,
        value: item,
        allowed: near ? `no such key; did you mean ${near}?` : `no such key; known are ${known.join(', ')}`,
      });
      continue;
    }
    // An explicit undefined of a key that cannot be switched off reads as if it were not there.
    if (item === undefined && !property.offable) continue;
    result[key] = check(property, item, issues, { ...options, path: `${prefix}${key}` });
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) issues.push({ path: `${prefix}${key}`, value: undefined, allowed: allowed(schema.properties[key] as Schema) });
  }
  return result;
}
