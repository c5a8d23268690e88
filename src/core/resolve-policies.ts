import type { CustomPolicy } from './custom-policy.ts';
import { ConfigError, type ConfigIssue } from './errors.ts';
import type {
  BulkheadOptions,
  DegradedMode,
  FallbackOptions,
  PolicyOptions,
  QueueOptions,
  RateLimitOptions,
  RetryBudgetOptions,
  RetryOptions,
  StaleOptions,
} from './policy-options.ts';
import { policyCodeSchema } from './policy-schema.ts';
import { check } from './schema.ts';

type Filled<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

export type ResolvedBudget = Filled<RetryBudgetOptions>;
export type ResolvedRetry = Filled<Omit<RetryOptions, 'budget' | 'retryIf'>> & {
  readonly budget: ResolvedBudget | undefined;
  readonly retryIf: RetryOptions['retryIf'];
};
export type ResolvedBulkhead = Filled<Omit<BulkheadOptions, 'queueTimeoutMs'>> & { readonly queueTimeoutMs: number | undefined };
export type ResolvedRateLimit = Filled<RateLimitOptions>;
export type ResolvedStale = Filled<Omit<StaleOptions, 'path'>> & { readonly path?: string };
export type ResolvedQueue = Filled<QueueOptions>;
export type ResolvedFallback = Omit<FallbackOptions<unknown[]>, 'stale' | 'queue'> & {
  readonly stale: ResolvedStale | undefined;
  readonly queue: ResolvedQueue | undefined;
};

/** What stands around a breaker; made only where anything does. */
export interface ResolvedPolicies {
  readonly totalTimeoutMs: number | undefined;
  readonly retry: ResolvedRetry | undefined;
  readonly bulkhead: ResolvedBulkhead | undefined;
  readonly rateLimit: ResolvedRateLimit | undefined;
  readonly fallback: ResolvedFallback | undefined;
  readonly degraded: DegradedMode | undefined;
  readonly customPolicies: readonly CustomPolicy[] | undefined;
}

/** Fills in the defaults of options that have been checked; `undefined` where there is no policy at all. */
export function resolvePolicies(given: PolicyOptions): ResolvedPolicies | undefined {
  const { totalTimeoutMs, retry, bulkhead, rateLimit, fallback, degraded, customPolicies } = given;
  if ([totalTimeoutMs, retry, bulkhead, rateLimit, fallback, degraded, customPolicies].every((each) => each === undefined)) return undefined;
  return {
    totalTimeoutMs,
    retry: retry && resolveRetry(retry),
    // What must be there and is not is said by the contradictions; until then it bounds nothing.
    bulkhead: bulkhead && { limit: Number.POSITIVE_INFINITY, queue: 0, queueTimeoutMs: undefined, ...bulkhead },
    rateLimit: rateLimit && { limit: Number.POSITIVE_INFINITY, intervalMs: 1_000, burst: rateLimit.limit ?? 1, ...rateLimit },
    fallback: fallback && resolveFallback(fallback),
    degraded,
    customPolicies,
  };
}

function resolveRetry(retry: RetryOptions): ResolvedRetry {
  const budget = Object.hasOwn(retry, 'budget')
    ? retry.budget && { ratio: 0.2, minPerSecond: 10, ...retry.budget }
    : { ratio: 0.2, minPerSecond: 10 };
  return {
    attempts: 3,
    backoffMs: 100,
    maxBackoffMs: Math.max(2_000, retry.backoffMs ?? 0),
    jitter: 'full',
    nonIdempotent: false,
    retryIf: undefined,
    ...retry,
    budget,
  };
}

function resolveFallback(fallback: FallbackOptions): ResolvedFallback {
  const { stale, queue, ...rest } = fallback as FallbackOptions<unknown[]>;
  return {
    empty: false,
    forwardCredentials: false,
    ...rest,
    stale: stale && resolveStale(stale),
    queue: queue && { path: '', maxEntries: 50_000, maxBytes: 67_108_864, replayPerSecond: 500, maxAttempts: 5, commands: [], ...queue },
  };
}

function resolveStale(stale: StaleOptions): ResolvedStale {
  const { ttlMs = 0, maxBytes = 67_108_864 } = stale;
  return { ttlMs, maxAgeMs: Math.max(300_000, ttlMs), maxEntries: 10_000, maxBytes, maxEntryBytes: Math.min(1_048_576, maxBytes), ...stale };
}

/** Policies of one function around a breaker that has its own: each that is given takes the place of the breaker's. */
export class PolicyOverlay {
  readonly #given: PolicyOptions;
  readonly #resolved: ResolvedPolicies | undefined;

  /** @throws ConfigError naming every option at fault */
  constructor(given: PolicyOptions) {
    const issues: ConfigIssue[] = [];
    this.#given = check({ kind: 'object', properties: policyCodeSchema }, given, issues) as PolicyOptions;
    if (issues.length > 0) throw new ConfigError(issues);
    this.#resolved = resolvePolicies(this.#given);
  }

  over(base: ResolvedPolicies | undefined): ResolvedPolicies | undefined {
    if (this.#resolved === undefined || base === undefined) return this.#resolved ?? base;
    const laid: Record<string, unknown> = { ...base };
    for (const key of Object.keys(this.#given) as (keyof ResolvedPolicies)[]) laid[key] = this.#resolved[key];
    return laid as unknown as ResolvedPolicies;
  }
}

/** Least time that lies between the first attempt and the last, in ms. */
export function leastBackoffMs({ attempts, backoffMs, maxBackoffMs, jitter }: ResolvedRetry, repetitions: number = attempts - 1): number {
  let sum = 0;
  for (let n = 0; n < repetitions; n += 1) {
    const ceiling = Math.min(maxBackoffMs, backoffMs * 2 ** n);
    if (jitter === 'none') sum += ceiling;
    else if (jitter === 'equal') sum += ceiling / 2;
    else if (jitter === 'decorrelated') sum += Math.min(backoffMs, maxBackoffMs);
  }
  return sum;
}

const ways = ['origins', 'tiers', 'stale', 'queue', 'handler', 'value', 'empty'] as const;

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash, username } = new URL(text);
  return /^https?:$/.test(protocol) && pathname === '/' && `${search}${hash}${username}` === '';
}

/** What cannot be meant: sound options that do not fit each other. `timeoutMs` is of one attempt. */
export function policyContradictions(policies: ResolvedPolicies, timeoutMs: number | undefined): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const refuse = (path: string, value: unknown, allowed: string): void => void issues.push({ path, value, allowed });
  const { totalTimeoutMs, retry, bulkhead, rateLimit, fallback, customPolicies } = policies;
  if (totalTimeoutMs !== undefined && timeoutMs !== undefined && totalTimeoutMs < timeoutMs)
    refuse('totalTimeoutMs', totalTimeoutMs, `at least timeoutMs (${timeoutMs}), the time of one attempt`);
  if (retry !== undefined) {
    if (retry.maxBackoffMs < retry.backoffMs) refuse('retry.maxBackoffMs', retry.maxBackoffMs, `at least retry.backoffMs (${retry.backoffMs})`);
    if (retry.budget?.ratio === 0 && retry.budget.minPerSecond === 0)
      refuse('retry.budget', retry.budget, 'a ratio or minPerSecond over 0: this one never allows a repetition; to switch retry off, leave it out');
    if (totalTimeoutMs !== undefined) {
      const waits = leastBackoffMs(retry);
      const afterTimeout = (timeoutMs ?? 0) + leastBackoffMs(retry, 1);
      if (waits >= totalTimeoutMs)
        refuse('retry.attempts', retry.attempts, `fewer: the waits between them alone (${waits} ms) take totalTimeoutMs (${totalTimeoutMs})`);
      else if (timeoutMs !== undefined && timeoutMs <= totalTimeoutMs && afterTimeout >= totalTimeoutMs)
        refuse('totalTimeoutMs', totalTimeoutMs, `over ${afterTimeout}: an attempt that takes timeoutMs (${timeoutMs}) could never be repeated`);
    }
  }
  if (bulkhead !== undefined) {
    if (bulkhead.limit === Number.POSITIVE_INFINITY)
      refuse('bulkhead.limit', undefined, 'a whole number of at least 1: without it nothing is bounded');
    if (bulkhead.queueTimeoutMs !== undefined && bulkhead.queue === 0)
      refuse('bulkhead.queueTimeoutMs', bulkhead.queueTimeoutMs, 'only together with bulkhead.queue');
  }
  if (rateLimit?.limit === Number.POSITIVE_INFINITY)
    refuse('rateLimit.limit', undefined, 'a whole number of at least 1: without it nothing is bounded');
  if (fallback !== undefined) {
    const none = ways.every((way) => (way === 'value' ? !Object.hasOwn(fallback, way) : fallback[way] === undefined || fallback[way] === false));
    if (none) refuse('fallback', {}, `at least one of ${ways.join(', ')}`);
    for (const [index, origin] of (fallback.origins ?? []).entries())
      if (!isOrigin(origin)) refuse(`fallback.origins[${index}]`, origin, 'an origin such as https://eu.api.example.com, without a path');
    if (fallback.origins?.length === 0) refuse('fallback.origins', [], 'at least one origin');
    if (fallback.tiers?.length === 0) refuse('fallback.tiers', [], 'at least one tier');
    if (fallback.order !== undefined && fallback.tiers === undefined) refuse('fallback.order', fallback.order, 'only together with fallback.tiers');
    if (fallback.stale !== undefined && fallback.stale.maxAgeMs < fallback.stale.ttlMs)
      refuse('fallback.stale.maxAgeMs', fallback.stale.maxAgeMs, `at least fallback.stale.ttlMs (${fallback.stale.ttlMs})`);
    if (fallback.queue?.path === '') refuse('fallback.queue.path', undefined, 'the directory of the queue');
    if (Array.isArray(fallback.when) && fallback.when.length === 0) refuse('fallback.when', [], 'at least one of rejected, timeout, failure');
  }
  for (const [index, policy] of (customPolicies ?? []).entries()) {
    const { name, around } = (policy ?? {}) as Partial<CustomPolicy>;
    if (typeof name !== 'string' || typeof around !== 'function') refuse(`customPolicies[${index}]`, policy, 'an object with name and around');
  }
  return issues;
}
