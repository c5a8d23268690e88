import { Breaker } from './breaker/breaker.ts';
import { createBreaker } from './breaker/create-breaker.ts';
import { checkArguments } from './core/check-arguments.ts';
import { ConfigError, type ConfigIssue } from './core/errors.ts';
import { reportFault } from './core/fault.ts';
import { type BreakerOptions, mergeOptions } from './core/options.ts';
import type { Classify } from './core/outcome.ts';
import type { FallbackOptions, PolicyOptions } from './core/policy-options.ts';
import { policyCodeSchema } from './core/policy-schema.ts';
import { PolicyOverlay, policyContradictions } from './core/resolve-policies.ts';
import { isPlainObject, type ObjectSchema, type Schema } from './core/schema.ts';
import { saysYes } from './core/user-answers.ts';
import { Policies, policiesOf, sharedPolicies } from './policies/compose.ts';
import { FunctionCall, type ProtectedFunction } from './policies/function-call.ts';
import { FunctionStale } from './policies/function-stale.ts';
import { policyPorts } from './policies/ports.ts';

/** What stands around a function's calls. Policies given here take the place of the breaker's own, one by one. */
export interface ProtectOptions<Args extends unknown[] = never[], R = unknown, This = unknown> extends Omit<PolicyOptions, 'fallback'> {
  /** The breaker that guards the calls, or options to make one. */
  readonly breaker: Breaker | BreakerOptions;
  /** For these calls, instead of the breaker's. */
  readonly classify?: Classify | undefined;
  /** Longest time of one attempt, in ms. */
  readonly timeoutMs?: number | undefined;
  readonly fallback?: FallbackOptions<Args, R> | undefined;
  /** Whether making a call twice is the same as making it once; `retry` must know. */
  readonly idempotent?: boolean | ((this: This, ...args: Args) => boolean);
  /** `read`, `write` or a class of your own, for the degraded modes. Default: the breaker's; unsaid counts as a write. */
  readonly operation?: string;
  /**
   * What was asked, for `fallback.stale`: calls of the same key have the same answer. It must say all that the answer depends on: of a method also
   * whose it is (`this`), where that matters. `undefined`: not to be kept.
   */
  readonly key?: (this: This, ...args: Args) => string | undefined;
  /** The caller's signal among the arguments: ends waits, and a call ended by it is no failure. */
  readonly signal?: (this: This, ...args: Args) => AbortSignal | undefined;
  /** The arguments with a signal that also ends the attempt when its time is over. Without it the work goes on unheard. */
  readonly withSignal?: (this: This, args: Args, signal: AbortSignal) => readonly unknown[];
}

/** No inference from here: `NoInfer` of a tuple is none any more to TypeScript. */
type Fixed<Args extends unknown[]> = Args extends infer A extends unknown[] ? A : never;

/** Any function of promises, overloaded and generic ones included. */
type AsyncFunction = (this: never, ...args: never[]) => Promise<unknown>;

/** Methods do not say in their type what `this` is: whoever protects one knows. */
type SelfOf<F> = unknown extends ThisParameterType<F> ? never : ThisParameterType<F>;

const policyKeys = Object.keys(policyCodeSchema) as (keyof PolicyOptions)[];

const func = { kind: 'function' } as const;
const schema: ObjectSchema = {
  kind: 'object',
  properties: Object.assign({}, policyCodeSchema, {
    breaker: { kind: 'any' },
    classify: { ...func, offable: true },
    timeoutMs: { kind: 'number', duration: true, min: 0, exclusiveMin: true, max: 2_147_483_647, offable: true },
    idempotent: { kind: 'union', of: [{ kind: 'boolean' }, func], words: 'true, false or a function of the arguments' },
    operation: { kind: 'string' },
    ...{ key: func, signal: func, withSignal: func },
  } satisfies Record<Exclude<keyof ProtectOptions, keyof PolicyOptions>, Schema>),
};

/**
 * A function of the same signature whose calls go through a breaker and the policies around it; `this` is passed on. The
 * order of the policies is the one of {@link Policies}. What `idempotent`, `key`, `signal` and `withSignal` throw is reported, and reads as if
 * they were not there.
 * @throws ConfigError for options that cannot be used, or that do not fit each other
 */
export function protect<F extends AsyncFunction>(fn: F, options: ProtectOptions<Parameters<F>, Awaited<ReturnType<F>>, SelfOf<F>>): F;
export function protect<This, Args extends unknown[], R>(
  fn: (this: This, ...args: Args) => PromiseLike<R>,
  options: ProtectOptions<Fixed<Args>, NoInfer<R>, NoInfer<This>>,
): (this: This, ...args: Args) => Promise<R>;
export function protect<This, Args extends unknown[], R>(
  fn: (this: This, ...args: Args) => PromiseLike<R>,
  options: ProtectOptions<never[], unknown, never>,
): (this: This, ...args: Args) => Promise<R> {
  checkShape(fn, options);
  const own = Object.fromEntries(policyKeys.flatMap((key) => (Object.hasOwn(options, key) ? [[key, options[key]]] : []))) as PolicyOptions;
  const breaker = breakerOf(fn.name, options.breaker, own, options.timeoutMs);
  const policies = options.breaker instanceof Breaker ? layered(breaker, own) : () => policiesOf(breaker);
  checkFit(options as unknown as ProtectOptions, own, breaker);
  const about = describe(fn, breaker, options as unknown as ProtectOptions<Args, R, This>);
  const guarded = function (this: This, ...args: Args): Promise<R> {
    const around = policies();
    const call = new FunctionCall(breaker, about, this, args, around?.options?.fallback?.stale);
    return around === undefined ? call.once() : around.run(call);
  };
  for (const key of Reflect.ownKeys(fn)) {
    // Its name, its length, and whatever else hangs on it; an old-fashioned function has some of its own.
    if (key !== 'prototype' && key !== 'arguments' && key !== 'caller')
      Reflect.defineProperty(guarded, key, Object.getOwnPropertyDescriptor(fn, key) as PropertyDescriptor);
  }
  return guarded;
}

/**
 * The same as a decorator (TC39, stage 3) for methods. All instances share the breaker. With a capital letter, since
 * `protected` is a reserved word.
 *
 * ```ts
 * class Billing {
 *   @Protected({ breaker })
 *   async charge(order: Order) { ... }
 * }
 * ```
 */
export function Protected(options: ProtectOptions<never[], unknown, never>) {
  // biome-ignore lint/suspicious/noExplicitAny: as the type of the context asks for
  return function decorate<This, F extends (this: This, ...args: any) => PromiseLike<unknown>>(
    method: F,
    _context: ClassMethodDecoratorContext<This, F>,
  ): F {
    return protect(method as unknown as AsyncFunction, options as unknown as ProtectOptions<never[], unknown, never>) as unknown as F;
  };
}

/** A misspelt key, or a text where a time is meant, would do nothing: no time-out, no retry, and not a word. */
function checkShape(fn: unknown, options: unknown): void {
  const issues: ConfigIssue[] = [];
  if (typeof fn !== 'function') issues.push({ path: 'fn', value: fn, allowed: 'the function whose calls are to be protected' });
  const { breaker } = (options ?? {}) as Partial<ProtectOptions>;
  if (isPlainObject(options) && !(breaker instanceof Breaker) && !isPlainObject(breaker))
    issues.push({ path: 'breaker', value: breaker, allowed: 'a breaker, or options to make one' });
  checkArguments('protect', schema, options, issues);
}

function breakerOf(name: string, breaker: Breaker | BreakerOptions, own: PolicyOptions, timeoutMs: number | undefined): Breaker {
  if (breaker instanceof Breaker) return breaker;
  return createBreaker(mergeOptions({ name: name === '' ? 'breaker' : name }, breaker, own, timeoutMs === undefined ? undefined : { timeoutMs }));
}

/** Policies of this function over those of a breaker that others use as well. What the breaker's options say may change. */
function layered(breaker: Breaker, own: PolicyOptions): () => Policies | undefined {
  if (Object.keys(own).length === 0) return () => policiesOf(breaker);
  const overlay = new PolicyOverlay(own);
  let base = breaker.options.policies;
  let laid = overlay.over(base);
  const shared = sharedPolicies(breaker);
  const mine = new Policies(breaker, shared);
  return () => {
    const { policies, mode } = breaker.options;
    if (mode === 'off') return undefined;
    if (policies !== base) {
      base = policies;
      laid = overlay.over(base);
    }
    shared.following(base);
    return laid === undefined && breaker.degraded === undefined ? undefined : mine.following(laid);
  };
}

/** What only shows when a call is made would be found out at the worst of times. */
function checkFit({ idempotent, key, retry, fallback, timeoutMs, breaker: given }: ProtectOptions, own: PolicyOptions, breaker: Breaker): void {
  const laid = given instanceof Breaker ? new PolicyOverlay(own).over(breaker.options.policies) : breaker.options.policies;
  const issues: ConfigIssue[] = laid === undefined ? [] : policyContradictions(laid, timeoutMs ?? breaker.options.timeoutMs);
  const { leaseMs } = breaker.options.halfOpen;
  if (timeoutMs !== undefined && timeoutMs > leaseMs)
    issues.push({ path: 'timeoutMs', value: timeoutMs, allowed: `at most halfOpen.leaseMs (${leaseMs}): a probe would be given up before its time` });
  const retries = given instanceof Breaker ? retry : breaker.options.policies?.retry;
  if (retries !== undefined && retries.nonIdempotent !== true && idempotent === undefined)
    issues.push({ path: 'idempotent', value: undefined, allowed: 'true, false or a function of the arguments: retry makes a call more than once' });
  const stale = given instanceof Breaker ? fallback?.stale : breaker.options.policies?.fallback?.stale;
  if (stale !== undefined && key === undefined)
    issues.push({ path: 'key', value: undefined, allowed: 'a function of the arguments: fallback.stale must know which calls have the same answer' });
  if (stale?.path !== undefined && policyPorts().stale === undefined)
    issues.push({ path: 'fallback.stale.path', value: stale.path, allowed: 'nothing here: without otel-breaker/setup there is no storage' });
  if (issues.length > 0) throw new ConfigError(issues);
}

function describe<This, Args extends unknown[], R>(
  fn: (this: This, ...args: Args) => PromiseLike<R>,
  breaker: Breaker,
  { classify, timeoutMs, operation, idempotent = false, signal, withSignal, key, fallback }: ProtectOptions<Args, R, This>,
): ProtectedFunction<This, Args, R> {
  const { empty } = fallback ?? {};
  return {
    fn,
    classify,
    limits: classify === undefined && timeoutMs === undefined ? undefined : { ...(classify && { classify }), ...(timeoutMs && { timeoutMs }) },
    operation,
    idempotent:
      typeof idempotent === 'function'
        ? asked('idempotent', false, (self, args) => saysYes(idempotent.apply(self, args), idempotent, 'idempotent'))
        : () => idempotent,
    signal: signal === undefined ? () => undefined : asked('signal', undefined, (self, args) => signal.apply(self, args)),
    withSignal: withSignal && ((self, args, abort) => asked('withSignal', args, () => withSignal.call(self, args, abort) as Args)(self, args)),
    empty: typeof empty === 'function' ? empty : () => undefined as R,
    stale: key && new FunctionStale<This, Args, R>(breaker, fn, key),
  };
}

/** A function of the user's: what it throws must not become the call's. */
function asked<This, Args, T>(name: string, unsaid: T, ask: (self: This, args: Args) => T): (self: This, args: Args) => T {
  return (self, args) => {
    try {
      return ask(self, args);
    } catch (fault) {
      reportFault(fault, name);
      return unsaid;
    }
  };
}
