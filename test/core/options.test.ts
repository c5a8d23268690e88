import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { type BreakerOptions, mergeOptions, optionsSchema, resolveOptions } from '../../src/core/options.ts';
import type { Schema } from '../../src/core/schema.ts';

function faults(options: unknown): string[] {
  try {
    resolveOptions(options as BreakerOptions);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ path }) => path);
  }
}

describe('options', () => {
  it('have the documented defaults', () => {
    expect(resolveOptions()).toEqual({
      name: 'breaker',
      mode: 'enforce',
      window: { type: 'time', durationMs: 30_000, buckets: 10 },
      minimumCalls: 20,
      failureRatio: 0.5,
      failureCount: undefined,
      consecutiveFailures: undefined,
      slowCallMs: undefined,
      slowRatio: 1,
      countInFlight: true,
      stall: undefined,
      open: { durationMs: 5_000, factor: 2, maxMs: 60_000, jitter: 0.1, resetAfterMs: 60_000 },
      halfOpen: { permits: 3, successThreshold: 3, failureRatio: 0.5, leaseMs: 10_000, rampUpMs: 0 },
      classify: undefined,
      rules: [],
    });
  });

  it('have the same defaults in the resolver and in the schema', () => {
    const on = { stall: {}, retry: {}, bulkhead: { limit: 1 }, rateLimit: { limit: 1 }, fallback: { stale: {}, queue: { path: 'q' } } };
    const { policies, ...rest } = resolveOptions(on);
    const compare = (schema: Schema, resolved: unknown, path: string): void => {
      if (schema.kind !== 'object') {
        if (schema.default !== undefined) expect([path, resolved]).toEqual([path, schema.default]);
        return;
      }
      for (const [key, property] of Object.entries(schema.properties))
        compare(property, (resolved as Record<string, unknown>)[key], `${path}.${key}`);
    };
    compare(optionsSchema, { ...rest, ...policies }, 'options');
  });

  it('say key, value and what is allowed', () => {
    expect(() => resolveOptions({ failureRatio: 1.5 })).toThrow('options: failureRatio is 1.5; allowed: a number over 0 and at most 1');
    expect(() => resolveOptions({ failureRatoi: 0.5 } as BreakerOptions)).toThrow('did you mean failureRatio?');
  });

  it.each<[string, unknown, string]>([
    ['minimumCalls over the count window', { window: { type: 'count', size: 10 }, minimumCalls: 11 }, 'minimumCalls'],
    ['failureCount over the count window', { window: { type: 'count', size: 10 }, failureCount: 11 }, 'failureCount'],
    ['slices under a millisecond', { window: { type: 'time', durationMs: 5, buckets: 10 } }, 'window.buckets'],
    ['more successes than probes', { halfOpen: { permits: 2, successThreshold: 3 } }, 'halfOpen.successThreshold'],
    ['a cap under the base', { open: { durationMs: 5_000, maxMs: 1_000 } }, 'open.maxMs'],
    ['slowRatio without slowCallMs', { slowRatio: 0.5 }, 'slowRatio'],
    ['countInFlight without slowCallMs', { countInFlight: true }, 'countInFlight'],
  ])('are refused with %s', (_, options, path) => expect(faults(options)).toEqual([path]));

  it('with undefined switch a rule off', () => {
    expect(resolveOptions({ failureRatio: undefined }).failureRatio).toBeUndefined();
  });

  it('of a small count window need no minimum beside it', () => {
    expect(resolveOptions({ window: { type: 'count', size: 5 } }).minimumCalls).toBe(5);
  });

  it('with a long open time need no cap beside it', () => {
    expect(resolveOptions({ open: { durationMs: 120_000 } }).open.maxMs).toBe(120_000);
  });
});

describe('merging options', () => {
  it('lets the later win, key by key within nested objects', () => {
    const merged = mergeOptions({ minimumCalls: 5, open: { durationMs: 1, factor: 3 } }, undefined, { open: { durationMs: 2 } });
    expect(merged).toEqual({ minimumCalls: 5, open: { durationMs: 2, factor: 3 } });
  });

  it('keeps a rule switched off that a later layer says nothing of', () => {
    const merged = mergeOptions({ failureRatio: 0.5, stall: { calls: 5 } }, { failureRatio: undefined, stall: undefined }, { minimumCalls: 3 });
    expect(merged).toEqual({ failureRatio: undefined, stall: undefined, minimumCalls: 3 });
    expect(Object.hasOwn(merged, 'failureRatio')).toBe(true);
  });

  it('replaces a window by one of another type as a whole', () => {
    const merged = mergeOptions({ window: { type: 'time', durationMs: 10 } }, { window: { type: 'count', size: 5 } });
    expect(merged.window).toEqual({ type: 'count', size: 5 });
  });

  it('leaves its arguments untouched', () => {
    const below = Object.freeze({ open: Object.freeze({ durationMs: 1 }) });
    mergeOptions(below, { open: { factor: 2 } });
    expect(below).toEqual({ open: { durationMs: 1 } });
  });
});
