import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { ConfigIssue } from '../../src/core/errors.ts';
import { check } from '../../src/core/schema.ts';
import { configLike } from '../support/config-like.ts';

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(configJsonSchema());

function issuesOf(config: unknown): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  check(configSchema, config, issues, { text: 'file' });
  return issues;
}

describe('the JSON Schema', () => {
  it('in the repository is up to date (node --import tsx scripts/generate-schema.ts)', () => {
    const committed: unknown = JSON.parse(readFileSync(new URL('../../otel-breaker.schema.json', import.meta.url), 'utf8'));
    expect(committed).toEqual(configJsonSchema());
  });

  it.each<[boolean, unknown]>([
    [true, {}],
    [true, { version: 1, mode: 'shadow', defaults: { minimumCalls: 50 } }],
    [true, { $schema: './otel-breaker.schema.json', defaults: { failureRatio: 'off', stall: null, slowCallMs: '1.5s' } }],
    [true, { breakers: [{ match: { system: 'redis', operation: 'write' }, failureRatio: 0.3, classify: { ignored: [501, '08*'] } }] }],
    [true, { mode: false, enabled: 'no', systems: { http: { window: { size: 50 } } }, telemetry: { sdk: true } }],
    [false, { version: 2 }],
    [false, { defaults: { failureRatoi: 0.5 } }],
    [false, { defaults: { failureRatio: 0 } }],
    [false, { defaults: { failureRatio: '0.5' } }],
    [false, { defaults: { open: { durationMs: '0s' } } }],
    [false, { defaults: { open: 'off' } }],
    [false, { defaults: { window: {} } }],
    [false, { defaults: { window: { type: 'count', buckets: 5 } } }],
    [false, { breakers: [{ failureRatio: 0.3 }] }],
    [true, { breakers: [{ match: { system: 'redis' }, timeoutMs: '2s', retry: { attempts: 3, backoffMs: '100ms', jitter: 'full' } }] }],
    [false, { breakers: [{ match: { system: 'redis' }, retry: { attempts: 1 } }] }],
    [false, { defaults: { fallback: { value: 1, handler: 'x' } } }],
    [false, { defaults: { classify: { failure: [8006] } } }],
    [false, { instrumentations: { disabled: ['mysql'] } }],
    [false, []],
    [false, 'shadow'],
  ])('and the check both say %s to %j', (valid, config) => {
    expect([validate(config), issuesOf(config).length === 0]).toEqual([valid, valid]);
  });

  it('accepts exactly what the check accepts', () => {
    let accepted = 0;
    fc.assert(
      fc.property(configLike(configSchema), (config) => {
        const found = issuesOf(config);
        accepted += found.length === 0 ? 1 : 0;
        const valid = validate(config);
        if (valid !== (found.length === 0))
          throw new Error(`ajv says ${valid}: ${JSON.stringify(validate.errors)}; the check: ${JSON.stringify(found)}`);
      }),
      { numRuns: 2_000 },
    );
    // A property that only ever sees refusals shows little.
    expect(accepted).toBeGreaterThan(200);
    expect(accepted).toBeLessThan(1_900);
  });
});
