import { nearest } from './nearest.ts';
import type { CheckOptions, EnumSchema } from './schema.ts';

/** One of the values of an enum, as they are spelt there; what is none of them as it is. */
export function wordOf(schema: EnumSchema, value: unknown, { text }: CheckOptions): unknown {
  // YAML 1.1 habits: unquoted `on` and `off` may arrive as true and false.
  if (text && value === false && schema.values.includes('off')) return 'off';
  if (text && value === true && schema.values.includes('on')) return 'on';
  if (typeof value !== 'string' || !(schema.anyCase || text === 'environment')) return value;
  const word = (text === 'environment' ? value.trim() : value).toLowerCase();
  return schema.values.find((candidate) => String(candidate).toLowerCase() === word) ?? value;
}

/** What to say to somebody whose word is none of the values. */
export function hintFor({ values, notes, otherwise }: EnumSchema, value: unknown): string {
  if (typeof value !== 'string') return '';
  const lower = value.trim().toLowerCase();
  if (notes && Object.hasOwn(notes, lower)) return ` (not this one: ${notes[lower]})`;
  const near = nearest(value, values.map(String));
  if (near !== undefined) return ` (did you mean ${near}?)`;
  return otherwise === undefined ? '' : ` (not this one: ${otherwise})`;
}
