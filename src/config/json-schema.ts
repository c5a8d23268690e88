import type { NumberSchema, Schema } from '../core/schema.ts';
import { booleanWords, durationPattern } from '../core/text-values.ts';
import { configDefinitions, configSchema } from './schema.ts';

export type JsonSchema = { readonly [key: string]: unknown };

/**
 * The JSON Schema (2020-12) of configuration files, made of the same description that checks them. It accepts what the
 * check accepts, but for three things that it cannot say: contradictions between keys, durations written as text that
 * are longer than 24 days, and an empty file.
 */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'otel-breaker configuration',
    ...convert(configSchema, configDefinitions),
    $defs: Object.fromEntries(Object.entries(configDefinitions).map(([name, schema]) => [name, convert(schema, configDefinitions)])),
  };
}

function reference(schema: Schema, definitions: Readonly<Record<string, Schema>>): JsonSchema {
  const name = Object.keys(definitions).find((key) => definitions[key] === schema);
  return name === undefined ? convert(schema, definitions) : { $ref: `#/$defs/${name}` };
}

function convert(schema: Schema, definitions: Readonly<Record<string, Schema>>): JsonSchema {
  const body = bodyOf(schema, definitions);
  return {
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...(schema.default === undefined ? {} : { default: schema.default }),
    ...(schema.offable ? { anyOf: [body, { enum: [null, false, 'off'] }] } : body),
  };
}

function bodyOf(schema: Schema, definitions: Readonly<Record<string, Schema>>): JsonSchema {
  switch (schema.kind) {
    case 'number':
      return numberBody(schema);
    case 'boolean':
      return { anyOf: [{ type: 'boolean' }, { enum: [...booleanWords.keys()] }] };
    case 'string':
      return { type: 'string', minLength: 1 };
    case 'enum': {
      // As the check does: YAML 1.1 habits make booleans of on and off.
      const habits = [...(schema.values.includes('off') ? [false] : []), ...(schema.values.includes('on') ? [true] : [])];
      const words = { enum: [...schema.values, ...habits] };
      return schema.anyCase ? { anyOf: [words, { type: 'string', pattern: inAnyCase(schema.values) }] } : words;
    }
    case 'function':
      return { not: {} };
    case 'array':
      return { type: 'array', items: reference(schema.items, definitions) };
    case 'object':
      return {
        type: 'object',
        properties: Object.fromEntries(Object.entries(schema.properties).map(([key, property]) => [key, reference(property, definitions)])),
        ...(schema.required === undefined ? {} : { required: schema.required }),
        additionalProperties: false,
      };
    case 'variant':
      return { oneOf: Object.values(schema.variants).map((variant) => convert(variant, definitions)) };
    case 'any':
      return {};
    case 'union':
      return { anyOf: schema.of.map((candidate) => convert(candidate, definitions)) };
  }
}

/** Beside the words themselves, which editors complete. */
function inAnyCase(values: readonly (string | number)[]): string {
  const words = values.map((value) => String(value).replace(/[a-z]/gi, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`));
  return `^(${words.join('|')})$`;
}

function numberBody(schema: NumberSchema): JsonSchema {
  const number = {
    type: schema.integer ? 'integer' : 'number',
    ...(schema.min === undefined ? {} : { [schema.exclusiveMin ? 'exclusiveMinimum' : 'minimum']: schema.min }),
    ...(schema.max === undefined ? {} : { maximum: schema.max }),
  };
  if (!schema.duration) return number;
  // "Not zero" as a pattern: a digit other than 0 somewhere ahead.
  const pattern = schema.exclusiveMin ? durationPattern.replace('^', '^(?=.*[1-9])') : durationPattern;
  return { anyOf: [number, { type: 'string', pattern }] };
}
