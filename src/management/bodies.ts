import { injectionKinds, injectionProperties } from '../core/injection.ts';
import type { ObjectSchema } from '../core/schema.ts';

const reason = { kind: 'string', description: 'for the record: why' } as const;
const mode = {
  kind: 'enum',
  values: ['enforce', 'shadow', 'off', 'configured'],
  description: 'configured: as the configuration says, again',
} as const;

const match = {
  kind: 'object',
  description: 'which breakers, as in the configuration; all without it',
  properties: {
    name: { kind: 'string' },
    system: { kind: 'string' },
    server: { kind: 'string' },
    operation: { kind: 'string' },
  },
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
  mode: { kind: 'object', properties: { reason, mode, match }, required: ['mode'] },
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
      ...injectionProperties,
      reason,
      breaker: { kind: 'string', description: "the breaker's name; with kind off, neither this nor match: all" },
      match: { ...match, description: 'instead of breaker: all that match, those to come as well' },
      kind: { ...injectionProperties.kind, values: [...injectionKinds, 'off'], description: `${injectionProperties.kind.description}; off: ends it` },
    },
    required: ['kind'],
  },
} as const satisfies Record<string, ObjectSchema>;

const maxReason = 200;

/** As it can stand in a log: one line, not too long. */
export function tidyReason(text: string | undefined): string | undefined {
  const tidy = text?.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return tidy === undefined || tidy === '' ? undefined : tidy.slice(0, maxReason);
}
