import { ConfigError, type ConfigIssue } from './errors.ts';
import type { Classify } from './outcome.ts';
import type { PolicyOptions } from './policy-options.ts';
import { policyCodeSchema, policySchema } from './policy-schema.ts';
import { policyContradictions, type ResolvedPolicies, resolvePolicies } from './resolve-policies.ts';
import { check, isPlainObject, type ObjectSchema, type Schema } from './schema.ts';
import type { TripRule } from './trip-rule.ts';

export type Mode = 'enforce' | 'shadow' | 'off';

export type WindowOptions =
  | {
      readonly type: 'time';
      /** How long a result counts, in ms. */
      readonly durationMs?: number;
      /** Equal slices; a result is gone between `durationMs` minus one slice and `durationMs` after it was recorded. */
      readonly buckets?: number;
    }
  | {
      readonly type: 'count';
      /** How many of the last results count. */
      readonly size?: number;
    };

export interface StallOptions {
  /** Shortest time, in ms, that nothing may succeed while calls wait. Default 500. */
  readonly afterMs?: number;
  /** How many calls must be waiting. Default 10. */
  readonly calls?: number;
  /** Patience in multiples of the recent 99th percentile of successful calls. Default 4. */
  readonly factor?: number;
}

export interface OpenOptions {
  /** First open time, in ms. Default 5,000. */
  readonly durationMs?: number;
  /** Growth per opening in a row. Default 2; 1 keeps it fixed. */
  readonly factor?: number;
  /** Longest open time, in ms. Default 60,000. */
  readonly maxMs?: number;
  /** Random share added or taken, in [0, 1). Default 0.1. */
  readonly jitter?: number;
  /** Time in closed, in ms, after which the row of openings is forgotten. Default 60,000. */
  readonly resetAfterMs?: number;
}

export interface HalfOpenOptions {
  /** Probes at a time. Default 3. */
  readonly permits?: number;
  /** Successes that close the circuit; at most `permits`. Default: `permits`. */
  readonly successThreshold?: number;
  /** Failing share that re-opens it. Default: the breaker's `failureRatio`; with neither, the first failure re-opens. */
  readonly failureRatio?: number;
  /** Time, in ms, after which a probe without an answer is lost and counts as failed. Default 10,000. */
  readonly leaseMs?: number;
  /**
   * For dependencies that can only be asked by calls, and hang: probes go one by one until one has an answer, and are lost after
   * this time, in ms, or after the patience that `stall` has learned from healthy calls, if that is longer (while it knows
   * nothing: after `leaseMs`). A trial that was lost so does not lengthen the row of openings; twenty of them count as one.
   * Default: off, all permits at once.
   */
  readonly scoutMs?: number | undefined;
  /** Time, in ms, over which a just-closed circuit admits a growing share of the traffic. Default 0: all at once. */
  readonly rampUpMs?: number;
}

/** All that can be set on a breaker. `undefined` switches a rule off. */
export interface BreakerOptions extends PolicyOptions {
  readonly name?: string;
  readonly mode?: Mode;
  readonly window?: WindowOptions;
  readonly minimumCalls?: number;
  readonly failureRatio?: number | undefined;
  readonly failureCount?: number | undefined;
  readonly consecutiveFailures?: number | undefined;
  readonly slowCallMs?: number | undefined;
  /** Time, in ms, after which a call counts as failed and its caller gets a `CallTimeoutError`. Default: none. */
  readonly timeoutMs?: number | undefined;
  readonly slowRatio?: number | undefined;
  readonly countInFlight?: boolean;
  readonly stall?: StallOptions | undefined;
  readonly open?: OpenOptions;
  readonly halfOpen?: HalfOpenOptions;
  readonly classify?: Classify | undefined;
  /** Further trip rules, from code only; evaluated after the built-in ones. */
  readonly rules?: readonly TripRule[];
}

type Filled<T> = { readonly [K in keyof T]-?: T[K] };

export interface ResolvedOptions {
  readonly name: string;
  readonly mode: Mode;
  readonly window: Filled<Extract<WindowOptions, { type: 'time' }>> | Filled<Extract<WindowOptions, { type: 'count' }>>;
  readonly minimumCalls: number;
  readonly failureRatio: number | undefined;
  readonly failureCount: number | undefined;
  readonly consecutiveFailures: number | undefined;
  readonly slowCallMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly slowRatio: number | undefined;
  readonly countInFlight: boolean;
  readonly stall: Filled<StallOptions> | undefined;
  readonly open: Filled<OpenOptions>;
  readonly halfOpen: Omit<Filled<HalfOpenOptions>, 'failureRatio' | 'scoutMs'> & {
    readonly failureRatio: number | undefined;
    readonly scoutMs: number | undefined;
  };
  readonly classify: Classify | undefined;
  readonly rules: readonly TripRule[];
  /** What stands around the breaker; `undefined` where nothing does. */
  readonly policies: ResolvedPolicies | undefined;
}

const ratio = { kind: 'number', min: 0, exclusiveMin: true, max: 1 } as const;
const count = { kind: 'number', integer: true, min: 1, max: 1_000_000 } as const;
const time = { kind: 'number', duration: true, min: 0, exclusiveMin: true, max: 2_147_483_647 } as const;
const timeOrNone = { kind: 'number', duration: true, min: 0, max: 2_147_483_647 } as const;

/** Every option that code, files and environment share: kinds, ranges, defaults and descriptions. */
export const optionsSchema = {
  kind: 'object',
  properties: {
    mode: {
      kind: 'enum',
      values: ['enforce', 'shadow', 'off'],
      default: 'enforce',
      description: 'enforce refuses calls; shadow decides and reports but refuses nothing; off does neither',
    },
    window: {
      kind: 'variant',
      default: { type: 'time', durationMs: 30_000, buckets: 10 },
      description: 'which results the rules look at',
      variants: {
        time: {
          kind: 'object',
          properties: {
            type: { kind: 'enum', values: ['time'] },
            durationMs: { ...time, default: 30_000, description: 'how long a result counts' },
            buckets: { kind: 'number', integer: true, min: 1, max: 100, default: 10, description: 'equal slices of the window' },
          },
        },
        count: {
          kind: 'object',
          properties: {
            type: { kind: 'enum', values: ['count'] },
            size: { kind: 'number', integer: true, min: 1, max: 100_000, default: 100, description: 'how many of the last results count' },
          },
        },
      },
    },
    minimumCalls: { ...count, default: 20, description: 'results in the window below which no ratio is decided or reported' },
    failureRatio: { ...ratio, offable: true, default: 0.5, description: 'opens when failures / recorded reach it' },
    failureCount: { ...count, offable: true, description: 'opens when that many failures are in the window' },
    consecutiveFailures: { ...count, offable: true, description: 'opens after that many failures in a row' },
    slowCallMs: { ...time, offable: true, description: 'a call that takes longer is slow, whatever its outcome' },
    slowRatio: { ...ratio, offable: true, default: 1, description: 'opens when slow / recorded reach it; needs slowCallMs' },
    timeoutMs: { ...time, offable: true, description: 'time after which a call counts as failed and its caller gets CallTimeoutError' },
    countInFlight: { kind: 'boolean', default: true, description: 'calls still running past slowCallMs count as slow' },
    stall: {
      kind: 'object',
      offable: true,
      description: 'opens when calls wait and nothing succeeds',
      properties: {
        afterMs: { ...time, default: 500, description: 'shortest time without a success while calls wait' },
        calls: { ...count, default: 10, description: 'calls that must be waiting' },
        factor: {
          kind: 'number',
          min: 1,
          max: 1_000,
          default: 4,
          description: 'patience in multiples of the recent 99th percentile of successful calls',
        },
      },
    },
    open: {
      kind: 'object',
      description: 'how long the circuit stays open',
      properties: {
        durationMs: { ...time, default: 5_000, description: 'first open time' },
        factor: { kind: 'number', min: 1, max: 100, default: 2, description: 'growth per opening in a row' },
        maxMs: { ...time, default: 60_000, description: 'longest open time' },
        jitter: { kind: 'number', min: 0, max: 0.99, default: 0.1, description: 'random share added or taken' },
        resetAfterMs: { ...timeOrNone, default: 60_000, description: 'time in closed after which the row of openings is forgotten' },
      },
    },
    halfOpen: {
      kind: 'object',
      description: 'how an open circuit finds out whether the dependency is back',
      properties: {
        permits: { kind: 'number', integer: true, min: 1, max: 10_000, default: 3, description: 'probes at a time' },
        successThreshold: { kind: 'number', integer: true, min: 1, max: 10_000, description: 'successes that close the circuit (default: permits)' },
        failureRatio: { ...ratio, description: "failing share that re-opens it (default: the breaker's failureRatio)" },
        leaseMs: {
          ...time,
          default: 10_000,
          description: 'a probe without an answer for so long, or for the learned patience of stall if longer, counts as failed',
        },
        scoutMs: {
          ...time,
          offable: true,
          description: 'probes go one by one until one is answered, and are lost after so long, or the learned patience of stall if longer',
        },
        rampUpMs: { ...timeOrNone, default: 0, description: 'time over which a just-closed circuit admits a growing share' },
      },
    },
    ...policySchema,
  },
} as const satisfies ObjectSchema;

const codeSchema: ObjectSchema = {
  kind: 'object',
  properties: {
    ...optionsSchema.properties,
    ...policyCodeSchema,
    name: { kind: 'string' },
    classify: { kind: 'function', offable: true },
    rules: {
      kind: 'array',
      items: { kind: 'object', properties: { name: { kind: 'string' }, trips: { kind: 'function' } }, required: ['name', 'trips'] },
    },
  },
};

/**
 * Lays options over each other, the later winning, nested objects key by key; an explicit `undefined` switches off.
 * A window of another type replaces the one below it whole. The arguments are left untouched.
 */
export function mergeOptions(...layers: readonly (BreakerOptions | undefined)[]): BreakerOptions {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer ?? {})) merged[key] = lay(value, merged[key], codeSchema.properties[key]);
  }
  return merged as BreakerOptions;
}

/** Deeper down only what the schema knows as an object is laid key by key: a fallback's value is a value. */
function lay(value: unknown, below: unknown, schema: Schema | undefined): unknown {
  if (!isPlainObject(value) || !isPlainObject(below) || (value.type ?? below.type) !== below.type) return value;
  const laid = { ...below };
  const properties = schema?.kind === 'object' ? schema.properties : {};
  for (const [key, item] of Object.entries(value)) laid[key] = properties[key]?.kind === 'object' ? lay(item, below[key], properties[key]) : item;
  return laid;
}

function contradictions(resolved: ResolvedOptions, given: BreakerOptions): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const refuse = (path: string, value: unknown, allowed: string): void => void issues.push({ path, value, allowed });
  const { window, open, halfOpen } = resolved;
  if (window.type === 'count') {
    if (resolved.minimumCalls > window.size) refuse('minimumCalls', resolved.minimumCalls, `at most the window's size (${window.size})`);
    if ((resolved.failureCount ?? 0) > window.size) refuse('failureCount', resolved.failureCount, `at most the window's size (${window.size})`);
  } else if (window.durationMs / window.buckets < 1) {
    refuse('window.buckets', window.buckets, `slices of at least 1 ms, so at most ${Math.floor(window.durationMs)} for this window`);
  }
  if (halfOpen.successThreshold > halfOpen.permits)
    refuse('halfOpen.successThreshold', halfOpen.successThreshold, `at most halfOpen.permits (${halfOpen.permits})`);
  if ((halfOpen.scoutMs ?? 0) > halfOpen.leaseMs) refuse('halfOpen.scoutMs', halfOpen.scoutMs, `at most halfOpen.leaseMs (${halfOpen.leaseMs})`);
  if (open.maxMs < open.durationMs) refuse('open.maxMs', open.maxMs, `at least open.durationMs (${open.durationMs})`);
  if (given.slowRatio !== undefined && resolved.slowCallMs === undefined) refuse('slowRatio', given.slowRatio, 'only together with slowCallMs');
  if (given.countInFlight === true && resolved.slowCallMs === undefined) refuse('countInFlight', true, 'only together with slowCallMs');
  const { timeoutMs } = resolved;
  if (timeoutMs !== undefined && halfOpen.leaseMs < timeoutMs)
    refuse('halfOpen.leaseMs', halfOpen.leaseMs, `at least timeoutMs (${timeoutMs}): a probe would be given up before its time`);
  if (resolved.policies !== undefined) issues.push(...policyContradictions(resolved.policies, timeoutMs));
  return issues;
}

const noRules: readonly TripRule[] = Object.freeze([]);

/** Thousands of breakers have few different options among them: each group of numbers is kept once. */
const parts = new Map<string, object>();
const MAX_PARTS = 256;

function shared<T extends object>(part: T): T {
  const key = Object.entries(part).join();
  const known = parts.get(key) as T | undefined;
  if (known === undefined && parts.size < MAX_PARTS) parts.set(key, Object.freeze(part));
  return known ?? part;
}

/**
 * Checks options and fills in the defaults; the argument is left untouched.
 * @throws ConfigError naming every key at fault, its value and what is allowed; contradictions between keys too.
 */
export function resolveOptions(given: BreakerOptions = {}, fallbackName = 'breaker'): ResolvedOptions {
  const issues: ConfigIssue[] = [];
  const checked = check(codeSchema, given, issues) as BreakerOptions;
  if (issues.length > 0) throw new ConfigError(issues);
  const window = checked.window ?? { type: 'time' };
  const permits = checked.halfOpen?.permits ?? 3;
  const failureRatio = Object.hasOwn(checked, 'failureRatio') ? checked.failureRatio : 0.5;
  const timeWindow = window.type === 'time';
  const resolved: ResolvedOptions = {
    name: checked.name ?? fallbackName,
    mode: checked.mode ?? 'enforce',
    window: shared(
      timeWindow
        ? { type: 'time', durationMs: window.durationMs ?? 30_000, buckets: window.buckets ?? 10 }
        : { type: 'count', size: window.size ?? 100 },
    ),
    // A small count window needs no second option to be usable; an explicit contradiction is refused below.
    minimumCalls: checked.minimumCalls ?? (timeWindow ? 20 : Math.min(20, window.size ?? 100)),
    failureRatio,
    failureCount: checked.failureCount,
    consecutiveFailures: checked.consecutiveFailures,
    slowCallMs: checked.slowCallMs,
    timeoutMs: checked.timeoutMs,
    slowRatio: Object.hasOwn(checked, 'slowRatio') ? checked.slowRatio : 1,
    countInFlight: checked.countInFlight ?? true,
    stall: checked.stall && shared({ afterMs: 500, calls: 10, factor: 4, ...checked.stall }),
    open: shared({
      durationMs: 5_000,
      factor: 2,
      maxMs: Math.max(60_000, checked.open?.durationMs ?? 0),
      jitter: 0.1,
      resetAfterMs: 60_000,
      ...checked.open,
    }),
    halfOpen: shared({
      permits,
      successThreshold: permits,
      failureRatio,
      leaseMs: Math.max(10_000, checked.timeoutMs ?? 0),
      scoutMs: undefined,
      rampUpMs: 0,
      ...checked.halfOpen,
    }),
    classify: checked.classify,
    rules: checked.rules ?? noRules,
    policies: resolvePolicies(checked),
  };
  const clashes = contradictions(resolved, checked);
  if (clashes.length > 0) throw new ConfigError(clashes);
  return resolved;
}
