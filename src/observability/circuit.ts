import { circuitCalls, circuitPolicies, circuitPools } from './circuit-rows.ts';
import { chosenCircuit, chosenServices, type Dashboard, dashboard } from './dashboard.ts';
import { lines, row, stat, stateTimeline } from './panels.ts';
import { is, type MetricSource } from './prometheus-names.ts';
import { grown, legend, max, queriesOf, sum } from './queries.ts';
import { stateCode, stateMappings } from './states.ts';

const range = '$__range';
/** The limit: a red dashed line across. */
const limitLine = {
  matcher: { id: 'byName', options: 'limit' },
  properties: [
    { id: 'color', value: { mode: 'fixed', fixedColor: 'red' } },
    { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } },
  ],
};

/** One circuit in depth: its state, why, how its calls fare, and what it saved. */
export function circuit(source: MetricSource): Dashboard {
  const q = queriesOf(source, ...chosenServices, chosenCircuit);
  const refused = `sum(increase(${q.series('rejections')}[${range}]))`;
  const failures = (part: 'sum' | 'count'): string => `sum(increase(${q.part('callDuration', part, is('outcome', 'failure'))}[${range}]))`;
  const away = q.series('stateTime', is('state', 'open', 'half_open', 'forced_open'));
  const worst = stat({ title: 'State', description: 'The worst among the instances.', queries: [[stateCode(q, [])]], size: [4, 4] });

  return dashboard({
    source,
    name: 'circuit',
    title: 'Circuits: one in depth',
    description: 'One circuit: its state, its ratio against the threshold, how its calls fare, what it refused and what that saved.',
    oneCircuit: true,
    annotation: [`${max(['instance'], q.series('status', is('state', 'open', 'forced_open')))} == 1`, `open: ${legend('instance')}`],
    panels: [
      { ...worst, fieldConfig: { defaults: { ...worst.fieldConfig?.defaults, mappings: stateMappings }, overrides: [] } },
      stat({
        title: 'Openings',
        description: 'In the chosen time, of all instances. Half-open circuits that open again count.',
        queries: [[`round(${sum([], grown(q.series('transitions', is('stateTo', 'open')), range))})`]],
        size: [4, 4],
        noValue: '0',
      }),
      stat({
        title: 'Time not closed',
        description: 'In the chosen time, of the instance with most of it.',
        queries: [[`max(${sum(['instance'], `increase(${away}[${range}])`)})`]],
        size: [4, 4],
        unit: 's',
      }),
      stat({
        title: 'Saved: refused calls',
        description: 'Calls that failed at once in place of burdening a sick server, in the chosen time.',
        queries: [[`round(${refused})`]],
        size: [4, 4],
        unit: 'short',
      }),
      stat({
        title: 'Saved: time of callers',
        description: 'An estimate: refused calls, each as long as the mean of those that were let through and failed in the chosen time.',
        queries: [[`${refused} * ${failures('sum')} / ${failures('count')}`]],
        size: [4, 4],
        unit: 's',
        noValue: '0 s',
      }),
      stat({
        title: 'Saved: served by fallbacks',
        description: 'Calls that got an answer after all, in the chosen time. Empty where no fallback is configured, or none was needed.',
        queries: [[`round(${sum([], grown(q.series('fallbackCalls', is('outcome', 'success')), range))})`]],
        size: [4, 4],
        unit: 'short',
        noValue: '0',
      }),
      stateTimeline({
        title: 'State by instance',
        description: 'Over time.',
        queries: [[stateCode(q, ['instance']), legend('instance')]],
        size: [24, 6],
      }),
      lines({
        title: 'Failure ratio against the threshold',
        description: 'Failures / results in the window. Nothing below the minimum number of calls, so nothing while the circuit is open.',
        queries: [
          [max(['instance'], q.series('failureRatio')), legend('instance')],
          [max([], q.series('failureRatioLimit')), 'limit'],
        ],
        size: [8, 8],
        unit: 'percentunit',
        min: 0,
        max: 1,
        overrides: [limitLine],
      }),
      lines({
        title: 'Slow ratio against the threshold',
        description: 'Slow calls / results in the window. Empty where no slowCallMs is set.',
        queries: [
          [max(['instance'], q.series('slowRatio')), legend('instance')],
          [max([], q.series('slowRatioLimit')), 'limit'],
        ],
        size: [8, 8],
        unit: 'percentunit',
        min: 0,
        max: 1,
        overrides: [limitLine],
      }),
      lines(
        {
          title: 'Results in the window',
          description: 'What the rules look at, of all instances.',
          queries: [[sum(['outcome'], q.series('windowCalls')), legend('outcome')]],
          size: [8, 8],
          min: 0,
        },
        'stacked',
      ),
      row('Calls'),
      ...circuitCalls(q),
      row('Policies'),
      ...circuitPolicies(q),
      row('Pools of the service'),
      ...circuitPools(queriesOf(source, ...chosenServices)),
    ],
  });
}
