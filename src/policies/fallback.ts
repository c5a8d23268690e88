import { isRejection } from '../breaker/judge.ts';
import { isBreakerError, QueueFullError } from '../core/errors.ts';
import { reportFault } from '../core/fault.ts';
import { RetryExhaustedError } from '../core/policy-errors.ts';
import type { FallbackReason } from '../core/policy-options.ts';
import type { ResolvedFallback } from '../core/resolve-policies.ts';
import { saysYes } from '../core/user-answers.ts';
import { degradedModeOf } from './degraded.ts';
import type { FallbackType } from './meters.ts';
import type { Passage } from './passage.ts';
import type { Next, Policy } from './policy.ts';
import { isRead, type PolicyCall } from './policy-call.ts';
import type { QueueHook } from './ports.ts';
import { markStale } from './stale-cache/stale-mark.ts';
import { tryTiers } from './tiers.ts';

type Served<T> = { readonly value: T } | undefined;

/**
 * Answers calls that have failed: by another tier, a stale answer, the durable queue, a handler, a value, an empty result, in
 * this order. Never for the caller's own abort, nor for errors that are not the dependency's.
 */
export class Fallback implements Policy {
  readonly name = 'fallback';
  /** What could not be made. */
  readonly #reported = new Set<FallbackType>();

  constructor(private readonly options: ResolvedFallback) {}

  async around<T>(passage: Passage<T>, next: Next): Promise<T> {
    if (this.options.queue === undefined) return this.#answer(passage, next);
    try {
      return await this.#answer(passage, next);
    } finally {
      passage.call.queue?.over?.();
    }
  }

  async #answer<T>(passage: Passage<T>, next: Next): Promise<T> {
    const { call } = passage;
    // In a degraded mode a write is refused first.
    if (call.queue !== undefined && this.options.queue !== undefined && degradedModeOf(call.breaker) === 'off') {
      // What waits in the queue was written first, and must be made first.
      if (call.queue.behind()) return this.#append(passage, call.queue, undefined);
      const refusal = this.#refusalOfBoth(passage, call.queue);
      if (refusal !== undefined) return this.#append(passage, call.queue, refusal);
    }
    let value: T;
    try {
      value = await next(passage);
    } catch (error) {
      if (!this.#standsInFor(passage, error)) throw error;
      const served = await this.#serve(passage, error);
      if (served === undefined) throw error;
      return served.value;
    }
    const failure = passage.failureOf(value);
    if (failure === undefined) {
      if (this.options.stale !== undefined) keep(call, value);
      if (this.options.queue !== undefined) call.queue?.passed();
      return value;
    }
    if (!this.#standsInFor(passage, failure)) return value;
    const served = await this.#serve(passage, failure).catch((error: unknown) => {
      // The result that came is worth more to the caller than the news that nothing better could be had.
      if (isBreakerError(error) && error.code === 'EALLTIERSFAILED') return undefined;
      passage.discard(value);
      throw error;
    });
    if (served === undefined) return value;
    passage.discard(value);
    passage.lastFailure = undefined;
    return served.value;
  }

  /** What the circuit would refuse and the queue has no room for is one refusal: the queue's. */
  #refusalOfBoth<T>(passage: Passage<T>, queue: QueueHook<T>): Error | undefined {
    const { origins, tiers } = this.options;
    if (origins !== undefined || tiers !== undefined || queue.isFull?.() !== true) return undefined;
    const refusal = passage.call.breaker.refusal();
    return refusal !== undefined && this.#standsInFor(passage, refusal) ? refusal : undefined;
  }

  #standsInFor<T>(passage: Passage<T>, error: unknown): boolean {
    const { when } = this.options;
    const { signal } = passage.call;
    if (signal?.aborted === true && passage.outcomeOf(error) === 'cancelled') return false;
    if (typeof when === 'function') {
      try {
        return saysYes(when(error), when, 'when of a fallback');
      } catch (fault) {
        reportFault(fault, 'when of a fallback');
        return false;
      }
    }
    const reason = reasonOf(passage, error);
    return reason !== undefined && (when === undefined || when.includes(reason));
  }

  async #serve<T>(passage: Passage<T>, failure: unknown): Promise<Served<T>> {
    const { call } = passage;
    const { options } = this;
    // A write that is switched off is not made elsewhere either.
    const tiers = isReadOnly(failure) ? undefined : await tryTiers(passage, options, failure);
    if (tiers !== undefined) {
      const served = 'served' in tiers;
      passage.meters.countFallback('tier', served ? 'success' : 'failure');
      if (served) return this.#told(passage, 'tier', failure, tiers.served);
    }
    const stale = await this.#findStale(passage, failure);
    if (stale !== undefined) return stale;
    if (call.queue !== undefined && options.queue !== undefined) {
      return { value: await this.#append(passage, call.queue, failure) };
    }
    const { handler } = options;
    if (handler !== undefined) {
      const value = await this.#counted(passage, 'function', async () => passage.enter(() => handler(failure, ...(call.args ?? []))));
      return this.#told(passage, 'function', failure, value as T);
    }
    if (Object.hasOwn(options, 'value')) {
      const made = await this.#value(passage, 'value', failure, () =>
        call.served === undefined ? (options.value as T) : call.served(options.value),
      );
      if (made !== undefined) return made;
    }
    const empty = passage.emptyWith(options.empty);
    if (options.empty !== undefined && options.empty !== false && empty !== undefined && isRead(call.operation ?? 'read')) {
      const made = await this.#value(passage, 'empty', failure, empty);
      if (made !== undefined) return made;
    }
    if (tiers !== undefined && 'failed' in tiers) throw tiers.failed;
    return undefined;
  }

  async #findStale<T>(passage: Passage<T>, failure: unknown): Promise<Served<T>> {
    const { stale } = passage.call;
    if (stale === undefined || this.options.stale === undefined) return undefined;
    try {
      const answer = await stale.find();
      passage.meters.countLookup(answer === undefined ? 'miss' : answer.fresh === true ? 'hit' : 'stale');
      if (answer === undefined) return undefined;
      passage.meters.countFallback('stale', 'success');
      passage.tell((trace) => trace.served('stale', failure, answer.ageMs));
      return { value: answer.fresh === true ? answer.value : markStale(answer.value, { ageMs: answer.ageMs }) };
    } catch (fault) {
      reportFault(fault, 'the cache of last good answers');
      return undefined;
    }
  }

  async #append<T>(passage: Passage<T>, queue: QueueHook<T>, failure: unknown): Promise<T> {
    passage.meters.queue ??= queue.gauge;
    const value = await this.#counted(passage, 'queue', () => queue.append(failure)).catch((error: unknown) => {
      throw error instanceof QueueFullError ? fullFor(passage, error, failure) : error;
    });
    passage.tell((trace) => trace.served('queue', failure));
    return value;
  }

  /** What cannot be made of the configuration is reported, and served by nothing: its fault must not hide what has failed. */
  async #value<T>(passage: Passage<T>, type: FallbackType, failure: unknown, make: () => T): Promise<Served<T>> {
    try {
      return this.#told(passage, type, failure, await this.#counted(passage, type, async () => make()));
    } catch (fault) {
      // Once: in an outage it is the same with every call.
      if (!this.#reported.has(type)) reportFault(fault, `fallback.${type}`);
      this.#reported.add(type);
      return undefined;
    }
  }

  async #counted<T, V>(passage: Passage<T>, type: FallbackType, make: () => Promise<V>): Promise<V> {
    try {
      const value = await make();
      passage.meters.countFallback(type, 'success');
      return value;
    } catch (error) {
      passage.meters.countFallback(type, 'failure');
      throw error;
    }
  }

  #told<T>(passage: Passage<T>, type: FallbackType, failure: unknown, value: T): { readonly value: T } {
    passage.tell((trace) => trace.served(type, failure));
    return { value };
  }
}

/** The queue knows its folder alone, which is none of the caller's business: the refusal is the breaker's. */
function fullFor<T>(passage: Passage<T>, error: QueueFullError, failure: unknown): QueueFullError {
  const { breaker } = passage.call;
  passage.enter(() => breaker.countRefusal('queue_full', undefined));
  return QueueFullError.of(breaker.name, error.limit, failure ?? error, breaker.state);
}

/** The call has succeeded, whatever comes of keeping its answer. */
function keep<T>(call: PolicyCall<T>, value: T): void {
  try {
    call.stale?.keep(value);
  } catch (fault) {
    reportFault(fault, 'the cache of last good answers');
  }
}

function isReadOnly(failure: unknown): boolean {
  return isBreakerError(failure) && failure.code === 'EREADONLYMODE';
}

function reasonOf<T>(passage: Passage<T>, error: unknown): FallbackReason | undefined {
  if (isRejection(error)) return 'rejected';
  const innermost = error instanceof RetryExhaustedError ? error.cause : error;
  if (isRejection(innermost)) return 'rejected';
  if (passage.outcomeOf(error) !== 'failure') return undefined;
  const { name, code } = (innermost ?? {}) as { name?: unknown; code?: unknown };
  return name === 'TimeoutError' || code === 'ECALLTIMEOUT' || code === 'ETIMEDOUT' ? 'timeout' : 'failure';
}
