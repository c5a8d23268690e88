import { ConfigError, type ConfigIssue } from '../../core/errors.ts';
import { check, type ObjectSchema } from '../../core/schema.ts';

/** How long answers are kept, and how many. */
export interface StaleCacheOptions {
  /** ms for which a stored answer counts as fresh. Default 0: never, every hit is stale. */
  readonly ttlMs?: number;
  /** ms after which an answer is too old to be served at all. Default 300,000 (five minutes). */
  readonly maxAgeMs?: number;
  /** Answers at most; the least recently used goes first. Default 10,000. */
  readonly maxEntries?: number;
  /** Bytes at most, keys included. Default 64 MiB. */
  readonly maxBytes?: number;
  /** A larger answer is not kept. Default 1 MiB. */
  readonly maxEntryBytes?: number;
}

const MIB = 1_048_576;
const longest = 2_147_483_647;

/** Of the class, used from code. What files say, `core/policy-schema.ts` describes. */
export const staleCacheSchema = {
  kind: 'object',
  properties: {
    ttlMs: { kind: 'number', min: 0, max: longest, duration: true, default: 0, description: 'how long a stored answer counts as fresh' },
    maxAgeMs: {
      ...{ kind: 'number', min: 0, exclusiveMin: true, max: longest, duration: true, default: 300_000 },
      description: 'age beyond which an answer is never served',
    },
    maxEntries: { kind: 'number', integer: true, min: 1, max: 10_000_000, default: 10_000, description: 'answers kept' },
    maxBytes: { kind: 'number', integer: true, min: 1, max: 2 ** 40, default: 64 * MIB, description: 'bytes kept' },
    maxEntryBytes: { kind: 'number', integer: true, min: 1, max: 2 ** 30, default: MIB, description: 'a larger answer is not kept' },
  },
} as const satisfies ObjectSchema;

/** @throws ConfigError for options that cannot be used */
export function resolveStaleCacheOptions(given: StaleCacheOptions): Required<StaleCacheOptions> {
  const issues: ConfigIssue[] = [];
  const checked = check(staleCacheSchema, given, issues) as StaleCacheOptions;
  const { properties } = staleCacheSchema;
  const maxBytes = checked.maxBytes ?? properties.maxBytes.default;
  const resolved = {
    ttlMs: checked.ttlMs ?? properties.ttlMs.default,
    maxAgeMs: checked.maxAgeMs ?? Math.max(properties.maxAgeMs.default, checked.ttlMs ?? 0),
    maxEntries: checked.maxEntries ?? properties.maxEntries.default,
    maxBytes,
    maxEntryBytes: checked.maxEntryBytes ?? Math.min(properties.maxEntryBytes.default, maxBytes),
  };
  if (issues.length === 0 && resolved.maxAgeMs < resolved.ttlMs) {
    issues.push({ path: 'maxAgeMs', value: resolved.maxAgeMs, allowed: `at least ttlMs (${resolved.ttlMs})` });
  }
  if (issues.length > 0) throw new ConfigError(issues);
  return resolved;
}
