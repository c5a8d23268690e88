import type { Breaker } from '../breaker/breaker.ts';
import { reportFault } from '../core/fault.ts';
import type { DegradedMode } from '../core/policy-options.ts';
import { refuseWrite } from './limits.ts';
import type { Passage } from './passage.ts';
import type { Next, Policy } from './policy.ts';
import { isRead } from './policy-call.ts';

/** How a breaker's calls are served now: as set live, else as its options say. */
export function degradedModeOf(breaker: Breaker): DegradedMode | 'off' {
  return breaker.degraded ?? breaker.options.policies?.degraded ?? 'off';
}

/** Refuses writes while the mode says so; answers reads with nothing. Which mode it is may change from call to call. */
export class Degraded implements Policy {
  readonly name = 'degraded';
  #reported = false;

  async around<T>(passage: Passage<T>, next: Next): Promise<T> {
    const { call } = passage;
    const mode = degradedModeOf(call.breaker);
    if (mode !== 'read-only' && mode !== 'empty') return next(passage);
    if (!isRead(call.operation)) {
      const refusal = passage.enter(() => refuseWrite(call.breaker));
      if (refusal !== undefined) throw refusal;
      return next(passage);
    }
    const empty = mode === 'empty' && !call.breaker.onlyWatches ? passage.emptyWith(call.breaker.options.policies?.fallback?.empty) : undefined;
    if (empty !== undefined) {
      const made = this.#made(empty);
      passage.meters.countFallback('empty', made === undefined ? 'failure' : 'success');
      if (made !== undefined) {
        passage.tell((trace) => trace.served('empty', undefined));
        return made.value;
      }
    }
    return next(passage);
  }

  /** `undefined`: it cannot be made, which is reported; the call is made as ever then. */
  #made<T>(empty: () => T): { readonly value: T } | undefined {
    try {
      return { value: empty() };
    } catch (fault) {
      if (!this.#reported) reportFault(fault, 'fallback.empty');
      this.#reported = true;
      return undefined;
    }
  }
}
