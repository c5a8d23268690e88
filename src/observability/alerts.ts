import { defaultRules } from '../alerts/default-rules.ts';
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

/** What the process itself goes by as well. */
const limit = (rule: keyof typeof defaultRules): number => defaultRules[rule].limit;

const byLimits = values.rejectionReason.filter((reason) => limitReasons.has(reason) && reason !== 'read_only');

type Annotations = readonly [summary: string, description: string, where?: string];

/** A rule that the process has as well, by the same name: severity, limit, duration and what to do are of one source. */
function alert(
  name: keyof typeof defaultRules,
  timing: { keep_firing_for?: string },
  expr: string,
  [summary, description, where]: Annotations,
): AlertingRule {
  const { severity, forMs, runbook } = defaultRules[name];
  return {
    alert: name,
    expr,
    ...(forMs > 0 && { for: durationOf(forMs) }),
    ...timing,
    labels: { severity },
    annotations: { summary, description, runbook: where === undefined ? runbook : `${runbook} ${where}` },
  };
}

/** As Prometheus writes it. */
function durationOf(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1_000}s`;
}

/** About circuits themselves: open, flapping, left as somebody put them. */
export function circuitAlerts(q: Queries): AlertingRule[] {
  // From closed: a circuit that stays open through an outage goes half-open and open again all the time.
  const openings = sum(circuit, grown(q.series('transitions', is('stateFrom', 'closed'), is('stateTo', 'open')), '15m'));
  const failedProbes = sum(circuit, grown(q.series('transitions', is('trigger', 'probes_failed', 'probe_lease', 'ramp_up_failed')), '10m'));
  const open = `${sum(circuit, q.series('status', is('state', 'open', 'half_open')))} > ${limit('BreakerOpen')}`;
  return [
    alert('BreakerOpen', {}, open, [
      `${who} has been open for more than 5 minutes`,
      'Its calls are refused, or served by their fallback, on {{ $value }} instance(s).',
      `${lookAt} "Failures by type" has them.`,
    ]),
    alert('BreakerFlapping', { keep_firing_for: '5m' }, `${openings} > ${limit('BreakerFlapping')}`, [
      `${who} opens and closes again and again`,
      'It opened {{ $value | printf "%.0f" }} times in 15 minutes.',
      lookAt,
    ]),
    alert('BreakerProbesFailing', {}, `${failedProbes} > ${limit('BreakerProbesFailing')}\nand\n${open}`, [
      `${who} tries to close and cannot`,
      'Its probes failed {{ $value | printf "%.0f" }} times in 10 minutes.',
    ]),
    alert(
      'BreakerLeftByHand',
      {},
      `${sum([...circuit, 'state'], q.series('status', is('state', 'forced_open', 'disabled')))} > ${limit('BreakerLeftByHand')}`,
      [`${who} has been {{ $labels.${labelName('state')} }} by hand for more than an hour`, 'On {{ $value }} instance(s).'],
    ),
    alert(
      'BreakerShadowWouldReject',
      { keep_firing_for: '10m' },
      `${sum(circuit, `increase(${q.series('shadowRejections')}[10m])`)} > ${limit('BreakerShadowWouldReject')}`,
      [`${who}, in shadow mode, would have refused calls`, 'About {{ $value | printf "%.0f" }} calls in 10 minutes.', lookAt],
    ),
  ];
}

/** About the calls: failures, refusals, fallbacks, durations. */
export function callAlerts(q: Queries): AlertingRule[] {
  const decided = sum(circuit, `increase(${q.series('calls', is('outcome', 'success', 'failure'))}[5m])`);
  const enough = `${decided} >= ${defaultRules.BreakerFailureRateCritical.minimumCalls}`;
  const limited = sum([...circuit, 'rejectionReason'], `increase(${q.series('rejections', is('rejectionReason', ...byLimits))}[5m])`);
  const types = `${lookAt} "Failures by type" has them.`;
  const critical = limit('BreakerFailureRateCritical');
  const high = limit('BreakerFailureRateHigh');
  return [
    alert('BreakerFailureRateCritical', { keep_firing_for: '2m' }, `${records.failureRatio} > ${critical}\nand\n${enough}`, [
      `${who} fails more than ${critical * 100} % of its calls`,
      `${percent} of the calls that were let through in 5 minutes failed.`,
      types,
    ]),
    alert('BreakerFailureRateHigh', { keep_firing_for: '2m' }, `${records.failureRatio} > ${high} <= ${critical}\nand\n${enough}`, [
      `${who} fails more than ${high * 100} % of its calls`,
      `${percent} of the calls that were let through in 5 minutes failed.`,
      types,
    ]),
    alert('BreakerRejecting', {}, `${records.rejectionRatio} > ${limit('BreakerRejecting')}`, [
      `${who} refuses calls`,
      `${percent} of the calls of 5 minutes were refused.`,
      `${lookAt} "Refused calls by reason" has them.`,
    ]),
    alert('BreakerLimitReached', {}, `${limited} > ${limit('BreakerLimitReached')}`, [
      `${who} has been at its limit for more than 5 minutes`,
      `{{ $value | printf "%.0f" }} calls in 5 minutes: {{ $labels.${labelName('rejectionReason')} }}.`,
    ]),
    alert('BreakerFallbackOveruse', {}, `${records.fallbackRatio} > ${limit('BreakerFallbackOveruse')}`, [
      `${who} serves more than half of its calls by fallbacks`,
      `${percent} of the calls of 5 minutes were answered by a fallback, with data that may be old or empty.`,
      lookAt,
    ]),
    alert('BreakerSlowCalls', {}, `${records.p99} > ${limit('BreakerSlowCalls') / 1_000}\nand\n${enough}`, [
      `Calls of ${who} take more than 5 seconds`,
      'The 99th percentile is {{ $value | humanizeDuration }}.',
    ]),
    alert(
      'BreakerSlowerThanUsual',
      {},
      `${records.p95} > ${limit('BreakerSlowerThanUsual')} * avg_over_time(${records.p95}[1d] offset 1h)\nand\n${records.p95} > 0.05\nand\n${enough}`,
      [
        `Calls of ${who} take more than three times as long as in the last day`,
        'The 95th percentile of those that succeed is {{ $value | humanizeDuration }}.',
      ],
    ),
  ];
}

/** About what stands beside the circuits: pools of connections, queues on disk. */
export function resourceAlerts(q: Queries): AlertingRule[] {
  const byPool: readonly By[] = ['job', 'instance', 'poolName'];
  const full = `${sum(byPool, q.series('poolConnections', is('poolConnectionState', 'used')))} >= ${sum(byPool, q.series('poolLimit'))}`;
  const waiting = `${sum(byPool, q.series('poolWaiting'))} > ${limit('BreakerPoolExhausted')}`;
  const timeouts = sum(byPool, `increase(${q.series('poolTimeouts')}[5m])`);
  return [
    alert('BreakerPoolExhausted', {}, `${waiting}\nand\n${full}`, [
      `All connections of ${pool} are in use, and calls wait`,
      '{{ $value }} calls wait for a connection.',
    ]),
    alert('BreakerPoolTimeouts', { keep_firing_for: '5m' }, `${timeouts} > ${limit('BreakerPoolTimeouts')}`, [
      `Calls gave up waiting for a connection of ${pool}`,
      'About {{ $value | printf "%.0f" }} in 5 minutes.',
    ]),
    alert('BreakerQueueOld', {}, `${max([...circuit, 'instance'], q.series('queueAge'))} > ${limit('BreakerQueueOld') / 1_000}`, [
      `Queued writes of ${who} wait for more than 10 minutes`,
      'The oldest has waited for {{ $value | humanizeDuration }} on {{ $labels.instance }}.',
    ]),
  ];
}

/** A rule that Prometheus alone has: in the process the health of the system tells of itself. */
function healthAlert(
  alert: string,
  severity: AlertingRule['labels']['severity'],
  lasting: string,
  expr: string,
  [summary, description, runbook]: readonly [string, string, string],
): AlertingRule {
  return { alert, expr, for: lasting, labels: { severity }, annotations: { summary, description, runbook } };
}

/** About the system as a whole, and what active checks say of its parts. */
export function healthAlerts(q: Queries): AlertingRule[] {
  const check = `{{ $labels.${labelName('checkName')} }}`;
  const where = 'GET /health of an instance says which dependencies are down, and which of them are the cause.';
  return [
    healthAlert(
      'BreakerSystemCritical',
      'critical',
      '1m',
      `${sum(['job', 'healthState'], q.series('healthStatus', is('healthState', 'critical', 'emergency')))} > 0`,
      [
        `The state of {{ $labels.job }} is {{ $labels.${labelName('healthState')} }}`,
        'On {{ $value }} instance(s): less than half of its dependencies are up, or a critical one is down.',
        `${where} The log events breaker.health_change and breaker.health_check say since when and why.`,
      ],
    ),
    healthAlert('BreakerDependencyDown', 'warning', '2m', `${sum(['job', 'checkName'], q.series('checkStatus', is('checkStatus', 'down')))} > 0`, [
      `The check ${check} of {{ $labels.job }} fails`,
      'On {{ $value }} instance(s).',
      `${where} If the server is well for others, look at what the check asks, and with which credentials.`,
    ]),
  ];
}
