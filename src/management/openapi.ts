import type { Schema } from '../core/schema.ts';
import { version } from '../core/version.ts';
import type { Route } from './route.ts';
import { type JsonSchema, schemas } from './schemas.ts';

const error = { description: 'refused, and why', content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorView' } } } };

/** What an access needs, and how it is refused otherwise. */
const refusals: Readonly<Record<Route['access'], readonly number[]>> = { open: [403], read: [401, 403, 429], admin: [400, 401, 403, 413, 415, 429] };

/** The description of the routes, by OpenAPI 3.1. */
export function describe(routes: readonly Route[]): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'otel-breaker management',
      version,
      description: 'State and control of the circuit breakers of one process. Names in paths are percent-encoded whole.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'the secret of a token' } } },
  };
}

function operation({ id, summary, access, path, query = {}, body, answers }: Route): JsonSchema {
  const parameters = [
    ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...Object.entries(query).map(([name, description]) => ({ name, in: 'query', description, schema: { type: 'string' } })),
  ];
  const refused = Object.fromEntries(refusals[access].map((status) => [status, error]));
  const told = Object.entries(answers).map(([status, { schema, type, description }]) => {
    const content = schema === undefined ? { [type ?? 'text/plain']: { schema: { type: 'string' } } } : jsonContent(schema);
    return [status, { description, content }];
  });
  return {
    operationId: id,
    summary,
    // Reading needs a token only off loopback.
    security: access === 'admin' ? [{ token: [] }] : access === 'read' ? [{}, { token: [] }] : [],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: false, content: { 'application/json': { schema: toJsonSchema(body) } } } }),
    responses: { ...refused, ...Object.fromEntries(told) },
  };
}

function jsonContent(schema: string): JsonSchema {
  return { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
}

/** Of the kinds that bodies use. */
export function toJsonSchema(schema: Schema): JsonSchema {
  const described = schema.description === undefined ? {} : { description: schema.description };
  switch (schema.kind) {
    case 'enum':
      return { ...described, enum: schema.values };
    case 'string':
      return { ...described, type: 'string', minLength: 1 };
    case 'number': {
      const least = schema.min === undefined ? {} : schema.exclusiveMin ? { exclusiveMinimum: schema.min } : { minimum: schema.min };
      return { ...described, type: 'number', ...least, ...(schema.max !== undefined && { maximum: schema.max }) };
    }
    case 'object': {
      const properties = Object.fromEntries(Object.entries(schema.properties).map(([key, property]) => [key, toJsonSchema(property)]));
      return { ...described, type: 'object', properties, ...(schema.required && { required: schema.required }), additionalProperties: false };
    }
    default:
      throw new Error(`no body has a ${schema.kind}`);
  }
}
