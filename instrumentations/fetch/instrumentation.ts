import { version } from '../../src/core/version.ts';
import { hookFiles } from '../shared/hook.ts';
import { BreakerInstrumentation, type BreakerInstrumentationConfig } from '../shared/instrumentation.ts';
import { HttpAdmission } from './admission.ts';
import { guardGlobalFetch, isNodesOwn } from './global-fetch.ts';
import { RequestObserver } from './request-observer.ts';
import { guardDefaultDispatchers, undiciHook } from './undici-dispatch.ts';

export interface FetchBreakerInstrumentationConfig extends BreakerInstrumentationConfig {}

/**
 * Protects the global `fetch` and the npm package undici (6, 7, 8): a breaker per origin, named by it. A refused `fetch`
 * rejects with a `BreakerOpenError`; a refused request of undici ends as one whose connection failed, with that error.
 *
 * - A call counts when its headers come; a body that breaks off counts as the failure of the call, or as one more if it
 *   had been counted. Once the headers are here the call waits for nothing: event streams never look like a server that hangs.
 * - The caller's own abort is no failure, unless it is a deadline that ran out before the headers (`AbortSignal.timeout`).
 * - A `fetch` that is redirected is one call, of the origin that it named: a failing status from elsewhere is none of its own,
 *   and where Node's own dispatcher makes it, the other origin's breaker is not asked. By npm undici each request to another
 *   origin is a call, so is each retry of a retrying dispatcher.
 * - One refused connection is a failure like others; five in a row open the circuit at once.
 * - An upload whose source breaks off, and a download whose reader does, are the caller's affair, whatever their error says.
 * - Calls that wait when the circuit opens stay with the client: they may be answered yet. Once its probes have kept silent for
 *   their lease as well, they end as if their connection had failed, with a `CallTimeoutError` as the cause.
 * - Policies (retry, time-outs, limits, fallbacks, degraded modes) stand around the global `fetch` and that of undici. For undici's
 *   other functions read-only mode and the rate limit hold.
 * - Where Node's own `fetch` is called past the guard (somebody had kept it, or put it back), its dispatcher is guarded as well.
 * - What undici's MockAgent answers is not counted, nor are the requests of OpenTelemetry's exporters.
 */
export class FetchBreakerInstrumentation extends BreakerInstrumentation<FetchBreakerInstrumentationConfig> {
  constructor(config: FetchBreakerInstrumentationConfig = {}) {
    super('otel-breaker/fetch', version, config, (context) => {
      const admission = new HttpAdmission(() => context.registry);
      const observer = new RequestObserver(() => guardBehindFetch());
      const undo = [() => observer.stop(), hookFiles([undiciHook(admission, observer)])];
      // Somebody may hold Node's own function, and put it back in place of ours: a mocking library that was there first.
      const guardBehindFetch = (): void => {
        const undoBehind = guardDefaultDispatchers(admission, observer);
        if (undoBehind !== undefined) undo.push(undoBehind);
      };
      if (!isNodesOwn(globalThis.fetch)) guardBehindFetch();
      undo.push(guardGlobalFetch(admission, observer));
      return () => {
        for (const each of undo.reverse()) each();
      };
    });
  }
}
