import type { ObjectSchema } from '../core/schema.ts';

const reason = { kind: 'string', description: 'for the record: why' } as const;
const mode = {
  kind: 'enum',
  values: ['enforce', 'shadow', 'off', 'configured'],
  description: 'configured: as the configuration says, again',
} as const;

/** What the bodies of admin requests may hold. */
export const bodies = {
  reason: { kind: 'object', properties: { reason } },
  recovery: {
    kind: 'object',
    properties: {
      reason,
      how: { kind: 'enum', values: ['probe', 'reset'], description: 'probe (default): open circuits let probes out now; reset: they close' },
    },
  },
  mode: {
    kind: 'object',
    properties: {
      reason,
      mode,
      match: {
        kind: 'object',
        description: 'which breakers, as in the configuration; all without it',
        properties: {
          name: { kind: 'string' },
          system: { kind: 'string' },
          server: { kind: 'string' },
          operation: { kind: 'string' },
        },
      },
    },
    required: ['mode'],
  },
  degrade: {
    kind: 'object',
    properties: {
      reason,
      mode: {
        kind: 'enum',
        values: ['read-only', 'empty', 'bypass', 'off', 'configured'],
        description: 'off: as ever; configured: as the configuration and the health of the system say, again',
      },
    },
    required: ['mode'],
  },
  faults: {
    kind: 'object',
    properties: {
      reason,
      breaker: { kind: 'string', description: "the breaker's name" },
      kind: { kind: 'enum', values: ['error', 'latency', 'hang', 'off'] },
      share: { kind: 'number', min: 0, exclusiveMin: true, max: 1, description: 'of the calls' },
      latencyMs: { kind: 'number', min: 1, max: 600_000 },
      durationMs: { kind: 'number', min: 1, max: 86_400_000, description: 'when it ends by itself' },
    },
    required: ['breaker', 'kind'],
  },
} as const satisfies Record<string, ObjectSchema>;

const maxReason = 200;

/** As it can stand in a log: one line, not too long. */
export function tidyReason(text: string | undefined): string | undefined {
  const tidy = text?.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return tidy === undefined || tidy === '' ? undefined : tidy.slice(0, maxReason);
}
