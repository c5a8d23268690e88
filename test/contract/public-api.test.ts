import { describe, expect, test } from 'vitest';
import { reachable, root, textOf, withoutComments } from './imports.ts';

/** The names that a file exports by lists, those of types marked. */
function exported(file: string): string[] {
  const text = withoutComments(textOf(file));
  const lists = [...text.matchAll(/^export\s+(type\s+)?\{([^}]*)\}/gm)].flatMap(([, type, names]) =>
    (names ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => (type !== undefined && !name.startsWith('type ') ? `type ${name}` : name)),
  );
  const whole = [...text.matchAll(/^export\s+\*\s+as\s+(\w+)/gm)].map(([, name]) => name as string);
  const own = [...text.matchAll(/^export\s+(?:abstract\s+|async\s+)?(class|function|const|interface|type)\s+(\w+)/gm)].map(
    ([, kind, name]) => `${kind === 'interface' || kind === 'type' ? 'type ' : ''}${name}`,
  );
  return [...lists, ...whole, ...own].sort();
}

const values = (names: readonly string[]): string[] => names.filter((name) => !name.startsWith('type '));

/** Reviewed as an artefact: whoever changes a line here changes the package's surface. */
const entries = {
  'src/index.ts': [
    'AllTiersFailedError',
    'Breaker',
    'BreakerError',
    'BreakerOpenError',
    'BulkheadFullError',
    'CallTimeoutError',
    'ConfigError',
    'DurableQueue',
    'DurationHistogram',
    'ExecutionRejectedError',
    'FailedResultError',
    'IllegalTransitionError',
    'InjectedFaultError',
    'NotPreservedError',
    'Protected',
    'QueueFullError',
    'QueueOvertakenError',
    'RateLimitedError',
    'ReadOnlyModeError',
    'Registry',
    'RetryExhaustedError',
    'StaleCache',
    'StorageError',
    'createBreaker',
    'createCodec',
    'createRegistry',
    'dataClass',
    'durationBoundsMs',
    'enter',
    'errorSettings',
    'errorType',
    'isBreakerError',
    'isInjectedFault',
    'isStale',
    'overflowName',
    'policiesOf',
    'policyMetersOf',
    'protect',
    'queued',
    'rejectionReasons',
    'setFaultReporter',
    'staleAge',
    'stateNames',
    'systemClock',
    'transitions',
    'type AcquireOptions',
    'type Attempt',
    'type AttemptContext',
    'type AttemptHistogram',
    'type AttemptVerdict',
    'type BreakerEnvironment',
    'type BreakerEvents',
    'type BreakerHooks',
    'type BreakerOptions',
    'type Bulkhead',
    'type BulkheadOptions',
    'type CacheHit',
    'type CacheResult',
    'type CallEvent',
    'type CallResult',
    'type CallTracer',
    'type Classify',
    'type Clock',
    'type Codec',
    'type ConfigIssue',
    'type ConnectionEvidence',
    'type CountedOutcome',
    'type CreateRegistryOptions',
    'type CustomPolicy',
    'type DataClass',
    'type DeadLetter',
    'type DegradedBy',
    'type DegradedEvent',
    'type DegradedMode',
    'type DegradedSetting',
    'type DegradedState',
    'type DirectWrite',
    'type DurableQueueOptions',
    'type EnterOptions',
    'type FailureRecord',
    'type FallbackOptions',
    'type FallbackReason',
    'type FallbackTier',
    'type FallbackType',
    'type FaultReporter',
    'type Full',
    'type GuardedCall',
    'type HalfOpenOptions',
    'type Injection',
    'type InjectionKind',
    'type InjectionOptions',
    'type Jitter',
    'type KeyValueStore',
    'type LastTrip',
    'type Meters',
    'type Mode',
    'type NamedTier',
    'type OpenOptions',
    'type Outcome',
    'type PendingWrite',
    'type Permit',
    'type Policies',
    'type PolicyCall',
    'type PolicyMeters',
    'type PolicyOptions',
    'type PolicyTrace',
    'type ProtectOptions',
    'type QueueChanges',
    'type QueueCounts',
    'type QueueEnvironment',
    'type QueueEvents',
    'type QueueHandler',
    'type QueueHook',
    'type QueueLog',
    'type QueueOptions',
    'type QueueRecord',
    'type QueuedOptions',
    'type QueuedWrite',
    'type RateLimitOptions',
    'type RateLimiter',
    'type RegistryEvents',
    'type RejectedEvent',
    'type RejectionReason',
    'type Resolution',
    'type Resolve',
    'type ResolvedInjection',
    'type ResolvedOptions',
    'type ResolvedPolicies',
    'type RetryBudgetOptions',
    'type RetryOptions',
    'type RunContext',
    'type RunOptions',
    'type Scope',
    'type Slot',
    'type Snapshot',
    'type StaleAnswer',
    'type StaleCacheEnvironment',
    'type StaleCacheOptions',
    'type StaleHook',
    'type StaleOptions',
    'type StaleStore',
    'type StallOptions',
    'type StateName',
    'type Target',
    'type TierBreaker',
    'type Timer',
    'type TracedBreaker',
    'type TracedInjection',
    'type TransitionEvent',
    'type Trigger',
    'type TripRule',
    'type TripVerdict',
    'type TripView',
    'type WindowCounts',
    'type WindowOptions',
    'type WithStaleInfo',
    'withStaleInfo',
  ],
  'src/testing.ts': ['ManualClock', 'type Clock', 'type Timer'],
  'src/telemetry/index.ts': [
    'attachTelemetry',
    'breakerMetricProducer',
    'names',
    'type BreakerMetricProducer',
    'type DurationHistogramOption',
    'type MetricDefinition',
    'type MetricsOption',
    'type ProducedMetric',
    'type ProducedMetrics',
    'type ProducerOptions',
    'type TelemetryHandle',
    'type TelemetryOptions',
    'type Temporalities',
  ],
  'src/storage/index.ts': [
    'httpRules',
    'keyValueStore',
    'queueLog',
    'readDeadLetters',
    'type DeadLetter',
    'type DeadLetterLine',
    'type HttpHead',
    'type HttpRecord',
    'type HttpRules',
    'type KeyValueStore',
    'type QueueChanges',
    'type QueueLog',
    'type QueueRecord',
  ],
  'src/health/index.ts': [
    'createHealthMonitor',
    'type CheckFunction',
    'type CheckHealth',
    'type CheckInput',
    'type CheckStatus',
    'type CheckTiming',
    'type DegradeInput',
    'type HealthInput',
    'type HealthMonitor',
    'type HealthState',
    'type MonitorParts',
    'type Readiness',
    'type ReadinessRules',
    'type SystemHealth',
  ],
  'src/management/index.ts': [
    'createManagementServer',
    'parseTokens',
    'type AdminEvent',
    'type AlertSource',
    'type Asset',
    'type Assets',
    'type FaultSource',
    'type HealthSource',
    'type HistorySource',
    'type ManagementOptions',
    'type ManagementServer',
    'type ModeControl',
    'type ReloadOutcome',
    'type Token',
  ],
  'src/setup.ts': ['protectClient', 'register', 'setup', 'type Handle', 'type ReloadResult'],
  'instrumentations/index.ts': ['FetchBreakerInstrumentation', 'IORedisBreakerInstrumentation', 'PgBreakerInstrumentation'],
} as const satisfies Record<string, readonly string[]>;

describe('the public surface', () => {
  test.each(Object.entries(entries))('of %s is the one that was reviewed', (file, names) => {
    expect(exported(file)).toEqual([...names].sort());
  });

  test.each(Object.entries(entries))('of %s is there when it is loaded', async (file, names) => {
    const module = (await import(/* @vite-ignore */ `${root}${file}`)) as Record<string, unknown>;
    expect(Object.keys(module).sort()).toEqual(values(names).sort());
    for (const name of values(names)) expect(module[name], name).toBeDefined();
  });

  test('has no default export', () => {
    for (const file of Object.keys(entries)) expect(textOf(file), file).not.toMatch(/export default|as default/);
  });

  test('every entry of the package is a source file', () => {
    const { bin, exports } = JSON.parse(textOf('package.json')) as {
      bin: Record<string, string>;
      exports: Record<string, { types: string; default: string } | string>;
    };
    const files = [
      ...Object.values(bin),
      ...Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [] : [entry.types, entry.default])),
    ];
    for (const file of files) expect(() => textOf(file.replace('./dist/', '').replace(/(\.d\.ts|\.js)$/, '.ts')), file).not.toThrow();
  });
});

describe('the command line', () => {
  test('loads nothing of the engine, of OpenTelemetry, or of the server that it talks to', () => {
    const wrong = /^src\/(breaker|registry|telemetry|sdk|setup)|^instrumentations|^src\/management\/(?!wire|tokens)|^@/;
    const loaded = [...reachable('src/cli/main.ts')];
    expect(loaded.filter((file) => wrong.test(file) && file !== 'src/telemetry/names.ts')).toEqual([]);
  });

  test('is a program', () => {
    expect(textOf('src/cli/main.ts')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });
});

describe('loading the engine', () => {
  const loaded = [...reachable('src/index.ts')];

  test('loads no dependency', () => {
    expect(loaded.filter((target) => !target.endsWith('.ts') && !target.startsWith('node:'))).toEqual([]);
  });

  test('loads of Node only what has no effect by being loaded', () => {
    const modules = loaded.filter((target) => target.startsWith('node:')).sort();
    expect(modules).toEqual(['node:async_hooks']);
  });

  test('loads nothing of telemetry, the SDK, the instrumentations or file reading', () => {
    expect(loaded.filter((file) => /telemetry|sdk|instrumentations|load|sources|environment/.test(file))).toEqual([]);
  });

  test('the clock for tests loads nothing at all', () => {
    expect([...reachable('src/testing.ts')]).toEqual(['src/testing.ts']);
  });
});
