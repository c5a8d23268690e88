import { chosenServices, type Dashboard, dashboard, uidOf } from './dashboard.ts';
import { lines, row, stat, stateTimeline, table } from './panels.ts';
import { is, labelName, type MetricSource } from './prometheus-names.ts';
import { type By, grown, legend, max, quantile, queriesOf, rate, sum } from './queries.ts';
import { checkCode, checkMappings, healthCode, healthMappings, stateCode, stateMappings } from './states.ts';

const circuit: readonly By[] = ['job', 'name'];
const interval = '$__rate_interval';
const noneIsGood = [
  { color: 'green', value: null },
  { color: 'red', value: 1 },
] as const;

/** All services and circuits at a glance: what is open, what it costs, what is near to it. */
export function overview(source: MetricSource): Dashboard {
  const q = queriesOf(source, ...chosenServices);
  const name = legend(...circuit);
  const open = q.series('status', is('state', 'open', 'half_open', 'forced_open'));
  const calls = rate(q.series('calls'), interval);
  const rejections = rate(q.series('rejections'), interval);
  const link = `/d/${uidOf('circuit', source)}?\${datasource:queryparam}&var-job=\${__data.fields["Service"]}&var-breaker=\${__data.fields["Circuit"]}`;

  return dashboard({
    source,
    name: 'overview',
    title: 'Circuits: overview',
    description: 'All circuits of all services: what is open, what was refused, what is near to opening.',
    oneCircuit: false,
    annotation: [`${max(circuit, q.series('status', is('state', 'open', 'forced_open')))} == 1`, `open: ${name}`],
    panels: [
      stat(
        {
          title: 'Not closed',
          description: 'Circuits that are open, half-open or forced open, each instance counted.',
          queries: [[sum([], open)]],
          size: [4, 4],
        },
        noneIsGood,
      ),
      stat({
        title: 'Circuits',
        description: 'Circuits of all instances.',
        queries: [[sum([], q.series('status'))]],
        size: [4, 4],
      }),
      stat({
        title: 'In shadow mode',
        description: 'Circuits that decide and report, but refuse nothing.',
        queries: [[sum([], q.series('status', is('state', 'shadow')))]],
        size: [4, 4],
      }),
      stat({ title: 'Calls per second', description: 'Calls that were let through.', queries: [[sum([], calls)]], size: [4, 4], unit: 'reqps' }),
      stat(
        {
          title: 'Refused per second',
          description: 'Calls that failed at once, without a wait and without load on their server.',
          queries: [[sum([], rejections)]],
          size: [4, 4],
          unit: 'reqps',
        },
        [
          { color: 'green', value: null },
          { color: 'orange', value: 0.01 },
        ],
      ),
      stat(
        {
          title: 'Waiting for a connection',
          description: 'Calls that wait because all connections of a pool are in use. Empty where no client has a pool.',
          queries: [[sum([], q.series('poolWaiting'))]],
          size: [4, 4],
          noValue: '0',
        },
        noneIsGood,
      ),
      stateTimeline({
        title: 'States',
        description: 'Of each circuit the worst state among the instances.',
        queries: [[stateCode(q, circuit), name]],
        size: [24, 9],
      }),
      table(
        {
          title: 'Circuits now',
          description: 'A click on a circuit shows it in depth. The failure ratio is there from the minimum number of calls on.',
          queries: [
            [stateCode(q, circuit)],
            [max(circuit, q.series('failureRatio'))],
            [max(circuit, q.series('failureRatioLimit'))],
            [sum(circuit, calls)],
            [sum(circuit, rejections)],
            [sum(circuit, q.series('inFlight'))],
          ],
          size: [24, 9],
          overrides: [
            by('State', { mappings: stateMappings, 'custom.cellOptions': { type: 'color-background' } }),
            by('Failure ratio', { unit: 'percentunit', decimals: 0 }),
            by('Opens at', { unit: 'percentunit', decimals: 0 }),
            by('Calls / s', { decimals: 2 }),
            by('Refused / s', { decimals: 2 }),
            by('Circuit', { links: [{ title: 'In depth', url: link }] }),
          ],
        },
        {
          job: 'Service',
          [labelName('name')]: 'Circuit',
          'Value #A': 'State',
          'Value #B': 'Failure ratio',
          'Value #C': 'Opens at',
          'Value #D': 'Calls / s',
          'Value #E': 'Refused / s',
          'Value #F': 'In flight',
        },
        [],
      ),
      row('Traffic'),
      lines(
        {
          title: 'Calls by outcome',
          description: 'Calls that were let through, of all circuits.',
          queries: [[sum(['outcome'], calls), legend('outcome')]],
          size: [12, 8],
          unit: 'reqps',
        },
        'stacked',
      ),
      lines(
        {
          title: 'Refused calls',
          description: 'By circuit and reason.',
          queries: [[sum([...circuit, 'rejectionReason'], rejections), legend(...circuit, 'rejectionReason')]],
          size: [12, 8],
          unit: 'reqps',
        },
        'stacked',
      ),
      lines({
        title: 'Nearness to opening',
        description: 'Failure ratio as a share of the limit: the circuit opens at 100 %. Nothing below the minimum number of calls.',
        queries: [
          [
            `${max([...circuit, 'instance'], q.series('failureRatio'))} / ${max([...circuit, 'instance'], q.series('failureRatioLimit'))}`,
            legend(...circuit, 'instance'),
          ],
        ],
        size: [12, 8],
        unit: 'percentunit',
        min: 0,
      }),
      lines({
        title: '99th percentile of the duration',
        description: 'Of calls that succeeded, by circuit.',
        queries: [[quantile(0.99, circuit, rate(q.part('callDuration', 'bucket', is('outcome', 'success')), interval)), name]],
        size: [12, 8],
        unit: 's',
        min: 0,
      }),
      row('What the circuits did'),
      lines(
        {
          title: 'Openings',
          description: 'By circuit and what tripped it. Empty until a circuit has opened.',
          queries: [[sum([...circuit, 'trigger'], grown(q.series('transitions', is('stateTo', 'open')), interval)), legend(...circuit, 'trigger')]],
          size: [8, 8],
        },
        'bars',
      ),
      lines(
        {
          title: 'Served by fallbacks',
          description: 'By circuit and kind. Empty where no fallback is configured, or none was needed.',
          queries: [
            [
              sum([...circuit, 'fallbackType'], rate(q.series('fallbackCalls', is('outcome', 'success')), interval)),
              legend(...circuit, 'fallbackType'),
            ],
          ],
          size: [8, 8],
          unit: 'reqps',
        },
        'stacked',
      ),
      lines(
        {
          title: 'Shadow mode: would have been refused',
          description: 'By circuit. Empty where no circuit is in shadow mode.',
          queries: [[sum(circuit, rate(q.series('shadowRejections'), interval)), name]],
          size: [8, 8],
          unit: 'reqps',
        },
        'stacked',
      ),
      row('Health of the systems'),
      stateTimeline(
        {
          title: 'Systems',
          description: 'The state of each service by what it depends on, the worst of its instances. Empty where no health is configured.',
          queries: [[healthCode(q, ['job']), legend('job')]],
          size: [8, 8],
        },
        healthMappings,
      ),
      stateTimeline(
        {
          title: 'Checks',
          description: 'What the results of each active check come to, the worst of all instances. Empty where no check is configured.',
          queries: [[checkCode(q, ['job', 'checkName']), legend('job', 'checkName')]],
          size: [8, 8],
        },
        checkMappings,
      ),
      lines({
        title: 'Duration of checks',
        description: 'Of the last one each, the longest of all instances. Empty where no check is configured.',
        queries: [[max(['job', 'checkName'], q.series('checkDuration')), legend('job', 'checkName')]],
        size: [8, 8],
        unit: 's',
        min: 0,
      }),
      row('Pools and queues'),
      lines({
        title: 'Pools: connections in use',
        description: 'As a share of what the pool may have. Empty where no client has a pool.',
        queries: [
          [
            `${max(['job', 'instance', 'poolName'], q.series('poolConnections', is('poolConnectionState', 'used')))} / ${max(['job', 'instance', 'poolName'], q.series('poolLimit'))} > -1`,
            legend('job', 'instance', 'poolName'),
          ],
        ],
        size: [8, 8],
        unit: 'percentunit',
        min: 0,
        max: 1,
      }),
      lines({
        title: 'Pools: calls that wait',
        description: 'For a connection. Empty where no client has a pool.',
        queries: [[sum(['job', 'instance', 'poolName'], q.series('poolWaiting')), legend('job', 'instance', 'poolName')]],
        size: [8, 8],
        min: 0,
      }),
      lines({
        title: 'Queued writes',
        description: 'Writes on disk that wait for their server. Empty where no queue is configured.',
        queries: [[sum([...circuit, 'instance'], q.series('queueDepth')), legend(...circuit, 'instance')]],
        size: [8, 8],
        min: 0,
      }),
    ],
  });
}

/** Settings of one column. */
function by(column: string, properties: Readonly<Record<string, unknown>>): object {
  return {
    matcher: { id: 'byName', options: column },
    properties: Object.entries(properties).map(([id, value]) => ({ id, value })),
  };
}
