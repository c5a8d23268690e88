import type { Breaker } from '../../src/breaker/breaker.ts';
import { reportFault } from '../../src/core/fault.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { NamedTier } from '../../src/core/policy-options.ts';
import { policiesOf } from '../../src/policies/compose.ts';
import { degradedModeOf } from '../../src/policies/degraded.ts';
import type { Attempt, PolicyCall } from '../../src/policies/policy-call.ts';
import type { StaleHook } from '../../src/policies/ports.ts';
import { judge } from '../shared/admission.ts';
import { type Attempts, discard } from './attempts.ts';
import { isTransient, outcomeOfError, outcomeOfStatus } from './classify.ts';
import { FetchRequest } from './fetch-request.ts';
import { type HttpStatusError, httpStatusError } from './http-status-error.ts';
import { originOf } from './origin.ts';
import { retryAfterMs, statusesWithRetryAfter } from './retry-after.ts';
import { type Responses, servedResponse } from './served-response.ts';
import { StaleResponse } from './stale-response.ts';
import type { ResponseLike } from './types.ts';
import type { Upstream } from './upstream.ts';

/** Whether a breaker's calls are more than admitted: two property reads and a comparison for those of most. */
export function hasPolicies({ options, degraded }: Breaker): boolean {
  return (options.policies !== undefined || options.timeoutMs !== undefined || degraded !== undefined) && options.mode !== 'off';
}

/**
 * A `fetch` with the policies of its origin around it. Each attempt is a guarded fetch of its own; its time is over when the
 * headers are here, and what the caller gets then streams as ever.
 */
export class PolicedFetch implements PolicyCall<ResponseLike> {
  readonly breaker: Breaker;
  /** An application that knows nothing of us knows the errors of `fetch`. */
  readonly keepsErrors = true;
  readonly #upstream: Upstream;
  readonly #attempts: Attempts;
  readonly #request: FetchRequest;
  readonly #responses: Responses;
  readonly #stale: StaleResponse | undefined;
  /** Who answered last. */
  #from: Upstream;
  /** Whether a request may have gone out. */
  #sent = false;
  #failed: { readonly error: unknown; readonly outcome: Outcome | 'cancelled' } | undefined;
  #judged: { readonly response: ResponseLike; readonly error: HttpStatusError | undefined } | undefined;

  constructor(upstream: Upstream, attempts: Attempts, args: readonly unknown[], responses: Responses) {
    const { breaker } = upstream;
    this.breaker = breaker;
    this.#upstream = upstream;
    this.#from = upstream;
    this.#attempts = attempts;
    this.#request = new FetchRequest(args);
    this.#responses = responses;
    const acts = degradedModeOf(breaker) !== 'bypass';
    const { policies } = breaker.options;
    if (acts && (policies?.retry !== undefined || policies?.fallback?.origins !== undefined)) this.#request.keep();
    this.#stale = acts ? StaleResponse.of(breaker, this.#request, responses) : undefined;
  }

  async run(): Promise<ResponseLike> {
    const policies = policiesOf(this.breaker);
    try {
      return await (policies === undefined ? this.attempt({ number: 1, signal: this.signal }) : policies.run(this));
    } finally {
      this.#request.over();
    }
  }

  get signal(): AbortSignal | undefined {
    return this.#request.signal;
  }

  /** There are no classes of operation by origin; by method a request reads or writes. */
  get operation(): string {
    return this.#request.isSafe ? 'read' : 'write';
  }

  get idempotent(): boolean {
    return this.#request.isIdempotent;
  }

  async attempt(attempt: Attempt): Promise<ResponseLike> {
    const request = this.#request;
    if (this.#sent && !request.isRepeatable) throw this.#failed?.error;
    const response = await this.#make(this.#upstream, attempt, (signal) => (this.#sent ? request.again(signal) : request.first(signal)));
    return this.#stale === undefined || this.failureOf(response) !== undefined ? response : this.#stale.watch(response);
  }

  outcomeOf(error: unknown): Outcome | 'cancelled' {
    if (this.#failed !== undefined && error === this.#failed.error) return this.#failed.outcome;
    if (error === this.#judged?.error && error !== undefined) return 'failure';
    return outcomeOfError(error);
  }

  failureOf(response: ResponseLike): HttpStatusError | undefined {
    if (this.#judged?.response !== response) this.#judged = { response, error: failureOf(this.#from, response) };
    return this.#judged.error;
  }

  discard(response: ResponseLike): void {
    discard(response);
  }

  isTransient(error: unknown): boolean {
    return (!this.#sent || this.#request.isRepeatable) && isTransient(error);
  }

  /** Where the same may be asked as well. None for a request that may have been carried out, or that says who asks, unless told so. */
  tiersOf(origins: readonly string[]): NamedTier<never[], ResponseLike>[] {
    const request = this.#request;
    const { retry, fallback } = this.breaker.options.policies ?? {};
    if (request.isCredentialed && fallback?.forwardCredentials !== true) return [];
    if (!request.isRepeatable || (this.#sent && !request.isIdempotent && retry?.nonIdempotent !== true)) return [];
    const others = origins.map(originOf).filter((origin) => origin !== undefined && origin !== this.#upstream.origin);
    return (others as string[]).map((origin) => this.#tier(origin));
  }

  served(value: unknown): ResponseLike {
    return servedResponse(value, this.#request.method, this.#request.url, this.#responses);
  }

  get stale(): StaleHook<ResponseLike> | undefined {
    const stale = this.#stale;
    // It is kept while the caller reads it.
    return stale && { keep: () => {}, find: () => stale.find() };
  }

  #tier(origin: string): NamedTier<never[], ResponseLike> {
    const upstream = this.#attempts.upstreamOf(origin);
    const { breaker } = upstream;
    return {
      name: origin,
      // Its breaker admits the attempt itself.
      breaker: { name: origin, refusal: () => breaker.refusal(), run: async (fn) => fn() },
      run: () => this.#make(upstream, { number: 1, signal: this.signal }, (signal) => this.#request.elsewhere(origin, signal)),
    };
  }

  async #make(upstream: Upstream, attempt: Attempt, args: (signal: AbortSignal | undefined) => unknown[]): Promise<ResponseLike> {
    const { breaker } = upstream;
    const response = await this.#attempts.make({
      upstream,
      attempt,
      caller: this.signal,
      // Where nothing is refused, nobody is given up either.
      timeoutMs: breaker.onlyWatches ? undefined : (breaker.options.timeoutMs ?? this.breaker.options.timeoutMs),
      args: (signal) => {
        const made = args(signal);
        this.#sent = true;
        return made;
      },
      failed: (error, outcome) => {
        this.#failed = { error, outcome };
      },
    });
    this.#from = upstream;
    return response;
  }
}

/** As the breaker counts it. */
function failureOf({ breaker, origin }: Upstream, response: ResponseLike): HttpStatusError | undefined {
  const { status, redirected, url, headers } = response ?? {};
  if (typeof status !== 'number') return undefined;
  const elsewhere = redirected === true && typeof url === 'string' && originOf(url) !== origin;
  if (judge(breaker, { ok: true, value: response }, elsewhere ? 'success' : outcomeOfStatus(status)) !== 'failure') return undefined;
  const asked = statusesWithRetryAfter.has(status) ? retryAfterMs(read(headers)) : 0;
  return httpStatusError(origin, status, asked);
}

function read(headers: ResponseLike['headers']): string | null | undefined {
  try {
    return headers?.get?.('retry-after');
  } catch (fault) {
    reportFault(fault, 'the headers of a response');
    return undefined;
  }
}
