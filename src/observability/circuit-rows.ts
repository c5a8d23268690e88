import { lines, type Panel } from './panels.ts';
import { is } from './prometheus-names.ts';
import { type By, grown, legend, type Queries, quantile, rate, sum } from './queries.ts';

const interval = '$__rate_interval';

export function circuitCalls(q: Queries): Panel[] {
  const succeeded = rate(q.part('callDuration', 'bucket', is('outcome', 'success')), interval);
  return [
    lines(
      {
        title: 'Calls by outcome',
        description: 'Calls that were let through.',
        queries: [[sum(['outcome'], rate(q.series('calls'), interval)), legend('outcome')]],
        size: [8, 8],
        unit: 'reqps',
      },
      'stacked',
    ),
    lines({
      title: 'Duration of calls that succeeded',
      description: 'Percentiles from the histogram, of all instances.',
      queries: [0.5, 0.9, 0.99].map((each) => [quantile(each, [], succeeded), `p${each * 100}`] as const),
      size: [8, 8],
      unit: 's',
      min: 0,
    }),
    lines({
      title: 'Duration by outcome',
      description: '95th percentile. That of failures is what a caller waits for nothing.',
      queries: [[quantile(0.95, ['outcome'], rate(q.part('callDuration', 'bucket'), interval)), legend('outcome')]],
      size: [8, 8],
      unit: 's',
      min: 0,
    }),
    lines(
      {
        title: 'Failures by type',
        description: 'By error.type. Empty until a call has failed.',
        queries: [[sum(['errorType'], rate(q.part('callDuration', 'count', is('outcome', 'failure')), interval)), legend('errorType')]],
        size: [8, 8],
        unit: 'reqps',
      },
      'stacked',
    ),
    lines(
      {
        title: 'Refused calls by reason',
        description: 'By the circuit, or by a limit around it.',
        queries: [[sum(['rejectionReason'], rate(q.series('rejections'), interval)), legend('rejectionReason')]],
        size: [8, 8],
        unit: 'reqps',
      },
      'stacked',
    ),
    lines({
      title: 'In flight',
      description: 'Calls under way, by instance.',
      queries: [[sum(['instance'], q.series('inFlight')), legend('instance')]],
      size: [8, 8],
      min: 0,
    }),
    lines(
      {
        title: 'State changes',
        description: 'By where to and why. Empty until the state has changed.',
        queries: [[sum(['stateTo', 'trigger'], grown(q.series('transitions'), interval)), legend('stateTo', 'trigger')]],
        size: [8, 8],
      },
      'bars',
    ),
    lines(
      {
        title: 'Shadow mode: would have been refused',
        description: 'By reason. Empty where the circuit is not in shadow mode.',
        queries: [[sum(['rejectionReason'], rate(q.series('shadowRejections'), interval)), legend('rejectionReason')]],
        size: [8, 8],
        unit: 'reqps',
      },
      'stacked',
    ),
    lines(
      {
        title: 'Faults injected on purpose',
        description: 'Calls that have met one, by kind. Empty where nobody has injected any.',
        queries: [[sum(['faultKind'], rate(q.series('faultsInjected'), interval)), legend('faultKind')]],
        size: [8, 8],
        unit: 'reqps',
      },
      'bars',
    ),
  ];
}

/** Each is empty where its policy is not configured. */
export function circuitPolicies(q: Queries): Panel[] {
  const attempts = (part: 'sum' | 'count'): string => sum(['outcome'], rate(q.part('retryAttempts', part), interval));
  return [
    lines(
      {
        title: 'Fallbacks',
        description: 'By kind and whether they had an answer. Empty where no fallback is configured, or none was needed.',
        queries: [[sum(['fallbackType', 'outcome'], rate(q.series('fallbackCalls'), interval)), legend('fallbackType', 'outcome')]],
        size: [8, 8],
        unit: 'reqps',
      },
      'stacked',
    ),
    lines(
      {
        title: 'Kept answers',
        description: 'Lookups by result. Empty where no stale answers are configured.',
        queries: [[sum(['cacheResult'], rate(q.series('cacheLookups'), interval)), legend('cacheResult')]],
        size: [8, 8],
        unit: 'reqps',
      },
      'stacked',
    ),
    lines({
      title: 'Attempts per call',
      description: 'Mean, by how the call ended: 1 is a call that was not repeated. Empty where no retry is configured.',
      queries: [[`${attempts('sum')} / (${attempts('count')} > 0)`, legend('outcome')]],
      size: [8, 8],
      min: 1,
    }),
    lines({
      title: 'Bulkhead',
      description: 'Calls inside, calls that wait for a place, and the places. Empty where no bulkhead is configured.',
      queries: [
        [sum([], q.series('bulkheadActive')), 'inside'],
        [sum([], q.series('bulkheadQueued')), 'waiting'],
        [sum([], q.series('bulkheadLimit')), 'places'],
      ],
      size: [8, 8],
      min: 0,
    }),
    lines({
      title: 'Queued writes',
      description: 'Writes on disk that wait for their server. Empty where no queue is configured.',
      queries: [[sum(['instance'], q.series('queueDepth')), legend('instance')]],
      size: [8, 8],
      min: 0,
    }),
    lines({
      title: 'Age of the oldest queued write',
      description: 'Empty where no queue is configured.',
      queries: [[sum(['instance'], q.series('queueAge')), legend('instance')]],
      size: [8, 8],
      unit: 's',
      min: 0,
    }),
  ];
}

/** A pool belongs to a service's client, not to one circuit. */
export function circuitPools(q: Queries): Panel[] {
  const pool: readonly By[] = ['instance', 'poolName'];
  return [
    lines({
      title: 'Connections',
      description: 'In use and idle, and how many the pool may have. Empty where no client has a pool.',
      queries: [
        [sum([...pool, 'poolConnectionState'], q.series('poolConnections')), legend(...pool, 'poolConnectionState')],
        [sum(pool, q.series('poolLimit')), `${legend(...pool)} limit`],
      ],
      size: [8, 8],
      min: 0,
    }),
    lines({
      title: 'Calls that wait for a connection',
      description: 'Empty where no client has a pool.',
      queries: [[sum(pool, q.series('poolWaiting')), legend(...pool)]],
      size: [8, 8],
      min: 0,
    }),
    lines(
      {
        title: 'Calls that gave up waiting',
        description: 'Per second. No fault of the server, so no circuit counts them. Empty where no client has a pool.',
        queries: [[sum(pool, rate(q.series('poolTimeouts'), interval)), legend(...pool)]],
        size: [8, 8],
        min: 0,
      },
      'bars',
    ),
  ];
}
