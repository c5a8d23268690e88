export { type AcquireOptions, Breaker, type BreakerEnvironment, type ConnectionEvidence } from './breaker/breaker.ts';
export { createBreaker } from './breaker/create-breaker.ts';
export { DurationHistogram, durationBoundsMs } from './breaker/duration-histogram.ts';
export type { BreakerEvents, CallEvent, FailureRecord, RejectedEvent, TransitionEvent, Trigger } from './breaker/events.ts';
export type { RunContext, RunOptions } from './breaker/execute.ts';
export type { Injection } from './breaker/injection.ts';
export { type Meters, rejectionReasons, stateNames } from './breaker/meters.ts';
export type { Permit } from './breaker/permit.ts';
export type { LastTrip, Snapshot } from './breaker/snapshot.ts';
export { transitions } from './breaker/transitions.ts';
export type { WindowCounts } from './breaker/window/window.ts';
export { type Clock, systemClock, type Timer } from './core/clock.ts';
export type { CustomPolicy, GuardedCall } from './core/custom-policy.ts';
export {
  BreakerError,
  BreakerOpenError,
  CallTimeoutError,
  ConfigError,
  type ConfigIssue,
  ExecutionRejectedError,
  errorSettings,
  errorType,
  IllegalTransitionError,
  isBreakerError,
  QueueFullError,
  QueueOvertakenError,
  type RejectionReason,
  type StateName,
  StorageError,
} from './core/errors.ts';
export { type FaultReporter, setFaultReporter } from './core/fault.ts';
export { InjectedFaultError, isInjectedFault } from './core/injected-fault-error.ts';
export type { InjectionKind, InjectionOptions, ResolvedInjection } from './core/injection.ts';
export type { BreakerOptions, HalfOpenOptions, Mode, OpenOptions, ResolvedOptions, StallOptions, WindowOptions } from './core/options.ts';
export type { CallResult, Classify, CountedOutcome, Outcome } from './core/outcome.ts';
export {
  AllTiersFailedError,
  BulkheadFullError,
  FailedResultError,
  RateLimitedError,
  ReadOnlyModeError,
  RetryExhaustedError,
} from './core/policy-errors.ts';
export type {
  BulkheadOptions,
  DegradedMode,
  FallbackOptions,
  FallbackReason,
  FallbackTier,
  Jitter,
  NamedTier,
  PolicyOptions,
  QueueOptions,
  RateLimitOptions,
  RetryBudgetOptions,
  RetryOptions,
  StaleOptions,
  TierBreaker,
} from './core/policy-options.ts';
export type { ResolvedPolicies } from './core/resolve-policies.ts';
export type { Target } from './core/target.ts';
export type { CallTracer, PolicyTrace, TracedBreaker, TracedInjection } from './core/tracer.ts';
export type { TripRule, TripVerdict, TripView } from './core/trip-rule.ts';
export type { Bulkhead, Full, Slot } from './policies/bulkhead.ts';
export { type Policies, policiesOf, policyMetersOf } from './policies/compose.ts';
export type { DirectWrite } from './policies/durable-queue/direct-writes.ts';
export { DurableQueue, type QueueEnvironment } from './policies/durable-queue/durable-queue.ts';
export type { AttemptContext, AttemptVerdict, QueueHandler } from './policies/durable-queue/handlers.ts';
export type { DurableQueueOptions } from './policies/durable-queue/options.ts';
export type { DeadLetter, QueueChanges, QueueLog, QueueRecord } from './policies/durable-queue/queue-log.ts';
export { type QueuedOptions, queued } from './policies/durable-queue/queued.ts';
export type { PendingWrite, QueueCounts, QueuedWrite, QueueEvents } from './policies/durable-queue/queued-write.ts';
export { type EnterOptions, enter, type Scope } from './policies/enter.ts';
export type { AttemptHistogram, CacheResult, FallbackType, PolicyMeters } from './policies/meters.ts';
export type { Attempt, PolicyCall } from './policies/policy-call.ts';
export type { QueueHook, StaleAnswer, StaleHook, StaleStore } from './policies/ports.ts';
export type { RateLimiter } from './policies/rate-limiter.ts';
export { type Codec, createCodec, type DataClass, dataClass, NotPreservedError } from './policies/stale-cache/codec.ts';
export type { KeyValueStore } from './policies/stale-cache/disk-tier.ts';
export type { StaleCacheOptions } from './policies/stale-cache/options.ts';
export { type CacheHit, StaleCache, type StaleCacheEnvironment } from './policies/stale-cache/stale-cache.ts';
export { isStale, staleAge, type WithStaleInfo, withStaleInfo } from './policies/stale-cache/stale-mark.ts';
export { Protected, type ProtectOptions, protect } from './protect.ts';
export { type CreateRegistryOptions, createRegistry } from './registry/create-registry.ts';
export type { DegradedBy, DegradedEvent, DegradedSetting, DegradedState } from './registry/degradation.ts';
export { type BreakerHooks, overflowName, Registry, type RegistryEvents, type Resolution, type Resolve } from './registry/registry.ts';
