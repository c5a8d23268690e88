import fc from 'fast-check';
import type { NumberSchema, ObjectSchema, Schema } from '../../src/core/schema.ts';

const junk = fc.constantFrom<unknown>(
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e12,
  '',
  'off',
  'on',
  'x',
  '10s',
  '0ms',
  '5 m',
  '08*',
  8006,
  [],
  {},
  { type: 'count' },
);

/** Configurations as a file may hold them: mostly what the schema allows, now and then something else. */
export function configLike(schema: Schema, wrongness = 60): fc.Arbitrary<unknown> {
  const right = rightful(schema, wrongness);
  return fc.oneof(
    { weight: wrongness, arbitrary: schema.offable ? fc.oneof({ weight: 4, arbitrary: right }, fc.constantFrom(null, false, 'off')) : right },
    { weight: 1, arbitrary: junk },
  );
}

function rightful(schema: Schema, wrongness: number): fc.Arbitrary<unknown> {
  switch (schema.kind) {
    case 'number':
      return numberLike(schema);
    case 'boolean':
      return fc.constantFrom(true, false, 'yes', 'no', 'on', 'off');
    case 'string':
      return fc.string({ minLength: 1, maxLength: 8 });
    case 'enum':
      return fc.constantFrom(...schema.values, ...(schema.anyCase ? schema.values.map((value) => String(value).toUpperCase()) : []));
    case 'function':
      return junk;
    case 'array':
      return fc.array(configLike(schema.items, wrongness), { maxLength: 3 });
    case 'object':
      return objectLike(schema, wrongness);
    case 'variant':
      return fc.oneof(...Object.values(schema.variants).map((variant) => objectLike(variant, wrongness)));
    case 'any':
      return fc.jsonValue();
    case 'union':
      return fc.oneof(...schema.of.map((candidate) => rightful(candidate, wrongness)));
  }
}

function numberLike(schema: NumberSchema): fc.Arbitrary<unknown> {
  const { min = -1_000, max = 1_000 } = schema;
  const edges = fc.constantFrom(min, max, (min + max) / 2);
  const inside = schema.integer ? fc.integer({ min, max }) : fc.double({ min, max, minExcluded: schema.exclusiveMin ?? false, noNaN: true });
  const numbers = schema.exclusiveMin || schema.integer ? inside : fc.oneof({ weight: 9, arbitrary: inside }, edges);
  if (!schema.duration) return numbers;
  // Below 24 days: there is no pattern for more, which the documentation says.
  const text = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.constantFrom('', '.5', '.0'), fc.constantFrom('', 'ms', 's', ' m', 'h'));
  return fc.oneof(
    numbers,
    text.map((parts) => parts.join('')),
  );
}

function objectLike(schema: ObjectSchema, wrongness: number): fc.Arbitrary<unknown> {
  const keys = Object.keys(schema.properties);
  // Few keys of many: else hardly one object of this size would have nothing wrong in it.
  const some = fc.shuffledSubarray(keys, { maxLength: Math.min(4, keys.length) });
  return fc.tuple(some, fc.integer({ min: 0, max: 3 * wrongness })).chain(([chosen, slip]) => {
    const all = slip === 0 ? chosen : [...new Set([...chosen, ...(schema.required ?? [])])];
    const known = Object.fromEntries(all.map((key) => [key, configLike(schema.properties[key] as Schema, wrongness)]));
    return fc.record({ ...known, ...(slip === 1 ? { bogus: junk } : {}) });
  });
}
