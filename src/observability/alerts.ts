import { limitReasons, values } from '../telemetry/names.ts';
import { is, labelName } from './prometheus-names.ts';
import { type By, grown, max, type Queries, sum } from './queries.ts';
import { circuit, records } from './recordings.ts';

export interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' | 'info' };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

const name = `{{ $labels.${labelName('name')} }}`;
const who = `${name} of {{ $labels.job }}`;
const pool = `{{ $labels.${labelName('poolName')} }} of {{ $labels.job }} ({{ $labels.instance }})`;
const percent = '{{ $value | humanizePercentage }}';
const lookAt = `On the dashboard "Circuits: one in depth" choose ${name}.`;

const byLimits = values.rejectionReason.filter((reason) => limitReasons.has(reason) && reason !== 'read_only');

type Annotations = readonly [summary: string, description: string, runbook: string];

function alert(
  alert: string,
  severity: AlertingRule['labels']['severity'],
  timing: { for?: string; keep_firing_for?: string },
  expr: string,
  [summary, description, runbook]: Annotations,
): AlertingRule {
  return { alert, expr, ...timing, labels: { severity }, annotations: { summary, description, runbook } };
}

/** About circuits themselves: open, flapping, left as somebody put them. */
export function circuitAlerts(q: Queries): AlertingRule[] {
  // From closed: a circuit that stays open through an outage goes half-open and open again all the time.
  const openings = sum(circuit, grown(q.series('transitions', is('stateFrom', 'closed'), is('stateTo', 'open')), '15m'));
  const failedProbes = sum(circuit, grown(q.series('transitions', is('trigger', 'probes_failed', 'probe_lease', 'ramp_up_failed')), '10m'));
  return [
    alert('BreakerOpen', 'critical', { for: '5m' }, `${sum(circuit, q.series('status', is('state', 'open', 'half_open')))} > 0`, [
      `${who} has been open for more than 5 minutes`,
      'Its calls are refused, or served by their fallback, on {{ $value }} instance(s).',
      `See whether the server is up and reachable from the instances. ${lookAt} "Failures by type" says what its last calls met, the log event breaker.state_change why it opened. If the server is well and the circuit is wrong, put it in mode shadow in the configuration file and raise its limits.`,
    ]),
    alert('BreakerFlapping', 'warning', { keep_firing_for: '5m' }, `${openings} >= 4`, [
      `${who} opens and closes again and again`,
      'It opened {{ $value | printf "%.0f" }} times in 15 minutes.',
      `The server answers a few probes and fails under full load, or the limit is too near to its usual failures. ${lookAt} Compare the failure ratio with its threshold; set halfOpen.rampUpMs to come back slowly, raise minimumCalls or failureRatio, or open.durationMs.`,
    ]),
    alert('BreakerProbesFailing', 'warning', {}, `${failedProbes} >= 3`, [
      `${who} tries to close and cannot`,
      'Its probes failed {{ $value | printf "%.0f" }} times in 10 minutes.',
      'The server accepts connections but does not do its work. Look at spans "breaker half_open" and at what the probes met; restart the server, or fail over.',
    ]),
    alert(
      'BreakerLeftByHand',
      'info',
      { for: '1h' },
      `${sum([...circuit, 'state'], q.series('status', is('state', 'forced_open', 'disabled')))} > 0`,
      [
        `${who} has been {{ $labels.${labelName('state')} }} by hand for more than an hour`,
        'On {{ $value }} instance(s). It does not decide by itself any more.',
        'If whatever it was for is over, release it. The log event breaker.admin says who did it.',
      ],
    ),
    alert('BreakerShadowWouldReject', 'info', { keep_firing_for: '10m' }, `${sum(circuit, `increase(${q.series('shadowRejections')}[10m])`)} > 0`, [
      `${who}, in shadow mode, would have refused calls`,
      'About {{ $value | printf "%.0f" }} calls in 10 minutes.',
      `${lookAt} If the calls failed anyway, the circuit is right and can be enforced. If they succeeded, raise its limits first.`,
    ]),
  ];
}

/** About the calls: failures, refusals, fallbacks, durations. */
export function callAlerts(q: Queries): AlertingRule[] {
  const enough = `${sum(circuit, `increase(${q.series('calls', is('outcome', 'success', 'failure'))}[5m])`)} >= 20`;
  const limited = sum([...circuit, 'rejectionReason'], `increase(${q.series('rejections', is('rejectionReason', ...byLimits))}[5m])`);
  const failing = `Calls fail, but too few at a time for the circuit to stay open. ${lookAt} "Failures by type" says what they meet.`;
  return [
    alert('BreakerFailureRateCritical', 'critical', { for: '1m', keep_firing_for: '2m' }, `${records.failureRatio} > 0.8\nand\n${enough}`, [
      `${who} fails more than 80 % of its calls`,
      `${percent} of the calls that were let through in 5 minutes failed.`,
      failing,
    ]),
    alert('BreakerFailureRateHigh', 'warning', { for: '2m', keep_firing_for: '2m' }, `${records.failureRatio} > 0.7 <= 0.8\nand\n${enough}`, [
      `${who} fails more than 70 % of its calls`,
      `${percent} of the calls that were let through in 5 minutes failed.`,
      failing,
    ]),
    alert('BreakerRejecting', 'warning', { for: '2m' }, `${records.rejectionRatio} > 0.05`, [
      `${who} refuses calls`,
      `${percent} of the calls of 5 minutes were refused.`,
      `${lookAt} "Refused calls by reason" says whether the circuit did it or a limit.`,
    ]),
    alert('BreakerLimitReached', 'warning', { for: '5m' }, `${limited} > 0`, [
      `${who} has been at its limit for more than 5 minutes`,
      `{{ $value | printf "%.0f" }} calls in 5 minutes: {{ $labels.${labelName('rejectionReason')} }}.`,
      'There is more load than bulkhead, rate limit or queue were made for, or the server has become slow: look at the durations. Raise the limit only if the server can bear it.',
    ]),
    alert('BreakerFallbackOveruse', 'warning', { for: '5m' }, `${records.fallbackRatio} > 0.5`, [
      `${who} serves more than half of its calls by fallbacks`,
      `${percent} of the calls of 5 minutes were answered by a fallback, with data that may be old or empty.`,
      `Users see degraded answers. ${lookAt} Bring the server back; see how old kept answers may get (fallback.stale.maxAgeMs).`,
    ]),
    alert('BreakerSlowCalls', 'warning', { for: '5m' }, `${records.p99} > 5`, [
      `Calls of ${who} take more than 5 seconds`,
      'The 99th percentile is {{ $value | humanizeDuration }}.',
      'Callers wait and hold memory and connections. Set timeoutMs, or slowCallMs and slowRatio, so that the circuit opens; look for slow queries.',
    ]),
    alert(
      'BreakerSlowerThanUsual',
      'warning',
      { for: '10m' },
      `${records.p95} > 3 * avg_over_time(${records.p95}[1d] offset 1h)\nand\n${records.p95} > 0.05`,
      [
        `Calls of ${who} take more than three times as long as in the last day`,
        'The 95th percentile of those that succeed is {{ $value | humanizeDuration }}.',
        'Look for a deploy, a plan that changed, a lock, a missing index, a neighbour on the same machine.',
      ],
    ),
  ];
}

/** About what stands beside the circuits: pools of connections, queues on disk. */
export function resourceAlerts(q: Queries): AlertingRule[] {
  const byPool: readonly By[] = ['job', 'instance', 'poolName'];
  const full = `${sum(byPool, q.series('poolConnections', is('poolConnectionState', 'used')))} >= ${sum(byPool, q.series('poolLimit'))}`;
  const waiting = `${sum(byPool, q.series('poolWaiting'))} > 0`;
  const looking =
    'Look for queries that take long, transactions left open, connections not given back; then for a larger pool, if the server has room.';
  return [
    alert('BreakerPoolExhausted', 'warning', { for: '1m' }, `${waiting}\nand\n${full}`, [
      `All connections of ${pool} are in use, and calls wait`,
      '{{ $value }} calls wait for a connection.',
      looking,
    ]),
    alert('BreakerPoolTimeouts', 'critical', { keep_firing_for: '5m' }, `${sum(byPool, `increase(${q.series('poolTimeouts')}[5m])`)} > 0`, [
      `Calls gave up waiting for a connection of ${pool}`,
      'About {{ $value | printf "%.0f" }} in 5 minutes. No circuit counts them, as the server may be well.',
      looking,
    ]),
    alert('BreakerQueueOld', 'warning', { for: '5m' }, `${max([...circuit, 'instance'], q.series('queueAge'))} > 600`, [
      `Queued writes of ${who} wait for more than 10 minutes`,
      'The oldest has waited for {{ $value | humanizeDuration }} on {{ $labels.instance }}.',
      'The server is away, or the queue is filled faster than replayPerSecond empties it. See that its disk has room; nothing acknowledged is lost meanwhile.',
    ]),
  ];
}

/** About the system as a whole, and what active checks say of its parts. */
export function healthAlerts(q: Queries): AlertingRule[] {
  const check = `{{ $labels.${labelName('checkName')} }}`;
  const where = 'GET /health of an instance says which dependencies are down, and which of them are the cause.';
  return [
    alert(
      'BreakerSystemCritical',
      'critical',
      { for: '1m' },
      `${sum(['job', 'healthState'], q.series('healthStatus', is('healthState', 'critical', 'emergency')))} > 0`,
      [
        `The state of {{ $labels.job }} is {{ $labels.${labelName('healthState')} }}`,
        'On {{ $value }} instance(s): less than half of its dependencies are up, or a critical one is down.',
        `${where} The log events breaker.health_change and breaker.health_check say since when and why.`,
      ],
    ),
    alert('BreakerDependencyDown', 'warning', { for: '2m' }, `${sum(['job', 'checkName'], q.series('checkStatus', is('checkStatus', 'down')))} > 0`, [
      `The check ${check} of {{ $labels.job }} fails`,
      'On {{ $value }} instance(s).',
      `${where} If the server is well for others, look at what the check asks, and with which credentials.`,
    ]),
  ];
}
