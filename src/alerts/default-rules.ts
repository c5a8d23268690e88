import type { AlertMetric, AlertRuleName, AlertRuleOptions, AlertSeverity } from '../config/alerts-schema.ts';

/** A rule, with all that can be said of it. */
export interface DefaultRule extends AlertRuleOptions {
  readonly metric: AlertMetric;
  readonly severity: AlertSeverity;
  readonly limit: number;
  readonly forMs: number;
  /**
   * What it tells, after whom it is about. `{value}`, `{limit}`, `{for}` and `{window}` stand for what they say, `{calls}` for a
   * number of calls as `1 call`, `{is}` for whether they still are in shadow mode: `is` or `was`.
   */
  readonly summary: string;
  /** What to do. */
  readonly runbook: string;
}

const second = 1_000;
const minute = 60 * second;

/** Far below what a rule is meant for, one odd call would decide it. */
const minimumCalls = 20;
/** A share is over when that of the last minute is: the outage is still in the last five. */
const quicklyOver = { windowMs: 5 * minute, clearWindowMs: minute, clearForMs: 30 * second, minimumCalls };

const isItWell =
  'See whether the server is up and reachable from here. lastErrors of the circuit says what its last calls met, the log event breaker.state_change why it opened. If the server is well and the circuit is wrong, put it in mode shadow in the configuration file and raise its limits.';
const failing = 'Calls fail, but too few at a time for the circuit to stay open. lastErrors of the circuit says what they meet.';
const pool = 'Look for queries that take long, transactions left open, connections not given back; then for a larger pool, if the server has room.';

/** The rules that there are, the one that matters most first. Prometheus' rules are made with the same names and limits. */
export const defaultRules: Readonly<Record<AlertRuleName, DefaultRule>> = {
  BreakerOpen: {
    metric: 'open',
    severity: 'critical',
    limit: 0,
    forMs: 5 * minute,
    clearForMs: 30 * second,
    summary: 'has been open for more than {for}',
    runbook: isItWell,
  },
  BreakerFailureRateCritical: {
    ...quicklyOver,
    metric: 'failureRatio',
    severity: 'critical',
    limit: 0.8,
    clear: 0.7,
    forMs: minute,
    summary: 'fails {value} of its calls',
    runbook: failing,
  },
  BreakerPoolTimeouts: {
    metric: 'poolTimeouts',
    severity: 'critical',
    limit: 0,
    windowMs: 5 * minute,
    forMs: 0,
    summary: 'has had no connection for {calls} in {window}, which gave up waiting',
    runbook: `No circuit counts them, as the server may be well. ${pool}`,
  },
  BreakerFailureRateHigh: {
    ...quicklyOver,
    metric: 'failureRatio',
    severity: 'warning',
    limit: 0.7,
    clear: 0.6,
    forMs: 2 * minute,
    summary: 'fails {value} of its calls',
    runbook: failing,
  },
  BreakerFlapping: {
    metric: 'openings',
    severity: 'warning',
    limit: 3,
    clear: 0,
    windowMs: 15 * minute,
    clearWindowMs: 5 * minute,
    forMs: 0,
    summary: 'opens and closes again and again: {value} times in {window}',
    runbook:
      'The server answers a few probes and fails under full load, or the limit is too near to its usual failures. Compare the failure ratio with its threshold; set halfOpen.rampUpMs to come back slowly, raise minimumCalls or failureRatio, or open.durationMs.',
  },
  BreakerProbesFailing: {
    metric: 'failedProbes',
    severity: 'warning',
    limit: 2,
    windowMs: 10 * minute,
    forMs: minute,
    clearForMs: 30 * second,
    summary: 'tries to close and cannot: its probes failed {value} times in {window}',
    runbook:
      'The server accepts connections but does not do its work, or it is away. Look at spans "breaker half_open" and at what the probes met; restart the server, or fail over.',
  },
  BreakerRejecting: {
    ...quicklyOver,
    metric: 'rejectionRatio',
    severity: 'warning',
    limit: 0.05,
    clear: 0.02,
    forMs: 2 * minute,
    summary: 'refuses {value} of its calls',
    runbook: 'The reasons of its rejections say whether the circuit did it or a limit.',
  },
  BreakerFallbackOveruse: {
    ...quicklyOver,
    metric: 'fallbackRatio',
    severity: 'warning',
    limit: 0.5,
    clear: 0.3,
    forMs: 5 * minute,
    summary: 'serves {value} of its calls by fallbacks',
    runbook: 'Users see degraded answers. Bring the server back; see how old kept answers may get (fallback.stale.maxAgeMs).',
  },
  BreakerSlowCalls: {
    metric: 'p99Ms',
    severity: 'warning',
    limit: 5 * second,
    clear: 4 * second,
    minimumCalls,
    forMs: 5 * minute,
    summary: 'takes more than {limit}: the 99th percentile is {value}',
    runbook:
      'Callers wait and hold memory and connections. Set timeoutMs, or slowCallMs and slowRatio, so that the circuit opens; look for slow queries.',
  },
  BreakerSlowerThanUsual: {
    metric: 'slowdown',
    severity: 'warning',
    limit: 3,
    clear: 2,
    minimumCalls,
    forMs: 10 * minute,
    summary: 'takes {value} times as long as in the last day',
    runbook: 'Look for a deploy, a plan that changed, a lock, a missing index, a neighbour on the same machine.',
  },
  BreakerPoolExhausted: {
    metric: 'poolWaiting',
    severity: 'warning',
    limit: 0,
    forMs: minute,
    clearForMs: 30 * second,
    summary: 'has no connection to spare, with {calls} waiting',
    runbook: pool,
  },
  BreakerLimitReached: {
    metric: 'limited',
    severity: 'warning',
    limit: 0,
    windowMs: 5 * minute,
    clearWindowMs: 2 * minute,
    forMs: 5 * minute,
    summary: 'has been at its limit for more than {for}: {calls} refused in {window}',
    runbook:
      'There is more load than bulkhead, rate limit or queue were made for, or the server has become slow: look at the durations. Raise the limit only if the server can bear it.',
  },
  BreakerQueueOld: {
    metric: 'queueAgeMs',
    severity: 'warning',
    limit: 10 * minute,
    clear: 5 * minute,
    forMs: 5 * minute,
    summary: 'has queued writes that wait for {value}',
    runbook:
      'The server is away, or the queue is filled faster than replayPerSecond empties it. See that its disk has room; nothing acknowledged is lost meanwhile.',
  },
  BreakerLeftByHand: {
    metric: 'byHand',
    severity: 'info',
    limit: 0,
    forMs: 60 * minute,
    summary: 'has been held by hand for more than {for}',
    runbook: 'It does not decide by itself any more. If whatever it was for is over, release it. The log event breaker.admin says who did it.',
  },
  BreakerShadowWouldReject: {
    metric: 'wouldReject',
    severity: 'info',
    limit: 0,
    windowMs: 10 * minute,
    forMs: 0,
    summary: '{is} in shadow mode, would have refused {calls} in {window}',
    runbook: 'If the calls failed anyway, the circuit is right and can be enforced. If they succeeded, raise its limits first.',
  },
};
