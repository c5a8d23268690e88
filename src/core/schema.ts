import { hintFor, wordOf } from './enum-words.ts';
import type { ConfigIssue } from './errors.ts';
import { nearest } from './nearest.ts';
import { parseBoolean, parseDuration } from './text-values.ts';

/**
 * A description of options as data. One description serves to check code, files and environment variables, to make the
 * JSON Schema for editors and to hold the README's tables against. The engine has no dependency, hence no library here.
 */
export type Schema = (
  | NumberSchema
  | BooleanSchema
  | StringSchema
  | EnumSchema
  | FunctionSchema
  | ArraySchema
  | ObjectSchema
  | VariantSchema
  | UnionSchema
  | AnySchema
) & {
  readonly description?: string;
  /** For tables and the JSON Schema; the resolver applies it. */
  readonly default?: unknown;
  /** `undefined`, and in files also `null`, `false` and `off`, switch it off. */
  readonly offable?: boolean;
  /** What stands there is not told in messages. */
  readonly secret?: boolean;
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
  /** Letter case does not matter, in code and files either. */
  readonly anyCase?: boolean;
  /** Why words are refused that people will try, in lower case. */
  readonly notes?: Readonly<Record<string, string>>;
  /** Why all other words are. */
  readonly otherwise?: string;
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
  /** What to say of keys that are refused but that people will try: of a later version, or at home elsewhere. */
  readonly notes?: Readonly<Record<string, string>>;
}
/** An object whose `type` says which properties it has; without `type`, the only variant that has all its keys. */
export interface VariantSchema {
  readonly kind: 'variant';
  readonly variants: Readonly<Record<string, ObjectSchema>>;
}
/** Any one of several. */
export interface UnionSchema {
  readonly kind: 'union';
  readonly of: readonly Schema[];
  /** In words, for messages. */
  readonly words: string;
}

/** Whatever stands there. */
export interface AnySchema {
  readonly kind: 'any';
}

export interface CheckOptions {
  /**
   * Where the value was written, code if absent. Files have durations such as `30s`, and `off`; environment variables
   * are nothing but text, so there numbers, booleans and letter case are understood too.
   */
  readonly text?: 'file' | 'environment';
  /** Where the value stands, for messages. */
  readonly path?: string;
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
    case 'union':
      return schema.words;
    case 'any':
      return 'any value';
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
  const refuse = (hint = ''): undefined => void issues.push({ path, value, allowed: allowed(schema) + hint });
  if (schema.offable && isOff(value, options)) return undefined;
  if (schema.secret) return checkSecret(schema, value, issues, options);
  switch (schema.kind) {
    case 'number': {
      const number = options.text && typeof value === 'string' ? parseNumber(schema, value, options) : value;
      return typeof number === 'number' && inRange(schema, number) ? number : refuse();
    }
    case 'boolean': {
      const flag = options.text && typeof value === 'string' ? parseBoolean(value, options.text) : value;
      return typeof flag === 'boolean' ? flag : refuse();
    }
    case 'string':
      return typeof value === 'string' && value !== '' ? value : refuse();
    case 'enum': {
      const word = wordOf(schema, value, options);
      return schema.values.includes(word as string) ? word : refuse(hintFor(schema, value));
    }
    case 'function':
      return typeof value === 'function' && !options.text ? value : refuse();
    case 'array':
      if (!Array.isArray(value)) return refuse();
      return value.map((item, index) => check(schema.items, item, issues, { ...options, path: `${path}[${index}]` }));
    case 'object':
      return isPlainObject(value) ? checkObject(schema, value, issues, options) : refuse();
    case 'variant': {
      const type = isPlainObject(value) ? variantOf(schema, value) : undefined;
      if (type === undefined) return refuse();
      return checkObject(schema.variants[type] as ObjectSchema, { ...(value as object), type }, issues, options);
    }
    case 'union':
      return checkUnion(schema, value, issues, options);
    case 'any':
      return value;
  }
}

function checkSecret(schema: Schema, value: unknown, issues: ConfigIssue[], options: CheckOptions): unknown {
  const found: ConfigIssue[] = [];
  const checked = check({ ...schema, secret: false }, value, found, options);
  issues.push(...found.map((issue) => ({ ...issue, value: issue.value === undefined ? undefined : '[...]' })));
  return checked;
}

function isOff(value: unknown, { text }: CheckOptions): boolean {
  if (value === undefined) return true;
  if (text === 'environment') return /^(off|false)$/i.test(String(value));
  return text === 'file' && (value === null || value === false || value === 'off');
}

function inRange(schema: NumberSchema, number: number): boolean {
  if (!Number.isFinite(number) || (schema.integer && !Number.isInteger(number))) return false;
  if (schema.min !== undefined && (schema.exclusiveMin ? number <= schema.min : number < schema.min)) return false;
  return number <= (schema.max ?? Number.MAX_VALUE);
}

function parseNumber(schema: NumberSchema, text: string, options: CheckOptions): number | undefined {
  if (schema.duration) return parseDuration(text);
  return options.text === 'environment' && /^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}

function variantOf(schema: VariantSchema, value: Record<string, unknown>): string | undefined {
  if (value.type !== undefined) return typeof value.type === 'string' && Object.hasOwn(schema.variants, value.type) ? value.type : undefined;
  const keys = Object.keys(value).filter((key) => key !== 'type');
  const fitting = Object.entries(schema.variants).filter(([, variant]) => keys.every((key) => Object.hasOwn(variant.properties, key)));
  return fitting.length === 1 ? fitting[0]?.[0] : undefined;
}

function checkUnion(schema: UnionSchema, value: unknown, issues: ConfigIssue[], options: CheckOptions): unknown {
  let closest: ConfigIssue[] | undefined;
  for (const candidate of schema.of) {
    const found: ConfigIssue[] = [];
    const checked = check(candidate, value, found, options);
    if (found.length === 0) return checked;
    // Faults within the value say more than "none of these".
    if (found.every((issue) => issue.path !== (options.path ?? ''))) closest ??= found;
  }
  issues.push(...(closest ?? [{ path: options.path ?? '', value, allowed: allowed(schema) }]));
  return undefined;
}

function unknownKey(schema: ObjectSchema, key: string): string {
  if (schema.notes && Object.hasOwn(schema.notes, key)) return schema.notes[key] as string;
  const known = Object.keys(schema.properties);
  const near = nearest(key, known);
  return near === undefined ? `no such key; known are ${known.join(', ')}` : `no such key; did you mean ${near}?`;
}

function checkObject(schema: ObjectSchema, value: Record<string, unknown>, issues: ConfigIssue[], options: CheckOptions): Record<string, unknown> {
  const prefix = options.path ? `${options.path}.` : '';
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const property = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (property === undefined) {
      // What stands under a key that we do not know may be a secret.
      issues.push({ path: `${prefix}${key}`, value: typeof item === 'object' ? '[...]' : item, allowed: unknownKey(schema, key) });
      continue;
    }
    // An explicit undefined of a key that cannot be switched off reads as if it were not there.
    if (item === undefined && !property.offable && property.kind !== 'any') continue;
    result[key] = check(property, item, issues, { ...options, path: `${prefix}${key}` });
  }
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) issues.push({ path: `${prefix}${key}`, value: undefined, allowed: allowed(schema.properties[key] as Schema) });
  }
  return result;
}
