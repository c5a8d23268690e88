import type { FallbackReason } from './policy-options.ts';
import { likelyCommands, whyNoOther, whyNot } from './queueable-commands.ts';
import type { ObjectSchema, Schema } from './schema.ts';

const count = { kind: 'number', integer: true, min: 1, max: 1_000_000 } as const;
const countOrNone = { kind: 'number', integer: true, min: 0, max: 1_000_000 } as const;
const time = { kind: 'number', duration: true, min: 0, exclusiveMin: true, max: 2_147_483_647 } as const;

const reasons = ['rejected', 'timeout', 'failure'] as const satisfies readonly FallbackReason[];
const when = { kind: 'array', items: { kind: 'enum', values: reasons }, description: 'what it stands in for (default: all)' } as const;

/** What files and environment variables can say. */
export const policySchema = {
  totalTimeoutMs: { ...time, offable: true, description: 'longest time of a call with all its attempts' },
  retry: {
    kind: 'object',
    offable: true,
    description: 'repeats failed calls that are idempotent',
    properties: {
      attempts: { kind: 'number', integer: true, min: 2, max: 100, default: 3, description: 'all attempts, the first included' },
      backoffMs: { ...time, default: 100, description: 'wait before the first repetition; doubles with each' },
      maxBackoffMs: { ...time, default: 2_000, description: 'longest wait; a server that asks for a longer one is not asked again' },
      jitter: { kind: 'enum', values: ['none', 'full', 'equal', 'decorrelated'], default: 'full', description: 'how the waits spread' },
      nonIdempotent: { kind: 'boolean', default: false, description: 'repeats calls that are not known to be idempotent as well' },
      budget: {
        kind: 'object',
        offable: true,
        default: {},
        description: 'what all calls of a breaker together may add to the load',
        properties: {
          ratio: { kind: 'number', min: 0, max: 1, default: 0.2, description: 'repetitions per call' },
          minPerSecond: { kind: 'number', min: 0, max: 1_000_000, default: 10, description: 'repetitions per second, however few calls' },
        },
      },
    },
  },
  bulkhead: {
    kind: 'object',
    offable: true,
    description: 'bounds the calls at a time',
    properties: {
      limit: { ...count, description: 'calls at a time' },
      queue: { ...countOrNone, default: 0, description: 'calls that may wait for a place' },
      queueTimeoutMs: { ...time, offable: true, description: 'longest wait for a place' },
    },
  },
  rateLimit: {
    kind: 'object',
    offable: true,
    description: 'bounds the calls per time',
    properties: {
      limit: { ...count, description: 'calls per interval' },
      intervalMs: { ...time, default: 1_000, description: 'the interval' },
      burst: { ...count, description: 'calls at once after a quiet time (default: limit)' },
    },
  },
  fallback: {
    kind: 'object',
    offable: true,
    description: 'what is served when a call has failed: origins, stale, queue, value, empty, in this order',
    properties: {
      origins: { kind: 'array', items: { kind: 'string' }, description: 'for fetch: other origins, in order; one whose circuit is open is skipped' },
      forwardCredentials: { kind: 'boolean', default: false, description: 'other origins may get requests that say who asks, as they are' },
      stale: {
        kind: 'object',
        offable: true,
        description: 'the last good answer to the same read',
        properties: {
          ttlMs: {
            ...time,
            exclusiveMin: false,
            default: 0,
            description: 'how long a kept answer counts as fresh: served after a failure like any other, but not marked as stale',
          },
          maxAgeMs: { ...time, default: 300_000, description: 'oldest answer served' },
          maxEntries: { ...count, max: 10_000_000, default: 10_000, description: 'answers kept; the least recently used goes first' },
          maxBytes: { ...count, max: 2 ** 40, default: 67_108_864, description: 'bytes kept' },
          maxEntryBytes: { ...count, max: 2 ** 30, default: 1_048_576, description: 'a larger answer is not kept' },
          path: { kind: 'string', description: 'a directory that keeps them over a restart' },
        },
      },
      queue: {
        kind: 'object',
        offable: true,
        description: 'writes are kept on disk and made when the dependency is back',
        properties: {
          path: { kind: 'string', description: 'the directory of the queue' },
          maxEntries: { ...count, max: 10_000_000, default: 50_000, description: 'writes kept; more are refused' },
          maxBytes: { ...count, max: 2 ** 40, default: 67_108_864, description: 'bytes kept, in memory too' },
          replayPerSecond: { ...count, default: 500, description: 'writes made per second once it is back, beside as many as come in' },
          maxAttempts: { ...count, default: 5, description: 'failed attempts on a working server before a write is set aside' },
          commands: {
            kind: 'array',
            items: { kind: 'enum', values: likelyCommands, anyCase: true, notes: whyNot, otherwise: whyNoOther },
            description: 'Redis commands that wait too, although the server may still refuse them when they are made (default: none)',
          },
        },
      },
      value: { kind: 'any', description: 'served as it is' },
      empty: { kind: 'boolean', default: false, description: "for reads: the empty result of the client's own kind" },
      when,
    },
  },
  degraded: {
    kind: 'enum',
    values: ['read-only', 'empty', 'bypass'],
    offable: true,
    description: 'read-only refuses writes; empty answers reads without asking and refuses writes; bypass leaves out all policies but the breaker',
  },
} as const satisfies ObjectSchema['properties'];

const tier: Schema = {
  kind: 'union',
  words: 'a function, or an object with name, run and, if it has one, breaker',
  of: [
    { kind: 'function' },
    { kind: 'object', properties: { name: { kind: 'string' }, breaker: { kind: 'any' }, run: { kind: 'function' } }, required: ['name', 'run'] },
  ],
};

/** What code can say. */
export const policyCodeSchema: ObjectSchema['properties'] = {
  ...policySchema,
  customPolicies: {
    kind: 'array',
    offable: true,
    items: { kind: 'any' },
  },
  retry: { ...policySchema.retry, properties: { ...policySchema.retry.properties, retryIf: { kind: 'function' } } },
  fallback: {
    ...policySchema.fallback,
    properties: {
      ...policySchema.fallback.properties,
      handler: { kind: 'function' },
      tiers: { kind: 'array', items: tier },
      order: { kind: 'function' },
      empty: { kind: 'union', of: [policySchema.fallback.properties.empty, { kind: 'function' }], words: 'true, false or a function' },
      when: { kind: 'union', of: [when, { kind: 'function' }], words: `a list of ${reasons.join(', ')}, or a function` },
    },
  },
};
