import { ConfigError, type ConfigIssue } from '../../core/errors.ts';
import { check, type ObjectSchema } from '../../core/schema.ts';

/** What a queue holds, and how it is emptied. */
export interface DurableQueueOptions {
  /** For errors and events. Default `queue`. */
  readonly name?: string;
  /** Entries at most. Default 50,000. */
  readonly maxEntries?: number;
  /** Bytes of their content at most; all of it is in memory too. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Entries replayed per second, beside as many as come in meanwhile. Default 500. */
  readonly replayPerSecond?: number;
  /** Entries under way at a time, each of a key of its own. Default 16. */
  readonly concurrency?: number;
  /** Failed attempts, while the server works otherwise, after which an entry is set aside. Default 5. */
  readonly maxAttempts?: number;
  /** ms before the first new attempt; doubles each time. Default 1,000. */
  readonly retryMs?: number;
  /** ms between attempts at most. Default 30,000. */
  readonly maxRetryMs?: number;
  /** ms after which to look for what other processes have left behind. Default 60,000. */
  readonly adoptMs?: number;
}

const longest = 2_147_483_647;
const time = { kind: 'number', min: 0, exclusiveMin: true, max: longest, duration: true } as const;
const count = { kind: 'number', integer: true, min: 1, max: 10_000_000 } as const;

/** Of the class, used from code. What files say, `core/policy-schema.ts` describes. */
export const durableQueueSchema = {
  kind: 'object',
  properties: {
    name: { kind: 'string' },
    maxEntries: { ...count, default: 50_000, description: 'entries held' },
    maxBytes: { ...count, max: 2 ** 40, default: 67_108_864, description: 'bytes held' },
    replayPerSecond: { kind: 'number', min: 0, exclusiveMin: true, max: 1_000_000, default: 500, description: 'entries replayed per second' },
    concurrency: { ...count, max: 10_000, default: 16, description: 'entries under way at a time' },
    maxAttempts: { ...count, default: 5, description: 'failed attempts on a working server before an entry is set aside' },
    retryMs: { ...time, default: 1_000, description: 'time before the first new attempt' },
    maxRetryMs: { ...time, default: 30_000, description: 'longest time between attempts' },
    adoptMs: { ...time, default: 60_000, description: 'how often to look for what ended processes have left behind' },
  },
} as const satisfies ObjectSchema;

/** @throws ConfigError for options that cannot be used */
export function resolveQueueOptions(given: DurableQueueOptions): Required<DurableQueueOptions> {
  const issues: ConfigIssue[] = [];
  const checked = check(durableQueueSchema, given, issues) as DurableQueueOptions;
  const { properties } = durableQueueSchema;
  const retryMs = checked.retryMs ?? properties.retryMs.default;
  const resolved = {
    name: checked.name ?? 'queue',
    maxEntries: checked.maxEntries ?? properties.maxEntries.default,
    maxBytes: checked.maxBytes ?? properties.maxBytes.default,
    replayPerSecond: checked.replayPerSecond ?? properties.replayPerSecond.default,
    concurrency: checked.concurrency ?? properties.concurrency.default,
    maxAttempts: checked.maxAttempts ?? properties.maxAttempts.default,
    retryMs,
    maxRetryMs: checked.maxRetryMs ?? Math.max(properties.maxRetryMs.default, retryMs),
    adoptMs: checked.adoptMs ?? properties.adoptMs.default,
  };
  if (issues.length === 0 && resolved.maxRetryMs < retryMs) {
    issues.push({ path: 'maxRetryMs', value: resolved.maxRetryMs, allowed: `at least retryMs (${retryMs})` });
  }
  if (issues.length > 0) throw new ConfigError(issues);
  return resolved;
}
