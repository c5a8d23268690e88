import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { FaultView } from '../../src/management/wire.ts';
import { path, Rig } from './rig.ts';

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: object } } };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>;
}

interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const fault: FaultView = {
  ...{ id: 1, kind: 'error' as const, share: 0.5, error: { code: 'ECONNRESET' }, scope: 'quiet', breakers: ['quiet'], by: 'ops', reason: 'game day' },
  ...{ since: '2026-11-30T10:00:00.000Z', until: '2026-11-30T10:01:00.000Z', remainingMs: 1_000, calls: 3, waiting: 0 },
};
const faults = { refused: undefined, inject: () => {}, list: () => [fault] };
const full = {
  faults,
  metrics: () => Promise.resolve('up 1\n'),
  reload: () => Promise.resolve({ applied: true, changes: [], atNextStart: [] }),
};
const name = 'postgresql://h:5432/shop write';
const target = { system: 'postgresql', address: 'h', port: 5432, namespace: 'shop', operation: 'write', server: 'postgresql://h:5432' };

/** A system in which much has happened. */
async function eventful() {
  const rig = new Rig(full);
  await rig.open(name, target);
  rig.registry.get('quiet').shadow('by hand');
  const pool = { used: 1, idle: 2, limit: 10, waiting: 0 };
  rig.registry.pools.add('postgresql://h:5432/shop', target, () => pool);
  rig.registry.find(name)?.tryAcquire();
  const description = (await rig.get('/openapi.json')).json<Description>();
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'wire', components: description.components });
  const check = (schema: object, value: unknown): string => {
    const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"wire#/')) as object);
    return validate(value) ? '' : ajv.errorsText(validate.errors);
  };
  return { rig, description, check };
}

describe('the OpenAPI description', () => {
  it('has every route there is, and no other', async () => {
    const { rig, description } = await eventful();
    const described = Object.entries(description.paths).flatMap(([at, methods]) => Object.keys(methods).map((method) => `${method} ${at}`));
    const routed = rig.app.routes.map(({ method, path: at }) => `${method.toLowerCase()} ${at.replace(':name', '{name}')}`);
    expect(described.sort()).toEqual(routed.sort());
    expect(described).toHaveLength(23);
    const ids = Object.values(description.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
    expect(new Set(ids).size).toBe(ids.length);
    expect(description.openapi).toBe('3.1.0');
  });

  it('refers to schemas that exist', async () => {
    const { description } = await eventful();
    const text = JSON.stringify(description);
    for (const [, schema] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) expect(description.components.schemas).toHaveProperty(String(schema));
  });

  it('fits what is really answered, of every route, and what is refused', async () => {
    const { rig, description, check } = await eventful();
    const bodies: Record<string, object> = {
      '/admin/resilience/degrade': { mode: 'read-only' },
      '/admin/resilience/mode': { mode: 'shadow', match: { system: 'nobody' } },
      '/admin/faults': { breaker: name, kind: 'off' },
    };
    for (const [at, methods] of Object.entries(description.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const url = at.replace('{name}', path(name));
        const body = method === 'post' ? (bodies[at] ?? {}) : undefined;
        if (body !== undefined) expect([at, check(operation.requestBody?.content['application/json'].schema ?? {}, body)]).toEqual([at, '']);
        const said = await rig.ask(method.toUpperCase(), url, { token: 'correct-horse-battery', ...(body && { body }) });
        const content = operation.responses[said.status]?.content;
        const [type = '', { schema } = { schema: {} }] = Object.entries(content ?? {})[0] ?? [];
        expect([at, said.status, said.headers['content-type']]).toEqual([at, 200, expect.stringContaining(type)]);
        if (type === 'application/json' && at !== '/openapi.json') expect([at, check(schema, said.json())]).toEqual([at, '']);
        const refused = await rig.ask(method.toUpperCase(), url, { headers: { host: 'evil.example' } });
        const refusal = operation.responses['403']?.content?.['application/json']?.schema ?? { not: {} };
        expect([at, refused.status, check(refusal, refused.json())]).toEqual([at, 403, '']);
      }
    }
  });

  it('forbids what is not described', async () => {
    const { description, check } = await eventful();
    expect(check({ $ref: '#/components/schemas/LiveView' }, { status: 'up', more: 1 })).not.toBe('');
    expect(check({ $ref: '#/components/schemas/BreakerCounts' }, {})).not.toBe('');
    expect(Object.keys(description.components.schemas).length).toBeGreaterThan(15);
  });
});
