import type { Breaker } from '../../src/breaker/breaker.ts';
import { CallTimeoutError, withoutStack } from '../../src/core/errors.ts';
import { reportFault } from '../../src/core/fault.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Attempt } from '../../src/policies/policy-call.ts';
import type { HttpAdmission } from './admission.ts';
import { AttemptSignal } from './attempt-signal.ts';
import { HttpCall } from './http-call.ts';
import type { ResponseLike } from './types.ts';
import type { Upstream } from './upstream.ts';

/** Calls the original, as the one request of a call; the call is told what becomes of it. */
export type Send = (call: HttpCall, args: unknown[]) => unknown;

export interface AttemptOrder {
  readonly upstream: Upstream;
  readonly attempt: Attempt;
  /** The caller's. */
  readonly caller: AbortSignal | undefined;
  /** Until the headers, in ms. */
  readonly timeoutMs: number | undefined;
  /** Asked once the attempt has been admitted. */
  args(signal: AbortSignal | undefined): unknown[];
  /** How the breaker counted what the attempt failed with. */
  failed(error: unknown, outcome: Outcome | 'cancelled'): void;
}

/** Makes single attempts: each admitted by the breaker of its origin, with a signal and a time of its own. */
export class Attempts {
  constructor(
    private readonly admission: HttpAdmission,
    private readonly send: Send,
  ) {}

  upstreamOf(origin: string): Upstream {
    return this.admission.upstreamOf(origin);
  }

  make(order: AttemptOrder): Promise<ResponseLike> {
    const { upstream, attempt, caller, timeoutMs } = order;
    const outer = attempt.signal;
    if (outer === caller && timeoutMs === undefined) return this.#makeFreely(order);
    return new Promise((resolve, reject) => {
      let call: HttpCall | undefined;
      let ended = false;
      const end = (error: unknown): void => {
        ended = true;
        call?.failed(error);
        order.failed(error, call?.outcome ?? 'cancelled');
        reject(error);
      };
      const linked = new AttemptSignal(caller, outer, (of) => reasonFor(attempt, of), end);
      const admitted = this.admission.admitTo(upstream, 'promise', linked.signal);
      if (!(admitted instanceof HttpCall)) {
        linked.over();
        reject(admitted);
        return;
      }
      call = admitted;
      if (timeoutMs !== undefined) linked.limit(upstream.breaker.clock, timeoutMs, () => timedOut(upstream.breaker, timeoutMs), end);
      this.#send(order, admitted, linked.signal).then(
        (response) => {
          if (ended) return discard(response);
          linked.answered(response?.body ?? undefined);
          resolve(response);
        },
        (error: unknown) => {
          linked.over();
          if (!ended) order.failed(error, admitted.outcome ?? 'ignored');
          reject(error);
        },
      );
    });
  }

  async #makeFreely(order: AttemptOrder): Promise<ResponseLike> {
    const call = this.admission.admitTo(order.upstream, 'promise', order.caller);
    if (!(call instanceof HttpCall)) throw call;
    try {
      return await this.#send(order, call, order.caller);
    } catch (error) {
      order.failed(error, call.outcome ?? 'ignored');
      throw error;
    }
  }

  /** A mock may answer at once, or throw. */
  async #send(order: AttemptOrder, call: HttpCall, signal: AbortSignal | undefined): Promise<ResponseLike> {
    return (await this.send(call, order.args(signal))) as ResponseLike;
  }
}

/** What an attempt is aborted with when the whole call's time is over. Only one that had all of it is the server's failure. */
function reasonFor({ number }: Attempt, outer: AbortSignal): unknown {
  return number <= 1 ? outer.reason : new DOMException('The time of the whole call is over', 'AbortError');
}

function timedOut(breaker: Breaker, timeoutMs: number): CallTimeoutError {
  return withoutStack((ms) => new CallTimeoutError(breaker.name, ms), timeoutMs);
}

/** An answer that nobody will see must not keep its connection. */
export function discard(response: ResponseLike): void {
  try {
    const { body } = response;
    if (body?.locked === false) body.cancel?.().catch(() => {});
  } catch (fault) {
    reportFault(fault, 'letting a response go');
  }
}
