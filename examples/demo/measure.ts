import type { Sample } from './load.ts';

/** An answer within this time is fast, be it a failure: a tenth of the patience of the clients, and far above what a busy machine costs. */
export const fastMs = 500;
/** Full service: all requests that start within this time are served, and fast. */
export const fullServiceWindowMs = 1_000;
/** Staying fast: in every such window from then on at least this share is answered fast. The others are the breaker's probes. */
const stayingFast = { windowMs: 2_000, share: 0.8 };
/** The code of a refusal by a circuit breaker. */
export const refusalCode = 'EBREAKEROPEN';

export interface OutageResult {
  /** From the start of the outage to the first fast failure (or answer) after which answers stay fast; undefined when they never did. */
  failFastMs: number | undefined;
  /** Of the requests that failed. */
  failing: number;
  p50Ms: number | undefined;
  p99Ms: number | undefined;
  /** Requests that the breaker did not refuse. */
  notRefused: number;
  total: number;
}

/**
 * What the requests that started during an outage tell.
 * @param fast what counts as fast: `failures` alone, or `answers` where whatever is served during the outage comes from elsewhere
 */
export function measureOutage(samples: readonly Sample[], from: number, to: number, fast: 'failures' | 'answers' = 'failures'): OutageResult {
  const during = samples.filter(({ startedAt }) => startedAt >= from && startedAt < to).sort((a, b) => a.startedAt - b.startedAt);
  const failed = during.filter(({ error }) => error !== '');
  const durations = failed.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  const first = firstStayingFast(during, to, fast === 'answers');
  return {
    failFastMs: first === undefined ? undefined : first.startedAt + first.durationMs - from,
    failing: failed.length,
    p50Ms: percentile(durations, 0.5),
    p99Ms: percentile(durations, 0.99),
    notRefused: during.filter(({ error }) => error !== refusalCode).length,
    total: during.length,
  };
}

/**
 * From the server's return to the start of the first request from which on, for {@link fullServiceWindowMs}, all are
 * served and fast; undefined when that was not so by `to`.
 */
export function measureRecovery(samples: readonly Sample[], restored: number, to: number): number | undefined {
  const after = samples.filter(({ startedAt }) => startedAt >= restored && startedAt < to).sort((a, b) => a.startedAt - b.startedAt);
  const bad = after.filter((sample) => sample.error !== '' || sample.durationMs >= fastMs);
  let next = 0;
  for (const { startedAt } of after) {
    const end = startedAt + fullServiceWindowMs;
    if (end > to) return undefined;
    while ((bad[next]?.startedAt ?? Number.POSITIVE_INFINITY) < startedAt) next++;
    if ((bad[next]?.startedAt ?? Number.POSITIVE_INFINITY) >= end) return startedAt - restored;
  }
  return undefined;
}

/**
 * Whether the machine had too much else to do for times to mean anything: where nothing protects and nothing is broken,
 * a request takes some milliseconds.
 * @param healthy requests to the unprotected shop that need only what works
 */
export function wasTooBusy(healthy: readonly Sample[], from: number, to: number): boolean {
  const during = healthy.filter(({ startedAt }) => startedAt >= from && startedAt < to).map(({ durationMs }) => durationMs);
  const p99 = percentile(
    during.sort((a, b) => a - b),
    0.99,
  );
  return p99 !== undefined && p99 >= fastMs / 2;
}

function firstStayingFast(during: readonly Sample[], to: number, served: boolean): Sample | undefined {
  const lastStart = to - stayingFast.windowMs;
  // The last window that was not fast: what stays fast begins after its start.
  let after = Number.NEGATIVE_INFINITY;
  // The window slides: an outage may have tens of thousands of requests.
  let end = 0;
  let fast = 0;
  for (const [index, { startedAt, durationMs }] of during.entries()) {
    if (startedAt > lastStart) break;
    for (let next = during[end]; next !== undefined && next.startedAt < startedAt + stayingFast.windowMs; next = during[++end])
      if (next.durationMs < fastMs) fast++;
    if (fast < (end - index) * stayingFast.share) after = startedAt;
    if (durationMs < fastMs) fast--;
  }
  return during.find((each) => each.startedAt > after && each.startedAt <= lastStart && (served || each.error !== '') && each.durationMs < fastMs);
}

function percentile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}
